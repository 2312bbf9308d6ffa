/**
 * Scalar twin of assembly/gradient/product.ts: one accumulator an output, k in order, each product and sum rounded to f32.
 * @module
 */
const f = Math.fround;

/** What is multiplied; a and b by element, however they are held. */
export interface Factors {
  readonly rows: number;
  readonly cols: number;
  readonly inner: number;
  a(row: number, k: number): number;
  b(k: number, col: number): number;
}

/**
 * (rows, cols) of a b, added to `start` where that is given.
 * @param order of the ks; a test passes another to see that it shows
 */
export function product(
  { rows, cols, inner, a, b }: Factors,
  start?: Float32Array,
  order = Array.from({ length: inner }, (_, k) => k),
): Float32Array {
  const out = new Float32Array(rows * cols);
  for (let row = 0; row < rows; row++) {
    for (let col = 0; col < cols; col++) {
      let sum = start ? start[row * cols + col]! : 0;
      for (const k of order) sum = f(sum + f(a(row, k) * b(k, col)));
      out[row * cols + col] = sum;
    }
  }
  return out;
}
