/**
 * `foretoken generate --completions N`: several short continuations of a prompt, one JSON object a line.
 * @module
 */
import { ForetokenError } from '../errors.ts';
import type { Model, Prompt } from '../model.ts';
import { openStore } from '../store/store.ts';
import { DRAFT_OPTIONS } from './draft-options.ts';
import { GENERATE_OPTIONS } from './generate-options.ts';
import { MODEL_OPTIONS } from './model.ts';
import type { OptionTable, OptionValues } from './options.ts';
import { PROMPT_OPTIONS } from './prompt.ts';
import type { Terminal } from './terminal.ts';

export const COMPLETIONS_OPTIONS = {
  completions: {
    kind: 'integer',
    value: 'N',
    help: 'N short continuations, 1..8, for about the price of one: a line of JSON each, best first;\n--max-tokens is 10 then, and --store tells which token goes with which',
  },
} as const satisfies OptionTable;

/** What these continuations take besides. */
const FITTING = {
  ...MODEL_OPTIONS,
  ...PROMPT_OPTIONS,
  ...COMPLETIONS_OPTIONS,
  'max-tokens': GENERATE_OPTIONS['max-tokens'],
  store: DRAFT_OPTIONS.store,
} as const satisfies OptionTable;

/** @throws {ForetokenError} `usage.option` for options of other texts */
export function checkCompletionsOptions(given: Readonly<Record<string, unknown>>): void {
  const other = Object.keys(given).find((name) => !Object.hasOwn(FITTING, name));
  if (other !== undefined) throw new ForetokenError('usage.option', `--${other} does not go with --completions`);
}

/** @throws {ForetokenError} what `completions` and `openStore` state */
export async function writeCompletions(
  model: Model,
  prompt: Prompt,
  { completions: n, 'max-tokens': maxTokens, store }: OptionValues<typeof FITTING>,
  terminal: Terminal,
): Promise<void> {
  const found = await model.completions(prompt, {
    ...(n !== undefined && { n }),
    ...(maxTokens !== undefined && { maxTokens }),
    ...(store !== undefined && { store: await openStore(store) }),
    signal: terminal.signal,
  });
  for (const { text, ...rest } of found) {
    await terminal.write(`${JSON.stringify({ ...(model.tokenizer && { text }), ...rest })}\n`);
  }
}
