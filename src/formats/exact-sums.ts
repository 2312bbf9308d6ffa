/**
 * Sums of whole numbers that a file states, as exact.ts has products.
 * @module
 */

/** The sum of whole numbers, none below 0; undefined when a double does not hold it exactly. */
export function exactSum(...terms: readonly number[]): number | undefined {
  let sum = 0;
  for (const term of terms) {
    sum += term;
    if (!(Number.isSafeInteger(term) && term >= 0 && Number.isSafeInteger(sum))) return undefined;
  }
  return sum;
}

/** `value` rounded up to a multiple of `step`; undefined when that is not exact. */
export function exactCeiling(value: number, step: number): number | undefined {
  const rest = value % step;
  return rest === 0 ? exactSum(value) : exactSum(value, step - rest);
}
