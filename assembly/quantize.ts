/**
 * Activations to integers for the matrix products: a row in blocks of 32, each with a scale of its own, so a row never sees its neighbours.
 *
 *   scale = max|x| / most        q = nearest integer of x * (most / max|x|), ties to even        most: 63 for q8 weights, 127 for q4
 *
 * The relaxed build stores bytes in order. The plain build stores i16, of every four the first, third, second, fourth (matmul/blocks.ts tells
 * why).
 *
 * Bits: a maximum is exact in any order; two divisions and a product are rounded to f32; then one rounding to an integer.
 *
 * Operands of both: x (rows, dim) f32, finite; dim a multiple of 32; rows rowFrom..rowTo - 1 are computed.
 */
import { BLOCK } from '../src/engine/opcodes';

/** A block whose largest magnitude is below this counts as zero: most / max|x| must stay finite. */
const SMALLEST: f32 = 7.888609052210118e-31; // 2^-100

/** Added to a float below 2^22, it leaves the nearest integer, ties to even, in the low bits of the sum: 1.5 * 2^23. */
const ROUNDER: f32 = 12582912;

/** Bytes that a block takes in this build. */
const OUT_BYTES: usize = ASC_FEATURE_RELAXED_SIMD ? <usize>BLOCK : <usize>(2 * BLOCK);

/**
 * For q8 weights: -63..63, and in the relaxed build 64 more.
 *
 * @param out     (rows, dim) bytes or i16
 * @param scales  (rows, dim / 32) f32; 0 for a block of zeros
 */
export function quantizeQ8(out: usize, scales: usize, x: usize, dim: i32, rowFrom: i32, rowTo: i32): void {
  const blocks = dim / BLOCK;
  const end = <usize>(rowTo * blocks);
  for (let block = <usize>(rowFrom * blocks); block < end; block++) {
    const from = x + block * <usize>(BLOCK * 4);
    const magnitude = largestOf(from);
    const zero = magnitude < SMALLEST;
    store<f32>(scales + (block << 2), zero ? 0 : magnitude / 63);
    quantizeBlock(out + block * OUT_BYTES, from, zero ? 0 : 63 / magnitude, 64);
  }
}

/**
 * For q4 weights: -127..127.
 *
 * @param out     (rows, dim) bytes or i16
 * @param scales  (rows, dim / 32) pairs: an f32, 0 for a block of zeros, and what the block's sums start from: in the plain build the i32
 *   -8 * (sum of all q), in the relaxed one two i16, -8 * (sum of the first two of every four) and that of the others
 */
export function quantizeQ4(out: usize, scales: usize, x: usize, dim: i32, rowFrom: i32, rowTo: i32): void {
  const blocks = dim / BLOCK;
  const end = <usize>(rowTo * blocks);
  for (let block = <usize>(rowFrom * blocks); block < end; block++) {
    const from = x + block * <usize>(BLOCK * 4);
    const magnitude = largestOf(from);
    const zero = magnitude < SMALLEST;
    store<f32>(scales + (block << 3), zero ? 0 : magnitude / 127);
    const pairs = quantizeBlock(out + block * OUT_BYTES, from, zero ? 0 : 127 / magnitude, 0);
    const front = -8 * (i32x4.extract_lane(pairs, 0) + i32x4.extract_lane(pairs, 2));
    const back = -8 * (i32x4.extract_lane(pairs, 1) + i32x4.extract_lane(pairs, 3));
    store<i32>(scales + (block << 3), ASC_FEATURE_RELAXED_SIMD ? (front & 0xffff) | (back << 16) : front + back, 4);
  }
}

/** Largest magnitude of the block at `x`. */
// @ts-ignore: decorator
@inline
function largestOf(x: usize): f32 {
  let largest = f32x4.pmax(f32x4.pmax(larger(x), larger(x + 32)), f32x4.pmax(larger(x + 64), larger(x + 96)));
  largest = f32x4.pmax(largest, v128.shuffle<f32>(largest, largest, 2, 3, 0, 1));
  largest = f32x4.pmax(largest, v128.shuffle<f32>(largest, largest, 1, 0, 3, 2));
  return f32x4.extract_lane(largest, 0);
}

/** Larger magnitudes of two vectors, lane by lane. */
// @ts-ignore: decorator
@inline
function larger(x: usize): v128 {
  return f32x4.pmax(f32x4.abs(v128.load(x)), f32x4.abs(v128.load(x, 16)));
}

/** One block; the relaxed build adds `offset` to what it stores. @returns four sums of pairs: 0 and 2 of the first two of every four, 1 and 3 of the others */
// @ts-ignore: decorator
@inline
function quantizeBlock(out: usize, x: usize, inverse: f32, offset: i8): v128 {
  const factor = f32x4.splat(inverse);
  const low = quantizeSixteen(out, x, factor, offset);
  return i32x4.add(low, quantizeSixteen(out + (OUT_BYTES >> 1), x + 64, factor, offset));
}

// @ts-ignore: decorator
@inline
function quantizeSixteen(out: usize, x: usize, factor: v128, offset: i8): v128 {
  const a = eight(x, factor), b = eight(x + 32, factor);
  if (ASC_FEATURE_RELAXED_SIMD) {
    v128.store(out, i8x16.add(i8x16.narrow_i16x8_s(a, b), i8x16.splat(offset)));
  } else {
    v128.store(out, v128.shuffle<i16>(a, a, 0, 2, 1, 3, 4, 6, 5, 7));
    v128.store(out, v128.shuffle<i16>(b, b, 0, 2, 1, 3, 4, 6, 5, 7), 16);
  }
  return i32x4.add(i32x4.extadd_pairwise_i16x8_s(a), i32x4.extadd_pairwise_i16x8_s(b));
}

/** Eight values as i16. */
// @ts-ignore: decorator
@inline
function eight(x: usize, factor: v128): v128 {
  const rounder = f32x4.splat(ROUNDER);
  const low = i32x4.sub(f32x4.add(f32x4.mul(v128.load(x), factor), rounder), rounder);
  const high = i32x4.sub(f32x4.add(f32x4.mul(v128.load(x, 16), factor), rounder), rounder);
  return i16x8.narrow_i32x4_s(low, high);
}
