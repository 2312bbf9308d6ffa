/**
 * Accuracy of f32 results against f64 references.
 * @module
 */

/** Distance between neighbouring f32 at the size of `x`; 2^-149 at and below the smallest normal number. */
export function ulp(x: number): number {
  const size = Math.max(Math.abs(Math.fround(x)), 2 ** -126);
  return 2 ** (Math.floor(Math.log2(size)) - 23);
}

/** Largest |got - want| in units of the last place of `want`. */
export function largestUlpError(got: ArrayLike<number>, want: ArrayLike<number>): number {
  let largest = 0;
  for (let i = 0; i < got.length; i++) {
    const error = Math.abs(got[i]! - want[i]!) / ulp(want[i]!);
    if (!(error <= largest)) largest = error; // also takes NaN
  }
  return largest;
}

/** max|got - want| / max|want| of two rows. */
export function relativeError(got: ArrayLike<number>, want: ArrayLike<number>): number {
  let error = 0;
  let size = 0;
  for (let i = 0; i < got.length; i++) {
    error = Math.max(error, Math.abs(got[i]! - want[i]!));
    size = Math.max(size, Math.abs(want[i]!));
  }
  return error / size;
}
