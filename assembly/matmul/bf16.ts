/**
 * Matrix product with bf16 weights, the upper halves of f32, expanded in registers.
 *
 * Bits: see halves.ts.
 */
import { hidden } from '../lanes';
import { cover } from './cover';
import { Halves } from './halves';

class Bf16 extends Halves {
  @inline
  mask(inDim: i32): v128 {
    return hidden(i32x4.splat(0xffff0000), inDim);
  }
  @inline
  unpack(packed: v128, quad: i32, word: i32, mask: v128): v128 {
    return quad == 0 ? i32x4.shl(packed, 16) : v128.and(packed, mask);
  }
}

/** Panels panelFrom..panelTo - 1 of every row; operands as for matmulF32, `weight` (outDim, inDim) PACKED bf16. */
export function matmulBf16(out: usize, x: usize, weight: usize, bias: usize, rows: i32, inDim: i32, outDim: i32, outStride: i32, panelFrom: i32, panelTo: i32): void {
  cover<Bf16>(out, x, 0, weight, bias, rows, inDim, outDim, outStride, panelFrom, panelTo);
}
