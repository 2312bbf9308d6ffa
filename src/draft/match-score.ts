/**
 * How often the token after an earlier occurrence comes again, by how many tokens before it agree.
 * @module
 */

/** Agreeing tokens, and how often one occurrence with so many was right on held-out code: the figures of lookup.ts. */
const AGREED = [1, 2, 3, 4, 6, 9, 16, 32, 64] as const;
const RIGHT = [0.33, 0.5, 0.58, 0.64, 0.74, 0.85, 0.91, 0.955, 0.985] as const;

/** Score of the token after an occurrence of which `agreed` tokens are those before the place, 1 or more. */
export function matchScore(agreed: number): number {
  let order = AGREED.length - 1;
  while (order > 0 && AGREED[order]! > agreed) order--;
  return RIGHT[order]!;
}
