/**
 * Matrix product with 8-bit weights and 8-bit activations, in blocks of 32 inputs that share a scale:
 *
 *   out[r][o] = sum over blocks of (sum over i of q[o][i] * x[r][i]) * (weightScale[o][block] * scale[r][block]), + bias[o]
 *
 * Bits: the inner sum is an exact integer of at most 32 * 128 * 127, so f32 holds it and any instruction may compute it. It is multiplied
 * by the rounded product of the scales and added to one accumulator an output, from zero, blocks in order; then + bias.
 */
import { BLOCK, PANEL, Q8_BLOCK_BYTES } from '../../src/engine/opcodes';
import { cover } from './cover';
import { Format } from './format';

const WEIGHT_BYTES: usize = <usize>(BLOCK * PANEL);

/** Weights and activations meet as i16, two inputs at a time: `dot` multiplies eight pairs and adds neighbours. */
class Q8 extends Format {
  @inline
  turnBytes(): usize {
    return <usize>(2 * PANEL);
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
  blocks(inDim: i32): i32 {
    return inDim / BLOCK;
  }
  @inline
  rowBytes(inDim: i32): usize {
    return <usize>inDim << 1;
  }
  @inline
  low(w: usize): v128 {
    return v128.load_ext<i8>(w);
  }
  @inline
  high(w: usize): v128 {
    return v128.load_ext<i8>(w, 8);
  }
  @inline
  add(sum: v128, weights: v128, x: v128): v128 {
    return i32x4.add(sum, i32x4.dot_i16x8_s(weights, x));
  }
  @inline
  scale(scales: usize): v128 {
    return v128.load32_splat(scales);
  }
  @inline
  close(total: v128, sum: v128, weightScales: usize, scale: v128): v128 {
    return f32x4.add(total, f32x4.mul(f32x4.convert_i32x4_s(sum), f32x4.mul(v128.load(weightScales), scale)));
  }
}

/**
 * Panels panelFrom..panelTo - 1 of every row.
 *
 * @param out        (rows, outDim) f32 by outStride; it overlaps nothing else
 * @param x          (rows, inDim) i16 in -127..127, from quantizeRows
 * @param scales     (rows, inDim / 32) f32, from quantizeRows
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
