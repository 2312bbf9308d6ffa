/**
 * Matrix product with 4-bit weights, stored as 0..15 for -8..7, and 8-bit activations, -127..127.
 *
 * The 8 is taken off before anything is added: a block's sum starts from -8 times the sum of its activations, which quantizeQ4 leaves beside
 * their scale.
 *
 * The relaxed build's sums stay i16 for a whole block: a sum of two products is at most 2 * 15 * 127, and of the two i16 in a lane each takes
 * half of the block, which ends within 16 * 8 * 127. (On the way a sum may leave 16 bits and come back: additions wrap.) So sixteen products are
 * two instructions; `i32x4.relaxed_dot_i8x16_i7x16_add_s` is one on processors made for it, and five on others.
 *
 * Bits: see blocks.ts; the inner sum is at most 32 * 8 * 127.
 */
import { BLOCK, PANEL, Q4_BLOCK_BYTES } from '../../src/engine/opcodes';
import { hidden } from '../lanes';
import { addPairs, Blocks, closeBlock } from './blocks';
import { cover } from './cover';

const WEIGHT_BYTES: usize = <usize>(BLOCK * PANEL / 2);

/** A vector is a turn: the low halves of its bytes are of quad 0, the high halves of quad 1. */
class Q4 extends Blocks {
  @inline
  turnBytes(): usize {
    return 16;
  }
  @inline
  weightBytes(inDim: i32): usize {
    return WEIGHT_BYTES;
  }
  @inline
  scaleBytes(): usize {
    return <usize>Q4_BLOCK_BYTES - WEIGHT_BYTES;
  }
  @inline
  rowScaleBytes(): usize {
    return 8;
  }
  @inline
  first(w: usize): v128 {
    return v128.load(w);
  }
  @inline
  second(w: usize, first: v128): v128 {
    return first;
  }
  @inline
  mask(inDim: i32): v128 {
    return hidden(ASC_FEATURE_RELAXED_SIMD ? i8x16.splat(15) : i16x8.splat(15), inDim);
  }
  @inline
  unpack(packed: v128, quad: i32, word: i32, mask: v128): v128 {
    if (quad == 0 && word == 0) return v128.and(packed, mask);
    const halves = i16x8.shr_u(packed, 4 * quad + 8 * word);
    return quad == 1 && word == 1 ? halves : v128.and(halves, mask);
  }
  @inline
  start(quad: i32, scales: usize, rowScales: usize): v128 {
    return v128.load32_splat(rowScales, 4);
  }
  @inline
  add(sum: v128, p: v128, x: v128, q: v128, y: v128): v128 {
    if (ASC_FEATURE_RELAXED_SIMD) return i16x8.add(sum, i16x8.relaxed_dot_i8x16_i7x16_s(x, p));
    return addPairs(sum, p, x, q, y);
  }
  @inline
  close(total: v128, sum: v128, weightScale: v128, rowScale: v128): v128 {
    const whole = ASC_FEATURE_RELAXED_SIMD ? i32x4.extadd_pairwise_i16x8_s(sum) : sum;
    return closeBlock(total, whole, weightScale, rowScale);
  }
}

/**
 * Panels panelFrom..panelTo - 1 of every row.
 *
 * @param out        (rows, outDim) f32 by outStride; it overlaps nothing else
 * @param x          (rows, inDim) from quantizeQ4
 * @param scales     (rows, inDim / 32) pairs, from quantizeQ4
 * @param weight     (outDim, inDim) PACKED q4, see opcodes.ts
 * @param bias       (outDim,) f32, or 0 for none
 * @param rows       tokens of the pass
 * @param inDim      elements, a multiple of 32
 * @param outDim     elements, at least 1; nothing beyond them is written
 * @param outStride  elements from one row of `out` to the next
 */
export function matmulQ4(out: usize, x: usize, scales: usize, weight: usize, bias: usize, rows: i32, inDim: i32, outDim: i32, outStride: i32, panelFrom: i32, panelTo: i32): void {
  cover<Q4>(out, x, scales, weight, bias, rows, inDim, outDim, outStride, panelFrom, panelTo);
}
