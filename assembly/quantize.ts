/**
 * Activations to 8 bits for matmulQ8: a row in blocks of 32, each with a scale of its own, so a row never sees its neighbours.
 *
 *   scale = max|x| / 127        q = nearest integer of x * (127 / max|x|), ties to even
 *
 * Bits: a maximum is exact in any order; two divisions, a product, each rounded to f32; then one exact rounding to an integer.
 */
import { BLOCK } from '../src/engine/opcodes';

/** Bytes of a block of f32. */
const BLOCK_BYTES: usize = (<usize>BLOCK) << 2;

/** A block whose largest magnitude is below this counts as zero: 127 / max|x| must stay finite. */
const SMALLEST: f32 = 7.888609052210118e-31; // 2^-100

/** Adding it to a float below 2^22 leaves the nearest integer, ties to even, in the low bits of the sum: 1.5 * 2^23. */
const ROUNDER: f32 = 12582912;

// @ts-ignore: decorator
@inline
function rounded(x: usize, inverse: v128): v128 {
  const rounder = f32x4.splat(ROUNDER);
  return i32x4.sub(f32x4.add(f32x4.mul(v128.load(x), inverse), rounder), rounder);
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
  let block = <usize>(rowFrom * blocks);
  let from = x + block * BLOCK_BYTES;
  let to = out + block * (BLOCK_BYTES / 2);

  for (const end = <usize>(rowTo * blocks); block < end; block++) {
    let largest = f32x4.splat(0);
    for (let i: usize = 0; i < BLOCK_BYTES; i += 16) largest = f32x4.pmax(largest, f32x4.abs(v128.load(from + i)));
    largest = f32x4.pmax(largest, v128.shuffle<f32>(largest, largest, 2, 3, 0, 1));
    largest = f32x4.pmax(largest, v128.shuffle<f32>(largest, largest, 1, 0, 3, 2));
    const magnitude = f32x4.extract_lane(largest, 0);

    const zero = magnitude < SMALLEST;
    store<f32>(scales + (block << 2), zero ? 0 : magnitude / 127);
    const inverse = f32x4.splat(zero ? 0 : 127 / magnitude);
    for (let i: usize = 0; i < BLOCK_BYTES; i += 32) {
      v128.store(to, i16x8.narrow_i32x4_s(rounded(from + i, inverse), rounded(from + i + 16, inverse)));
      to += 16;
    }
    from += BLOCK_BYTES;
  }
}
