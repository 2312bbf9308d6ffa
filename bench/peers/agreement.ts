/**
 * Do all contestants run the same model? Tokens that they choose after the same prompts.
 * @module
 */
import { generates } from './entrants.ts';
import type { Loaded } from './hosts/loaded.ts';
import { randomPrompts } from './prompts.ts';

/** Random weights soon repeat a token for ever: many short texts say more than a long one. */
const PROMPTS = 12;
const TOKENS = 4;
export const CHECKED_TOKENS = PROMPTS * TOKENS;
const SEED = 2;

/** @returns (CHECKED_TOKENS,) tokens; undefined without a transformer */
export async function checkTokens(contestant: Loaded, shape: string): Promise<number[] | undefined> {
  if (!generates(contestant)) return undefined;
  const next = randomPrompts(shape, 16, SEED);
  const tokens: number[] = [];
  for (let i = 0; i < PROMPTS; i++) tokens.push(...(await contestant.generate(next(), TOKENS)).tokens);
  return tokens;
}

/** How many are the same. */
export function agreement(tokens: readonly number[], reference: readonly number[]): number {
  return tokens.filter((token, i) => token === reference[i]).length;
}
