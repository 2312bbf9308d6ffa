/**
 * Matrix product with 8-bit weights, -128..127, and 7-bit activations, -63..63.
 *
 * The relaxed build's activations are stored with 64 added, as its product wants them; a block's sum starts from -64 times the sum of the
 * weights, which lies beside their scales. Two products of -128 and 127 just fit 16 bits, so each sum of two goes on to i32 at once. That is
 * three instructions for sixteen products; `i32x4.relaxed_dot_i8x16_i7x16_add_s` is one on processors made for it, and five on others.
 *
 * Bits: see blocks.ts; the inner sum is at most 32 * 128 * 63.
 */
import { BLOCK, PANEL, Q8_BLOCK_BYTES } from '../../src/engine/opcodes';
import { hidden } from '../lanes';
import { addPairs, Blocks, closeBlock } from './blocks';
import { cover } from './cover';

const WEIGHT_BYTES: usize = <usize>(BLOCK * PANEL);
/** Where the sums of the weights begin, behind the scales. */
const SUMS: usize = <usize>(PANEL * 4);

class Q8 extends Blocks {
  @inline
  turnBytes(): usize {
    return 32;
  }
  @inline
  weightBytes(inDim: i32): usize {
    return WEIGHT_BYTES;
  }
  @inline
  scaleBytes(): usize {
    return <usize>Q8_BLOCK_BYTES - WEIGHT_BYTES;
  }
  @inline
  rowScaleBytes(): usize {
    return 4;
  }
  @inline
  first(w: usize): v128 {
    return v128.load(w);
  }
  @inline
  second(w: usize, first: v128): v128 {
    return v128.load(w, 16);
  }
  /** In the plain build what keeps the upper byte of an i16; in the relaxed one 1 as i16, to add neighbours with: q of every turn. */
  @inline
  mask(inDim: i32): v128 {
    return hidden(ASC_FEATURE_RELAXED_SIMD ? i16x8.splat(1) : i16x8.splat(-256), inDim);
  }
  @inline
  unpack(packed: v128, quad: i32, word: i32, mask: v128): v128 {
    if (ASC_FEATURE_RELAXED_SIMD) return word == 0 ? packed : mask;
    // A signed byte as the upper half of an i16 is 256 times itself; so are the sums, up to close.
    return word == 0 ? i16x8.shl(packed, 8) : v128.and(packed, mask);
  }
  @inline
  start(quad: i32, scales: usize, rowScales: usize): v128 {
    if (!ASC_FEATURE_RELAXED_SIMD) return i32x4.splat(0);
    const negated = quad == 0 ? v128.load_ext<i16>(scales, SUMS) : v128.load_ext<i16>(scales, SUMS + 8);
    return i32x4.shl(negated, 6);
  }
  @inline
  add(sum: v128, p: v128, x: v128, q: v128, y: v128): v128 {
    if (!ASC_FEATURE_RELAXED_SIMD) return addPairs(sum, p, x, q, y);
    return i32x4.add(sum, i32x4.dot_i16x8_s(i16x8.relaxed_dot_i8x16_i7x16_s(p, x), q));
  }
  @inline
  close(total: v128, sum: v128, weightScale: v128, rowScale: v128): v128 {
    return closeBlock(total, ASC_FEATURE_RELAXED_SIMD ? sum : i32x4.shr_s(sum, 8), weightScale, rowScale);
  }
}

/**
 * Panels panelFrom..panelTo - 1 of every row.
 *
 * @param out        (rows, outDim) f32 by outStride; it overlaps nothing else
 * @param x          (rows, inDim) from quantizeQ8
 * @param scales     (rows, inDim / 32) f32, from quantizeQ8
 * @param weight     (outDim, inDim) PACKED q8, see opcodes.ts; -128..127
 * @param bias       (outDim,) f32, or 0 for none
 * @param rows       tokens of the pass
 * @param inDim      elements, a multiple of 32
 * @param outDim     elements, at least 1; nothing beyond them is written
 * @param outStride  elements from one row of `out` to the next
 */
export function matmulQ8(out: usize, x: usize, scales: usize, weight: usize, bias: usize, rows: i32, inDim: i32, outDim: i32, outStride: i32, panelFrom: i32, panelTo: i32): void {
  cover<Q8>(out, x, scales, weight, bias, rows, inDim, outDim, outStride, panelFrom, panelTo);
}
