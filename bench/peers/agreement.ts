/**
 * Do all contestants run the same model? Tokens that they choose after the same prompts.
 * @module
 */
import { type Entrant, generates } from './entrants.ts';
import type { Loaded } from './hosts/loaded.ts';
import { randomPrompts } from './prompts.ts';

/** Random weights soon repeat a token for ever: many short texts say more than a long one. */
const PROMPTS = 10;
const PROMPT = 8;
const TOKENS = 3;
export const CHECKED_TOKENS = PROMPTS * TOKENS;
const SEED = 2;

/** @returns (CHECKED_TOKENS,) tokens; undefined without a transformer */
export async function checkTokens(contestant: Loaded, shape: string): Promise<number[] | undefined> {
  if (!generates(contestant)) return undefined;
  const next = randomPrompts(shape, PROMPT, SEED);
  const tokens: number[] = [];
  for (let i = 0; i < PROMPTS; i++) tokens.push(...(await contestant.generate(next(), TOKENS)).tokens);
  return tokens;
}

/** Of f32 contestants that hold the cache in f16: rounding may decide a close race. */
const LEAST_SAME = CHECKED_TOKENS - 2;

/**
 * A fast wrong answer is no result.
 * @throws {Error} when two f32 contestants choose other tokens
 */
export function checkSameModel(
  contestants: readonly { readonly entrant: Entrant; readonly checked: readonly number[] | undefined }[],
): void {
  const all = contestants.flatMap(({ entrant, checked }) => (checked ? [{ label: entrant.label, checked }] : []));
  for (const { label, checked } of all) {
    const same = agreement(checked, all[0]!.checked);
    if (same < LEAST_SAME)
      throw new Error(`${label} and ${all[0]!.label} agree on ${same} tokens of ${CHECKED_TOKENS}`);
  }
}

/** How many are the same. */
export function agreement(tokens: readonly number[], reference: readonly number[]): number {
  return tokens.filter((token, i) => token === reference[i]).length;
}
