/**
 * Matrix product with bf16 weights, the upper halves of f32, expanded in registers.
 *
 * Bits: see floats.ts; those of matmulF32 with the same weights as f32.
 */
import { PANEL } from '../../src/engine/opcodes';
import { hidden } from '../lanes';
import { cover } from './cover';
import { Floats } from './floats';

/** A lane holds an output of quad 0 in its lower half, one of quad 1 in its upper half. */
class Bf16 extends Floats {
  @inline
  turnBytes(): usize {
    return <usize>(PANEL * 2);
  }
  @inline
  weightBytes(inDim: i32): usize {
    return <usize>inDim * <usize>(PANEL * 2);
  }
  @inline
  second(w: usize, first: v128): v128 {
    return first;
  }
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
