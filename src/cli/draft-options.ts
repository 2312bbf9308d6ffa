/**
 * What a generation on the command line may draft from besides its own text: a store, a prediction.
 * @module
 */
import { readFile } from 'node:fs/promises';
import type { GenerateOptions } from '../decode/options.ts';
import { ForetokenError, quote } from '../errors.ts';
import { openStore } from '../store/store.ts';
import type { OptionTable, OptionValues } from './options.ts';

export const DRAFT_OPTIONS = {
  store: { kind: 'text', value: 'PATH', help: 'also draft from a store of text that foretoken index has written' },
  prediction: { kind: 'text', value: 'PATH', help: 'also draft from a file that the text is expected to resemble' },
} as const satisfies OptionTable;

/**
 * The options of a generation, with what these files add.
 * @throws {ForetokenError} `usage.option` for a store with `--draft none`, `source.read`; what `openStore` states
 */
export async function withDrafts(
  options: GenerateOptions,
  { store, prediction }: OptionValues<typeof DRAFT_OPTIONS>,
): Promise<GenerateOptions> {
  const text = prediction === undefined ? {} : { prediction: await readText(prediction) };
  if (store === undefined) return { ...options, ...text };
  if (options.draft === 'none')
    throw new ForetokenError('usage.option', '--store: nothing is drafted with --draft none');
  const drafter = (await openStore(store)).drafter();
  return { ...options, ...text, draft: [options.draft ?? 'auto', drafter].flat() };
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new ForetokenError('source.read', `prediction ${quote(path)} could not be read: ${code}`, { cause });
  }
}
