/**
 * Matrix product with 8-bit weights and 8-bit activations, in blocks of 32 inputs that share a scale:
 *
 *   out[r][o] = sum over blocks of (sum of q[o][i] * x[r][i]) * (weightScale[o][block] * scale[r][block]), + bias[o]
 *
 * Bits: the inner sum is an exact integer (at most 32 * 128 * 127), so the instruction that computes it does not matter. It is
 * rounded to f32 once (exactly: it is below 2^24), multiplied by the rounded product of the scales, and added to one accumulator
 * an output, from zero, blocks in order; then + bias.
 */
import { BLOCK, PANEL, Q8_BLOCK_BYTES } from '../../src/engine/opcodes';
import { Tile, cover, emit } from './schedule';

/** Bytes of a block's weights in a panel. */
const WEIGHTS: usize = <usize>(BLOCK * PANEL);
/** Bytes of one turn: two inputs of a panel. */
const PAIR: usize = <usize>(2 * PANEL);
const SCALES: usize = <usize>Q8_BLOCK_BYTES - WEIGHTS;

/** Adds the products of two inputs to four sums. */
// @ts-ignore: decorator
@inline
function add(sum: v128, weights: v128, x: v128): v128 {
  return i32x4.add(sum, i32x4.dot_i16x8_s(weights, x));
}

/** Adds a finished block to four totals. */
// @ts-ignore: decorator
@inline
function close(total: v128, sum: v128, weightScale: v128, scale: v128): v128 {
  return f32x4.add(total, f32x4.mul(f32x4.convert_i32x4_s(sum), f32x4.mul(weightScale, scale)));
}

/** Letters are tokens, digits are vectors of four outputs; a total over blocks is named with a t before: `tb3`. */
class Q8Tile extends Tile {
  @inline
  widest(): i32 {
    return 2;
  }

  @inline
  run(P: i32, T: i32, row: i32, panel: i32, out: usize, x: usize, scales: usize, weight: usize, bias: usize, inDim: i32, outDim: i32, outStride: i32): void {
    const blocks = inDim / BLOCK;
    const panelBytes = <usize>blocks * Q8_BLOCK_BYTES;
    let w0 = weight + <usize>panel * panelBytes;
    let w1 = w0 + panelBytes;

    const rowBytes = <usize>inDim << 1;
    let xa = x + <usize>row * rowBytes;
    let xb = xa + rowBytes;
    let xc = xb + rowBytes;
    let xd = xc + rowBytes;

    const scaleBytes = <usize>blocks << 2;
    let sa = scales + <usize>row * scaleBytes;
    let sb = sa + scaleBytes;
    let sc = sb + scaleBytes;
    let sd = sc + scaleBytes;

    const zero = f32x4.splat(0);
    let ta0 = zero, ta1 = zero, ta2 = zero, ta3 = zero;
    let tb0 = zero, tb1 = zero, tb2 = zero, tb3 = zero;
    let tc0 = zero, tc1 = zero;
    let td0 = zero, td1 = zero;

    for (const end = w0 + panelBytes; w0 < end; ) {
      let a0 = zero, a1 = zero, a2 = zero, a3 = zero;
      let b0 = zero, b1 = zero, b2 = zero, b3 = zero;
      let c0 = zero, c1 = zero;
      let d0 = zero, d1 = zero;

      // Not unrolled by hand, see f32.ts.
      for (const stop = w0 + WEIGHTS; w0 < stop; w0 += PAIR) {
        const p0 = v128.load_ext<i8>(w0), p1 = v128.load_ext<i8>(w0, 8);
        const va = v128.load32_splat(xa);
        a0 = add(a0, p0, va);
        a1 = add(a1, p1, va);
        xa += 4;
        if (T > 1) {
          const vb = v128.load32_splat(xb);
          b0 = add(b0, p0, vb);
          b1 = add(b1, p1, vb);
          xb += 4;
          if (P > 1) {
            const p2 = v128.load_ext<i8>(w1), p3 = v128.load_ext<i8>(w1, 8);
            a2 = add(a2, p2, va);
            a3 = add(a3, p3, va);
            b2 = add(b2, p2, vb);
            b3 = add(b3, p3, vb);
          }
        } else if (P > 1) {
          a2 = add(a2, v128.load_ext<i8>(w1), va);
          a3 = add(a3, v128.load_ext<i8>(w1, 8), va);
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
        if (P > 1) w1 += PAIR;
      }

      const s0 = v128.load(w0), s1 = v128.load(w0, 16);
      w0 += SCALES;
      const scaleA = v128.load32_splat(sa);
      ta0 = close(ta0, a0, s0, scaleA);
      ta1 = close(ta1, a1, s1, scaleA);
      sa += 4;
      if (T > 1) {
        const scaleB = v128.load32_splat(sb);
        tb0 = close(tb0, b0, s0, scaleB);
        tb1 = close(tb1, b1, s1, scaleB);
        sb += 4;
        if (P > 1) {
          tb2 = close(tb2, b2, v128.load(w1), scaleB);
          tb3 = close(tb3, b3, v128.load(w1, 16), scaleB);
        }
      }
      if (P > 1) {
        ta2 = close(ta2, a2, v128.load(w1), scaleA);
        ta3 = close(ta3, a3, v128.load(w1, 16), scaleA);
        w1 += SCALES;
      }
      if (T > 2) {
        const scaleC = v128.load32_splat(sc);
        tc0 = close(tc0, c0, s0, scaleC);
        tc1 = close(tc1, c1, s1, scaleC);
        sc += 4;
      }
      if (T > 3) {
        const scaleD = v128.load32_splat(sd);
        td0 = close(td0, d0, s0, scaleD);
        td1 = close(td1, d1, s1, scaleD);
        sd += 4;
      }
    }

    const rowStride = <usize>outStride << 2;
    let to = out + <usize>row * rowStride;
    emit(to, bias, panel, outDim, ta0, ta1);
    if (P > 1) emit(to, bias, panel + 1, outDim, ta2, ta3);
    if (T > 1) {
      to += rowStride;
      emit(to, bias, panel, outDim, tb0, tb1);
      if (P > 1) emit(to, bias, panel + 1, outDim, tb2, tb3);
    }
    if (T > 2) emit(to + rowStride, bias, panel, outDim, tc0, tc1);
    if (T > 3) emit(to + 2 * rowStride, bias, panel, outDim, td0, td1);
  }
}

/**
 * Panels panelFrom..panelTo - 1 of every row.
 *
 * @param out        (rows, outDim) f32 by outStride; nothing else may overlap it
 * @param x          (rows, inDim) i16 in -127..127, from quantizeRows
 * @param scales     (rows, inDim / 32) f32, from quantizeRows
 * @param weight     (outDim, inDim) PACKED q8, see opcodes.ts; -128..127
 * @param bias       (outDim,) f32, or 0 for none
 * @param rows       tokens of the pass
 * @param inDim      elements, a multiple of 32
 * @param outDim     elements, at least 1; outputs beyond it are not written
 * @param outStride  elements from one row of `out` to the next
 */
export function matmulQ8(out: usize, x: usize, scales: usize, weight: usize, bias: usize, rows: i32, inDim: i32, outDim: i32, outStride: i32, panelFrom: i32, panelTo: i32): void {
  cover<Q8Tile>(out, x, scales, weight, bias, rows, inDim, outDim, outStride, panelFrom, panelTo);
}
