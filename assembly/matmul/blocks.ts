/**
 * What the integer formats share: blocks of 32 inputs, in which every output and every row of activations has one scale.
 *
 *   out[r][o] = sum over blocks of (sum over i of q[o][i] * x[r][i]) * (weightScale[o][block] * scale[r][block]), + bias[o]
 *
 * A turn is four inputs, and one lane holds an output's four. The relaxed build multiplies sixteen bytes by sixteen and adds neighbours to
 * i16: one factor of a product is signed, the other is unsigned and below 128, or hosts would differ. The plain build multiplies i16, bytes
 * 0 and 2 of a lane first, then 1 and 3, which is how its activations lie; it has no instruction for bytes.
 *
 * Bits: the inner sum is an exact integer below 2^24, so f32 holds it and any instruction may compute it. It is multiplied by the rounded
 * product of the scales and added to one accumulator an output, from zero, blocks in order; then + bias.
 */
import { BLOCK } from '../../src/engine/opcodes';
import { Format } from './format';

export abstract class Blocks extends Format {
  @inline
  blocks(inDim: i32): i32 {
    return inDim / BLOCK;
  }
  @inline
  words(): i32 {
    return ASC_FEATURE_RELAXED_SIMD ? 1 : 2;
  }
  @inline
  rowBytes(inDim: i32): usize {
    return ASC_FEATURE_RELAXED_SIMD ? <usize>inDim : <usize>inDim << 1;
  }
  @inline
  rowScale(rowScales: usize): v128 {
    return v128.load32_splat(rowScales);
  }
  @inline
  weightScale(quad: i32, scales: usize): v128 {
    return quad == 0 ? v128.load(scales) : v128.load(scales, 16);
  }
}

/** The plain build's half turns: sum + p · x + q · y. */
// @ts-ignore: decorator
@inline
export function addPairs(sum: v128, p: v128, x: v128, q: v128, y: v128): v128 {
  return i32x4.add(i32x4.add(sum, i32x4.dot_i16x8_s(p, x)), i32x4.dot_i16x8_s(q, y));
}

/** `total` and a block's `sum` as i32. */
// @ts-ignore: decorator
@inline
export function closeBlock(total: v128, sum: v128, weightScale: v128, rowScale: v128): v128 {
  return f32x4.add(total, f32x4.mul(f32x4.convert_i32x4_s(sum), f32x4.mul(weightScale, rowScale)));
}
