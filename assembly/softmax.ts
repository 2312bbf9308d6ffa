/**
 * Softmax: p[i] = exp(x[i] - max(x)) / sum over j of exp(x[j] - max(x))
 *
 * Bits: term i adds into lane i mod 4, in order of i, then fold(); a product with 1 / sum at the end. Any length.
 */
import { largest, loadLanes, storeLanes } from './lanes';
import { exponentials } from './math';

/** x[i] = x[i] * factor, in place; x (count,) f32, any count. */
export function multiply(x: usize, count: i32, factor: f32): void {
  const factors = f32x4.splat(factor);
  const whole = x + (<usize>(count & ~3) << 2);
  for (; x < whole; x += 16) v128.store(x, f32x4.mul(v128.load(x), factors));
  count &= 3;
  if (count != 0) storeLanes(x, f32x4.mul(loadLanes(x, count, factors), factors), count);
}

/** Softmax of rows rowFrom..rowTo - 1 of x (rows, dim) f32, in place; dim at least 1. */
export function softmax(x: usize, dim: i32, rowFrom: i32, rowTo: i32): void {
  for (let row = rowFrom; row < rowTo; row++) {
    const address = x + (<usize>row * dim << 2);
    multiply(address, dim, 1 / exponentials(address, address, dim, largest(address, dim)));
  }
}
