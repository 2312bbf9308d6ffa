/**
 * Softmax: p[i] = exp(x[i] - max(x)) / sum over j of exp(x[j] - max(x))
 *
 * Bits: term i adds into lane i mod 4, in order of i, then fold(); a product with 1 / sum at the end. Any length.
 */
import { fold, largest, loadLanes, storeLanes } from './lanes';
import { exp4 } from './math';

/** What lanes past the end hold: exp4 of it is 0 and adds nothing. */
const NOTHING: f32 = -1e30;

/** x[i] = exp(x[i] - max(x)), in place. @returns the sum; x (count,) f32, count at least 1 */
export function exponentials(x: usize, count: i32): f32 {
  const top = f32x4.splat(largest(x, count));
  let sums = f32x4.splat(0);
  for (let i = 0; i < count; i += 4) {
    const address = x + (<usize>i << 2);
    const terms = exp4(f32x4.sub(loadLanes(address, count - i, f32x4.splat(NOTHING)), top));
    sums = f32x4.add(sums, terms);
    storeLanes(address, terms, count - i);
  }
  return fold(sums);
}

/** x[i] = x[i] * factor, in place; x (count,) f32, any count. */
export function multiply(x: usize, count: i32, factor: f32): void {
  const factors = f32x4.splat(factor);
  for (let i = 0; i < count; i += 4) {
    const address = x + (<usize>i << 2);
    storeLanes(address, f32x4.mul(loadLanes(address, count - i, factors), factors), count - i);
  }
}

/** Softmax of rows rowFrom..rowTo - 1 of x (rows, dim) f32, in place; dim at least 1. */
export function softmax(x: usize, dim: i32, rowFrom: i32, rowTo: i32): void {
  for (let row = rowFrom; row < rowTo; row++) {
    const address = x + (<usize>row * dim << 2);
    multiply(address, dim, 1 / exponentials(address, dim));
  }
}
