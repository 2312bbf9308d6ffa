/**
 * Matrix product with f32 weights: out[r][o] = sum over i of weight[o][i] * x[r][i], + bias[o]
 *
 * Bits: one accumulator an output, from zero, over i in order: sum = sum + weight * x, each operation rounded on its own; then
 * + bias. Lanes are outputs, so nothing is added across lanes.
 */
import { PANEL } from '../../src/engine/opcodes';
import { Tile, cover, emit } from './schedule';

/** Bytes of one input of a panel. */
const STEP: usize = (<usize>PANEL) << 2;

// @ts-ignore: decorator
@inline
function add(sum: v128, weight: v128, x: v128): v128 {
  return f32x4.add(sum, f32x4.mul(weight, x));
}

/** Letters are tokens, digits are vectors of four outputs: `b3` sums outputs 4..7 of the second panel for the second token. */
class F32Tile extends Tile {
  @inline
  widest(): i32 {
    return 4;
  }

  @inline
  run(P: i32, T: i32, row: i32, panel: i32, out: usize, x: usize, scales: usize, weight: usize, bias: usize, inDim: i32, outDim: i32, outStride: i32): void {
    const panelBytes = <usize>inDim * STEP;
    let w0 = weight + <usize>panel * panelBytes;
    let w1 = w0 + panelBytes;
    let w2 = w1 + panelBytes;
    let w3 = w2 + panelBytes;

    const rowBytes = <usize>inDim << 2;
    let xa = x + <usize>row * rowBytes;
    let xb = xa + rowBytes;
    let xc = xb + rowBytes;
    let xd = xc + rowBytes;

    let a0 = f32x4.splat(0), a1 = a0, a2 = a0, a3 = a0, a4 = a0, a5 = a0, a6 = a0, a7 = a0;
    let b0 = a0, b1 = a0, b2 = a0, b3 = a0;
    let c0 = a0, c1 = a0;
    let d0 = a0, d1 = a0;

    // One input a turn: unrolled by hand, Binaryen sinks each sum's additions together and V8 then runs out of registers.
    for (const end = w0 + panelBytes; w0 < end; w0 += STEP) {
      const p0 = v128.load(w0), p1 = v128.load(w0, 16);
      const va = v128.load32_splat(xa);
      a0 = add(a0, p0, va);
      a1 = add(a1, p1, va);
      if (T > 1) {
        const vb = v128.load32_splat(xb);
        b0 = add(b0, p0, vb);
        b1 = add(b1, p1, vb);
        if (P > 1) {
          const p2 = v128.load(w1), p3 = v128.load(w1, 16);
          a2 = add(a2, p2, va);
          a3 = add(a3, p3, va);
          b2 = add(b2, p2, vb);
          b3 = add(b3, p3, vb);
        }
        xb += 4;
      } else if (P > 1) {
        a2 = add(a2, v128.load(w1), va);
        a3 = add(a3, v128.load(w1, 16), va);
      }
      if (T > 2) {
        const vc = v128.load32_splat(xc);
        c0 = add(c0, p0, vc);
        c1 = add(c1, p1, vc);
        xc += 4;
      }
      if (T > 3) {
        const vd = v128.load32_splat(xd);
        d0 = add(d0, p0, vd);
        d1 = add(d1, p1, vd);
        xd += 4;
      }
      if (P > 2) {
        a4 = add(a4, v128.load(w2), va);
        a5 = add(a5, v128.load(w2, 16), va);
        a6 = add(a6, v128.load(w3), va);
        a7 = add(a7, v128.load(w3, 16), va);
        w2 += STEP;
        w3 += STEP;
      }
      if (P > 1) w1 += STEP;
      xa += 4;
    }

    const rowStride = <usize>outStride << 2;
    let to = out + <usize>row * rowStride;
    emit(to, bias, panel, outDim, a0, a1);
    if (P > 1) emit(to, bias, panel + 1, outDim, a2, a3);
    if (P > 2) {
      emit(to, bias, panel + 2, outDim, a4, a5);
      emit(to, bias, panel + 3, outDim, a6, a7);
    }
    if (T > 1) {
      to += rowStride;
      emit(to, bias, panel, outDim, b0, b1);
      if (P > 1) emit(to, bias, panel + 1, outDim, b2, b3);
    }
    if (T > 2) emit(to + rowStride, bias, panel, outDim, c0, c1);
    if (T > 3) emit(to + 2 * rowStride, bias, panel, outDim, d0, d1);
  }
}

/**
 * Panels panelFrom..panelTo - 1 of every row.
 *
 * @param out        (rows, outDim) f32 by outStride; nothing else may overlap it
 * @param x          (rows, inDim) f32
 * @param weight     (outDim, inDim) PACKED f32, see opcodes.ts
 * @param bias       (outDim,) f32, or 0 for none
 * @param rows       tokens of the pass
 * @param inDim      elements, at least 1
 * @param outDim     elements, at least 1; outputs beyond it are not written
 * @param outStride  elements from one row of `out` to the next
 */
export function matmulF32(out: usize, x: usize, weight: usize, bias: usize, rows: i32, inDim: i32, outDim: i32, outStride: i32, panelFrom: i32, panelTo: i32): void {
  cover<F32Tile>(out, x, 0, weight, bias, rows, inDim, outDim, outStride, panelFrom, panelTo);
}
