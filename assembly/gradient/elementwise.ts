/**
 * Sums and products of arrays, element by element. With strides a sum also joins matrices side by side, and takes them apart again.
 *
 * Bits: each product and each sum is rounded; a factor of 1 changes none.
 */
import { loadLanes } from '../lanes';
import { keepMask, put, putLanes } from './accumulate';

/**
 * out = alpha * a + beta * b for rows rowFrom..rowTo - 1; any number of columns.
 *
 * @param out  (rows, cols) f32 by outStride; it may be a or b
 * @param b    or 0 for none
 */
export function combine(
  out: usize, keep: i32, a: usize, alpha: f32, b: usize, beta: f32, cols: i32, outStride: i32, aStride: i32, bStride: i32, rowFrom: i32, rowTo: i32,
): void {
  const mask = keepMask(keep);
  const alphas = f32x4.splat(alpha), betas = f32x4.splat(beta);
  const zero = f32x4.splat(0);
  for (let row = rowFrom; row < rowTo; row++) {
    const to = out + (<usize>row * outStride << 2);
    const x = a + (<usize>row * aStride << 2);
    const y = b + (<usize>row * bStride << 2);
    for (let i = 0; i < cols; i += 4) {
      const at = <usize>i << 2;
      const lanes = cols - i;
      let sum = f32x4.mul(loadLanes(x + at, lanes, zero), alphas);
      if (b != 0) sum = f32x4.add(sum, f32x4.mul(loadLanes(y + at, lanes, zero), betas));
      putLanes(to + at, sum, mask, lanes);
    }
  }
}

/** out = a * b, elements 4 groupFrom..4 groupTo - 1 of arrays of a multiple of 4; out may be a or b. */
export function multiplyPairs(out: usize, keep: i32, a: usize, b: usize, groupFrom: i32, groupTo: i32): void {
  const mask = keepMask(keep);
  for (let i = <usize>groupFrom << 4; i < <usize>groupTo << 4; i += 16) put(out + i, f32x4.mul(v128.load(a + i), v128.load(b + i)), mask);
}
