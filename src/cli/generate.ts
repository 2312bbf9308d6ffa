/**
 * `foretoken generate`: text as it comes, or one JSON object.
 * @module
 */
import process from 'node:process';
import type { Generation } from '../decode/generation.ts';
import type { Progress } from '../decode/options.ts';
import type { Piece } from '../decode/output.ts';
import type { StepReport } from '../decode/step-report.ts';
import { ForetokenError } from '../errors.ts';
import { load } from '../load.ts';
import type { Model } from '../model.ts';
import { command } from './command.ts';
import { checkCompletionsOptions, COMPLETIONS_OPTIONS, writeCompletions } from './completions.ts';
import { DRAFT_MODEL_OPTIONS, draftModelOption, judgeOption, ruleOption } from './draft-model-options.ts';
import { GENERATE_OPTIONS, generateOptions } from './generate-options.ts';
import { HEAD_OPTIONS, headOption, withHead } from './head-options.ts';
import { DRAFT_OPTIONS, withDrafts } from './draft-options.ts';
import { DEFAULT_MODEL, loadOptions, MODEL_OPTIONS } from './model.ts';
import { PROMPT_OPTIONS, readPrompt } from './prompt.ts';
import { colouredDrafts, type DraftView, listedDrafts, tokenTexts } from './show-drafts.ts';
import { statsLines, summaryLine, threadsLine } from './stats-text.ts';
import { openPromptCache, PROMPT_CACHE_OPTIONS } from './prompt-cache-file.ts';
import type { Terminal } from './terminal.ts';

export const generateCommand = command({
  name: 'generate',
  summary: 'goes on from a prompt',
  usage: '[PROMPT] [OPTIONS]',
  options: {
    ...MODEL_OPTIONS,
    ...PROMPT_OPTIONS,
    ...GENERATE_OPTIONS,
    ...PROMPT_CACHE_OPTIONS,
    ...DRAFT_OPTIONS,
    ...DRAFT_MODEL_OPTIONS,
    ...COMPLETIONS_OPTIONS,
    ...HEAD_OPTIONS,
    json: {
      kind: 'flag',
      help: 'print one object at the end: text, tokens, promptTokens (their number), finishReason, stats, threads',
    },
    stats: { kind: 'flag', help: 'tell on stderr how it went' },
    'show-drafts': {
      kind: 'flag',
      help: "show in colours what was drafted and accepted, drafted and rejected, and the model's own;\nwhere there are no colours, as a line for each pass",
    },
  },
  positionals: 1,
  notes: `Without PROMPT, --file and --prompt-ids the prompt is read from stdin; - says so. With --prompt-ids the output is token ids, too.
Ctrl-C ends the text; what there is of it is kept.

  foretoken generate 'export function clamp(' --max-tokens 64 --stats
  foretoken generate --file prompt.txt --draft lookup,recycle --json
  foretoken generate --file prompt.txt --show-drafts
  foretoken generate --file prompt.txt --store notes.store --prediction old.txt
  foretoken generate 'const total = ' --completions 3 --store notes.store
  foretoken generate --file prompt.txt --draft-heads heads/hydra --draft auto,head
  git diff | foretoken generate --temperature 0.8 --seed 7
  foretoken generate --file prompt.txt --model large --draft-model small --temperature 1 --verify speculative`,
  async run({ options, positionals: [argument] }, terminal) {
    const prompt = await readPrompt(argument, options);
    if (prompt === undefined)
      throw new ForetokenError('usage.prompt', 'no prompt: give an argument, --file, --prompt-ids, or text on stdin');
    if (options['show-drafts'] && options.json)
      throw new ForetokenError('usage.option', '--show-drafts: --json prints one object and nothing else');
    if (options.completions !== undefined) {
      checkCompletionsOptions(options);
      const model = await load(options.model ?? DEFAULT_MODEL, loadOptions(options, terminal));
      return writeCompletions(model, prompt, options, terminal);
    }
    const cache = await openPromptCache(options);
    const named = ruleOption(options);
    const model = await load(options.model ?? DEFAULT_MODEL, loadOptions(options, terminal));
    const rule = await judgeOption(options, named, model.config.eosTokens);
    const drafter = await draftModelOption(options, terminal);
    const asked = generateOptions(options);
    const draft = withHead(asked.draft!, await headOption(options, model));
    const onProgress = ({ phase, done, total }: Progress) =>
      terminal.status(() =>
        phase === 'prefill' ? `prompt, ${done} of ${total} tokens` : summaryLine(generation.stats),
      );
    const asText = typeof prompt === 'string';
    const shown = options['show-drafts'] ? new ShownDrafts(model, asText, terminal) : undefined;
    const conversation = cache ? cache.conversation(model, prompt) : model.conversation();
    const generation: Generation = conversation.generate(prompt, {
      ...(await withDrafts({ ...asked, draft }, options, drafter)),
      ...(rule && { verifier: rule }),
      signal: terminal.signal,
      onProgress,
      ...(shown && { onStep: shown.onStep }),
    });
    if (options.json) {
      await untilEnd(generation, terminal);
      const text = asText ? await generation.text() : undefined;
      await terminal.write(`${JSON.stringify({ ...result(generation, text), threads: model.threads })}\n`);
    } else if (shown) {
      await shown.stream(generation);
    } else {
      await (asText ? streamText : streamIds)(generation, terminal);
    }
    await cache?.keep(conversation);
    if (options.stats) {
      const lines = [statsLines(generation.stats), threadsLine(model)];
      if (rule) lines.push(`verifier: ${rule.name}, ${rule.guarantee}`);
      terminal.note(lines.join('\n'));
    }
  },
});

/** Runs a generation to its end, or to where ctrl-C or a closed pipe ends it: what it has by then is a result, too. */
async function untilEnd(
  generation: Generation,
  terminal: Terminal,
  onPiece?: (piece: Piece) => Promise<void>,
): Promise<void> {
  try {
    for await (const piece of generation) await onPiece?.(piece);
  } catch (error) {
    if (!terminal.signal.aborted) throw error;
  }
}

async function streamText(generation: Generation, terminal: Terminal): Promise<void> {
  let written = 0;
  await untilEnd(generation, terminal, async ({ text }) => {
    await terminal.write(text);
    written += text.length;
  });
  // Text that could have become a stop string is let go at an early end.
  await terminal.write((await generation.text()).slice(written));
  if (process.stdout.isTTY) await terminal.write('\n');
}

/** What --show-drafts writes instead of the text: every pass, also the tokens that end the text and those of a stop string. */
class ShownDrafts {
  readonly #view: DraftView;
  readonly #terminal: Terminal;
  #text = '';

  constructor({ tokenizer }: Model, asText: boolean, terminal: Terminal) {
    const texts = tokenTexts(asText && tokenizer ? () => tokenizer.detokenizer() : undefined);
    this.#view = terminal.hasColours ? colouredDrafts(texts) : listedDrafts(texts);
    this.#terminal = terminal;
  }

  readonly onStep = (step: StepReport): void => {
    this.#text += this.#view.pass(step);
  };

  async stream(generation: Generation): Promise<void> {
    this.#terminal.note(this.#view.legend);
    await untilEnd(generation, this.#terminal, () => this.#write());
    this.#text += this.#view.end();
    await this.#write();
  }

  async #write(): Promise<void> {
    const text = this.#text;
    this.#text = '';
    await this.#terminal.write(text);
  }
}

/** The list that --prompt-ids takes. */
async function streamIds(generation: Generation, terminal: Terminal): Promise<void> {
  let separator = '';
  await untilEnd(generation, terminal, async ({ tokens }) => {
    await terminal.write(separator + tokens.join(','));
    separator = ',';
  });
  await terminal.write('\n');
}

/** @param text absent when the prompt was token ids */
function result({ tokens, finishReason, stats }: Generation, text: string | undefined) {
  return { ...(text !== undefined && { text }), tokens, promptTokens: stats.promptTokens, finishReason, stats };
}
