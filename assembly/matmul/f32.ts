/**
 * Matrix product with f32 weights.
 *
 * Bits: see floats.ts.
 */
import { PANEL } from '../../src/engine/opcodes';
import { cover } from './cover';
import { Floats } from './floats';

class F32 extends Floats {
  @inline
  turnBytes(): usize {
    return <usize>(PANEL * 4);
  }
  @inline
  weightBytes(inDim: i32): usize {
    return <usize>inDim * <usize>(PANEL * 4);
  }
  @inline
  second(w: usize, first: v128): v128 {
    return v128.load(w, 16);
  }
  @inline
  mask(inDim: i32): v128 {
    return f32x4.splat(0);
  }
  @inline
  unpack(packed: v128, quad: i32, word: i32, mask: v128): v128 {
    return packed;
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
