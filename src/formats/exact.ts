/**
 * Sums and products of whole numbers that a file states: exact, or refused. Every count, length and offset of a file goes through here
 * before anything is read or allocated on its word.
 * @module
 */

/** The sum of whole numbers, none below 0; undefined when a double does not hold it exactly. */
export function exactSum(...terms: readonly number[]): number | undefined {
  return fold(terms, 0, (sum, term) => sum + term);
}

/** The product of whole numbers, none below 0; undefined when a double does not hold it, or a product on the way to it, exactly. */
export function exactProduct(...factors: readonly number[]): number | undefined {
  return fold(factors, 1, (product, factor) => product * factor);
}

/** `value` rounded up to a multiple of `step`; undefined when that is not exact. */
export function exactCeiling(value: number, step: number): number | undefined {
  const rest = value % step;
  return rest === 0 ? exactSum(value) : exactSum(value, step - rest);
}

/** What goes past 2^53 - 1 is rounded to 2^53 at least, so looking at each result is enough. */
function fold(
  values: readonly number[],
  start: number,
  combine: (result: number, value: number) => number,
): number | undefined {
  let result = start;
  for (const value of values) {
    result = combine(result, value);
    if (!(Number.isSafeInteger(value) && value >= 0 && Number.isSafeInteger(result))) return undefined;
  }
  return result;
}
