/**
 * Matrix product with f32 weights: out[r][o] = sum over i of weight[o][i] * x[r][i], + bias[o]
 *
 * Bits: one accumulator an output, from zero, inputs in order: sum = sum + weight * x, product and sum each rounded; then + bias.
 */
import { PANEL } from '../../src/engine/opcodes';
import { cover } from './cover';
import { Format } from './format';

/** One block holds the whole row, and its sum is the total. */
class F32 extends Format {
  @inline
  turnBytes(): usize {
    return <usize>(PANEL * 4);
  }
  @inline
  weightBytes(inDim: i32): usize {
    return <usize>inDim * <usize>(PANEL * 4);
  }
  @inline
  scaleBytes(): usize {
    return 0;
  }
  @inline
  blocks(inDim: i32): i32 {
    return 1;
  }
  @inline
  rowBytes(inDim: i32): usize {
    return <usize>inDim << 2;
  }
  @inline
  low(w: usize): v128 {
    return v128.load(w);
  }
  @inline
  high(w: usize): v128 {
    return v128.load(w, 16);
  }
  @inline
  add(sum: v128, weights: v128, x: v128): v128 {
    return f32x4.add(sum, f32x4.mul(weights, x));
  }
  @inline
  scale(scales: usize): v128 {
    return f32x4.splat(0);
  }
  @inline
  close(total: v128, sum: v128, weightScales: usize, scale: v128): v128 {
    return sum;
  }
}

/**
 * Panels panelFrom..panelTo - 1 of every row.
 *
 * @param out        (rows, outDim) f32 by outStride; it overlaps nothing else
 * @param x          (rows, inDim) f32
 * @param weight     (outDim, inDim) PACKED f32, see opcodes.ts
 * @param bias       (outDim,) f32, or 0 for none
 * @param rows       tokens of the pass
 * @param inDim      elements, at least 1
 * @param outDim     elements, at least 1; nothing beyond them is written
 * @param outStride  elements from one row of `out` to the next
 */
export function matmulF32(out: usize, x: usize, weight: usize, bias: usize, rows: i32, inDim: i32, outDim: i32, outStride: i32, panelFrom: i32, panelTo: i32): void {
  cover<F32>(out, x, 0, weight, bias, rows, inDim, outDim, outStride, panelFrom, panelTo);
}
