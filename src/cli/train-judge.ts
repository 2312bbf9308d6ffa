/**
 * `foretoken train judge`: a judge for a model, from texts such as it will write. Its accuracy and what it costs in quality are shown.
 * @module
 */
import { ForetokenError } from '../errors.ts';
import { load } from '../load.ts';
import { command } from './command.ts';
import { DEFAULT_MODEL, loadOptions, MODEL_OPTIONS } from './model.ts';
import { readText } from './read-text.ts';
import { figure, table } from './table.ts';
import { expectNothing, writeFile } from './write-file.ts';

export const trainJudgeCommand = command({
  name: 'train judge',
  summary: 'learns which drafts a model can do with, for lossy decoding',
  usage: '--data FILES --out FILE [OPTIONS]',
  options: {
    ...MODEL_OPTIONS,
    data: {
      kind: 'texts',
      value: 'FILE',
      help: 'text to learn from, such as the model will write; may be given several times',
    },
    out: { kind: 'text', value: 'FILE', help: 'where the judge goes, as JSON, for generate --judge' },
    window: {
      kind: 'integer',
      value: 'N',
      help: 'tokens of the pieces that texts are cut into; default 128. One in ten is held out',
    },
    epochs: { kind: 'integer', value: 'N', help: 'rounds over all examples; default 8' },
    'wrong-weight': {
      kind: 'number',
      value: 'W',
      help: 'how much more a wrong token weighs than a right one; default 2',
    },
    seed: { kind: 'integer', value: 'N', help: 'which errors are planted, and the order of examples; default 0' },
  },
  positionals: 0,
  notes: `Tokens are right where the model itself finds them likely enough, and wrong where they were planted and it does not. The table that is
printed tells what the judge costs: tokens a pass, and the perplexity under the model of what it writes, by threshold; 1 is no judge.

  foretoken train judge --data notes.txt --data src.txt --out judge.json
  foretoken generate --file prompt.txt --judge judge.json --judge-threshold 0.8 --stats`,
  async run({ options }, terminal) {
    const { data = [], out, window, epochs, 'wrong-weight': wrongWeight, seed } = options;
    if (data.length === 0 || out === undefined)
      throw new ForetokenError('usage.option', 'expected --data FILE and --out FILE');
    await expectNothing(out);
    const texts = await Promise.all(data.map((path) => readText('text', path)));
    const model = await load(options.model ?? DEFAULT_MODEL, loadOptions(options, terminal));
    // Loaded only here: other commands do without training.
    const { trainJudge } = await import('../train/judge/index.ts');
    const { head, accuracy, quality } = await trainJudge(model, texts, {
      ...(window !== undefined && { window }),
      ...(epochs !== undefined && { epochs }),
      ...(wrongWeight !== undefined && { wrongWeight }),
      ...(seed !== undefined && { seed }),
      signal: terminal.signal,
      onProgress: ({ phase, done, total }) => terminal.status(() => `${phase}, ${done} of ${total}`),
    });
    const file = `${JSON.stringify({ weights: Array.from(head.weights), bias: head.bias, accuracy, quality })}\n`;
    await writeFile(out, [new TextEncoder().encode(file)], terminal);
    const rows = quality.map((row) => [
      String(row.threshold),
      figure(row.tokensPerPass),
      figure(row.perplexity),
      percent(row.ownChoice),
    ]);
    await terminal.write(`held out: ${accuracy.examples} tokens, ${accuracy.right} of them right
accuracy ${percent(accuracy.accuracy)}, area under the curve ${accuracy.auc.toFixed(3)}
accepted at 0.5: ${percent(accuracy.acceptedRight)} of right tokens that are not the model's choice, ${percent(accuracy.acceptedWrong)} of wrong ones

${table([['threshold', 'tokens a pass', 'perplexity', "model's own choice"], ...rows])}
`);
  },
});

function percent(share: number): string {
  return Number.isNaN(share) ? '-' : `${(100 * share).toFixed(1)}%`;
}
