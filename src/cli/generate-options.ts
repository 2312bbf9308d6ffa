/**
 * The options of a generation, on the command line and in the library.
 * @module
 */
import { DRAFTER_NAMES, type DraftOption, type GenerateOptions } from '../decode/options.ts';
import type { OptionTable, OptionValues } from './options.ts';

export const GENERATE_OPTIONS = {
  draft: {
    kind: 'list',
    value: 'NAMES',
    help: `auto (default), none, or drafters, merged in this order:\n${DRAFTER_NAMES.join(', ')}; auto may be among them`,
  },
  'max-tokens': { kind: 'integer', value: 'N', help: 'most tokens to generate; default 256' },
  temperature: {
    kind: 'number',
    value: 'T',
    help: '0 (default) is greedy; else tokens are drawn, more evenly the higher it is',
  },
  'top-k': { kind: 'integer', value: 'K', help: 'draw among the K most likely tokens' },
  'top-p': { kind: 'number', value: 'P', help: 'draw among the fewest most likely tokens that sum to P' },
  'min-p': { kind: 'number', value: 'P', help: 'draw among tokens at least P times as likely as the most likely one' },
  'repetition-penalty': { kind: 'number', value: 'R', help: 'over 1: less repetition' },
  seed: { kind: 'integer', value: 'N', help: 'key of the random numbers: the same seed gives the same text' },
  stop: { kind: 'texts', value: 'TEXT', help: 'end the text before TEXT; may be given several times' },
} as const satisfies OptionTable;

const DEFAULT_MAX_TOKENS = 256;

/** What the library is asked for; it checks names and ranges. */
export function generateOptions(given: OptionValues<typeof GENERATE_OPTIONS>): GenerateOptions {
  const named = {
    temperature: given.temperature,
    topK: given['top-k'],
    topP: given['top-p'],
    minP: given['min-p'],
    repetitionPenalty: given['repetition-penalty'],
    seed: given.seed,
    stop: given.stop,
  };
  const set = Object.fromEntries(Object.entries(named).filter(([, value]) => value !== undefined));
  return { ...set, maxTokens: given['max-tokens'] ?? DEFAULT_MAX_TOKENS, draft: draftOption(given.draft) };
}

/** One name is a choice, several are drafters to be merged. */
export function draftOption(names: readonly string[] = ['auto']): DraftOption {
  return (names.length === 1 ? names[0] : names) as DraftOption;
}
