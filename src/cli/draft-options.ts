/**
 * What a generation on the command line may draft from besides its own text: a store, a prediction, a smaller model.
 * @module
 */
import type { DraftOption, GenerateOptions } from '../decode/options.ts';
import type { AnyDrafter } from '../draft/drafter.ts';
import { ForetokenError } from '../errors.ts';
import { openStore } from '../store/store.ts';
import type { OptionTable, OptionValues } from './options.ts';
import { readText } from './read-text.ts';

export const DRAFT_OPTIONS = {
  store: { kind: 'text', value: 'PATH', help: 'also draft from a store of text that foretoken index has written' },
  prediction: { kind: 'text', value: 'PATH', help: 'also draft from a file that the text is expected to resemble' },
} as const satisfies OptionTable;

/**
 * The options of a generation, with what these files add, and with a drafter besides.
 * @throws {ForetokenError} `usage.option` for a store with `--draft none`, `source.read`; what `openStore` states
 */
export async function withDrafts(
  options: GenerateOptions,
  { store, prediction }: OptionValues<typeof DRAFT_OPTIONS>,
  drafter?: AnyDrafter,
): Promise<GenerateOptions> {
  const text = prediction === undefined ? {} : { prediction: await readText('prediction', prediction) };
  if (store !== undefined && options.draft === 'none')
    throw new ForetokenError('usage.option', '--store: nothing is drafted with --draft none');
  const others = [...(store === undefined ? [] : [(await openStore(store)).drafter()]), ...(drafter ? [drafter] : [])];
  if (others.length === 0) return { ...options, ...text };
  // A draft model drafts alone unless others are named: `auto` chooses by what others cost.
  const named = drafter && options.draft === 'auto' ? [] : (options.draft ?? 'auto');
  return { ...options, ...text, draft: [named, others].flat(2) as DraftOption };
}
