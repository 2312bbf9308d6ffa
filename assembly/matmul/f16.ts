/**
 * Matrix product with f16 weights, expanded in registers.
 *
 * An f16 whose exponent and fraction are moved to where an f32 has them is 2^-112 of what it was, as the exponent has another bias there;
 * times 2^112 it is exact, subnormal numbers included.
 *
 * Bits: see halves.ts.
 */
import { F16_FACTOR } from '../kv-type';
import { hidden } from '../lanes';
import { cover } from './cover';
import { Halves } from './halves';

class F16 extends Halves {
  /** Sign, and exponent and fraction three places further down than an upper half has them. */
  @inline
  mask(inDim: i32): v128 {
    return hidden(i32x4.splat(0x8fffe000), inDim);
  }
  @inline
  unpack(packed: v128, quad: i32, word: i32, mask: v128): v128 {
    const upper = quad == 0 ? i32x4.shl(packed, 16) : packed;
    return f32x4.mul(v128.and(i32x4.shr_s(upper, 3), mask), f32x4.splat(F16_FACTOR));
  }
}

/** Panels panelFrom..panelTo - 1 of every row; operands as for matmulF32, `weight` (outDim, inDim) PACKED f16. */
export function matmulF16(out: usize, x: usize, weight: usize, bias: usize, rows: i32, inDim: i32, outDim: i32, outStride: i32, panelFrom: i32, panelTo: i32): void {
  cover<F16>(out, x, 0, weight, bias, rows, inDim, outDim, outStride, panelFrom, panelTo);
}
