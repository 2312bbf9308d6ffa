/**
 * Activations to 8 bits for matmulQ8: a row in blocks of 32, each with a scale of its own, so a row never sees its neighbours.
 *
 *   scale = max|x| / 127        q = nearest integer of x * (127 / max|x|), ties to even
 *
 * Bits: a maximum is exact in any order; two divisions and a product are rounded to f32; then one rounding to an integer.
 */
import { BLOCK } from '../src/engine/opcodes';

/** A block whose largest magnitude is below this counts as zero: 127 / max|x| must stay finite. */
const SMALLEST: f32 = 7.888609052210118e-31; // 2^-100

/** Added to a float below 2^22, it leaves the nearest integer, ties to even, in the low bits of the sum: 1.5 * 2^23. */
const ROUNDER: f32 = 12582912;

/** Larger magnitudes of two vectors, lane by lane. */
// @ts-ignore: decorator
@inline
function larger(x: usize): v128 {
  return f32x4.pmax(f32x4.abs(v128.load(x)), f32x4.abs(v128.load(x, 16)));
}

/** Eight values as i16. */
// @ts-ignore: decorator
@inline
function quantizeEight(out: usize, x: usize, inverse: v128): void {
  const rounder = f32x4.splat(ROUNDER);
  const low = i32x4.sub(f32x4.add(f32x4.mul(v128.load(x), inverse), rounder), rounder);
  const high = i32x4.sub(f32x4.add(f32x4.mul(v128.load(x, 16), inverse), rounder), rounder);
  v128.store(out, i16x8.narrow_i32x4_s(low, high));
}

/**
 * Rows rowFrom..rowTo - 1.
 *
 * @param out     (rows, dim) i16 in -127..127: 8-bit values, already as wide as the product wants them
 * @param scales  (rows, dim / 32) f32; 0 for a block of zeros
 * @param x       (rows, dim) f32, finite
 * @param dim     elements, a multiple of 32
 */
export function quantizeRows(out: usize, scales: usize, x: usize, dim: i32, rowFrom: i32, rowTo: i32): void {
  const blocks = dim / BLOCK;
  const end = <usize>(rowTo * blocks);
  for (let block = <usize>(rowFrom * blocks); block < end; block++) {
    const from = x + block * <usize>(BLOCK * 4);
    let largest = f32x4.pmax(f32x4.pmax(larger(from), larger(from + 32)), f32x4.pmax(larger(from + 64), larger(from + 96)));
    largest = f32x4.pmax(largest, v128.shuffle<f32>(largest, largest, 2, 3, 0, 1));
    largest = f32x4.pmax(largest, v128.shuffle<f32>(largest, largest, 1, 0, 3, 2));
    const magnitude = f32x4.extract_lane(largest, 0);

    const zero = magnitude < SMALLEST;
    store<f32>(scales + (block << 2), zero ? 0 : magnitude / 127);
    const inverse = f32x4.splat(zero ? 0 : 127 / magnitude);
    const to = out + block * <usize>(BLOCK * 2);
    quantizeEight(to, from, inverse);
    quantizeEight(to + 16, from + 32, inverse);
    quantizeEight(to + 32, from + 64, inverse);
    quantizeEight(to + 48, from + 96, inverse);
  }
}
