/**
 * `foretoken embed`: vectors of texts, one JSON object a line.
 * @module
 */
import type { EmbedOptions, Pooling } from '../embed.ts';
import { ForetokenError } from '../errors.ts';
import { load } from '../load.ts';
import { command } from './command.ts';
import { DEFAULT_MODEL, loadOptions, MODEL_OPTIONS } from './model.ts';
import { PROMPT_OPTIONS, readPrompt } from './prompt.ts';

export const embedCommand = command({
  name: 'embed',
  summary: 'gives a vector for each text',
  usage: '[TEXT] [OPTIONS]',
  options: {
    ...MODEL_OPTIONS,
    file: { ...PROMPT_OPTIONS.file, help: 'read texts from a file, one a line' },
    'prompt-ids': { ...PROMPT_OPTIONS['prompt-ids'], help: 'one text as token ids, 1,2,3: needs no tokenizer' },
    pooling: { kind: 'text', value: 'NAME', help: 'mean (default) of all positions, or the last or first one' },
    raw: { kind: 'flag', help: 'leave vectors as long as they are; else their length is 1' },
  },
  positionals: 1,
  notes: `Without TEXT, --file and --prompt-ids texts are read from stdin, one a line. Every line of output is { "tokens": N, "embedding": [...] },
in the order of the texts. An empty line is a text of no tokens, which has no vector.

  foretoken embed 'a cat' --pooling last
  foretoken embed --file titles.txt > vectors.jsonl`,
  async run({ options, positionals: [argument] }, terminal) {
    const given = await readPrompt(argument, options);
    if (given === undefined)
      throw new ForetokenError('usage.prompt', 'no text: give an argument, --file, --prompt-ids, or lines on stdin');
    const fromLines = typeof given === 'string' && (argument === undefined || argument === '-');
    const texts = fromLines ? given.replace(/\r?\n$/, '').split(/\r?\n/) : [given];
    const model = await load(options.model ?? DEFAULT_MODEL, loadOptions(options, terminal));
    const chosen: EmbedOptions = {
      ...(options.pooling !== undefined && { pooling: options.pooling as Pooling }), // the library refuses others
      normalise: !options.raw,
      signal: terminal.signal,
    };
    for (const [done, text] of texts.entries()) {
      terminal.status(() => `text ${done + 1} of ${texts.length}`);
      const ids = model.encode(text);
      const [vector] = await model.embed([ids], chosen);
      await terminal.write(`${JSON.stringify({ tokens: ids.length, embedding: [...vector!] })}\n`);
    }
  },
});
