/**
 * Products of whole numbers that a file states: exact, or refused. Every count, length and offset of a file goes through here, or through its
 * sums in exact-sums.ts, before anything is read or allocated on its word.
 * @module
 */

/** The product of whole numbers, none below 0; undefined when a double does not hold it, or a product on the way to it, exactly. */
export function exactProduct(...factors: readonly number[]): number | undefined {
  let product = 1;
  for (const factor of factors) {
    product *= factor;
    // What goes past 2^53 - 1 is rounded to 2^53 at least, so looking at each product is enough.
    if (!(Number.isSafeInteger(factor) && factor >= 0 && Number.isSafeInteger(product))) return undefined;
  }
  return product;
}
