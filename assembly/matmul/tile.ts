/**
 * A tile: the product of P panels with T tokens, all of whose accumulators stay in registers.
 *
 * Bits: an output belongs to one lane of one accumulator, whatever the tile, and takes its terms in the order of the inputs.
 */
import { PANEL } from '../../src/engine/opcodes';
import { loadLanes, storeLanes } from '../lanes';
import { Format } from './format';

/**
 * Multiplies tokens row..row + T - 1 with P panels that lie `apart` panels from each other, the first of them `panel`. P and T are constants
 * wherever this is called, and one of (1, 1) (1, 3) (1, 4) (2, 2) (3, 1).
 *
 * Letters are tokens and digits are vectors of four outputs: b3 sums outputs 4..7 of the second panel for the second token, and tb3 is
 * its total over blocks. Of weights, m is packed, p and q meet the words v and y of activations, and u scales a block.
 */
// @ts-ignore: decorator
@inline
export function tile<F extends Format>(P: i32, T: i32, row: i32, panel: i32, apart: i32, out: usize, x: usize, scales: usize, weight: usize, bias: usize, inDim: i32, outDim: i32, outStride: i32): void {
  const format = changetype<F>(0);
  const blocks = <usize>format.blocks(inDim);
  const turnBytes = format.turnBytes();
  const weightBytes = format.weightBytes(inDim);
  const scaleBytes = format.scaleBytes();
  const panelBytes = blocks * (weightBytes + scaleBytes);
  let w0 = weight + <usize>panel * panelBytes;
  let w1 = w0 + <usize>apart * panelBytes;
  let w2 = w1 + <usize>apart * panelBytes;

  const two = format.words() == 2;
  const turn: usize = two ? 8 : 4;
  const rowBytes = format.rowBytes(inDim);
  let xa = x + <usize>row * rowBytes;
  let xb = xa + rowBytes;
  let xc = xb + rowBytes;
  let xd = xc + rowBytes;

  const rowScaleBytes = format.rowScaleBytes();
  const rowScales = blocks * rowScaleBytes;
  let sa = scales + <usize>row * rowScales;
  let sb = sa + rowScales;
  let sc = sb + rowScales;
  let sd = sc + rowScales;

  const mask = format.mask(inDim);
  const zero = i32x4.splat(0); // which is 0 as f32, too
  let ta0 = zero, ta1 = zero, ta2 = zero, ta3 = zero, ta4 = zero, ta5 = zero;
  let tb0 = zero, tb1 = zero, tb2 = zero, tb3 = zero;
  let tc0 = zero, tc1 = zero;
  let td0 = zero, td1 = zero;

  for (const end = w0 + panelBytes; w0 < end;) {
    const s0 = w0 + weightBytes, s1 = w1 + weightBytes, s2 = w2 + weightBytes;
    let a0 = format.start(0, s0, sa), a1 = format.start(1, s0, sa);
    let a2 = P > 1 ? format.start(0, s1, sa) : zero, a3 = P > 1 ? format.start(1, s1, sa) : zero;
    let a4 = P > 2 ? format.start(0, s2, sa) : zero, a5 = P > 2 ? format.start(1, s2, sa) : zero;
    let b0 = T > 1 ? format.start(0, s0, sb) : zero, b1 = T > 1 ? format.start(1, s0, sb) : zero;
    let b2 = P > 1 && T > 1 ? format.start(0, s1, sb) : zero, b3 = P > 1 && T > 1 ? format.start(1, s1, sb) : zero;
    let c0 = T > 2 ? format.start(0, s0, sc) : zero, c1 = T > 2 ? format.start(1, s0, sc) : zero;
    let d0 = T > 3 ? format.start(0, s0, sd) : zero, d1 = T > 3 ? format.start(1, s0, sd) : zero;

    // One turn at a time. Were several written out here, Binaryen would move each accumulator's additions together; so many weights and
    // activations are then alive at once that V8 keeps accumulators in memory, at half the speed. V8 unrolls the loop itself, in order.
    for (; w0 < s0; w0 += turnBytes) {
      const m0 = format.first(w0), m1 = format.second(w0, m0);
      const p0 = format.unpack(m0, 0, 0, mask), p1 = format.unpack(m1, 1, 0, mask);
      const q0 = format.unpack(m0, 0, 1, mask), q1 = format.unpack(m1, 1, 1, mask);
      const va = v128.load32_splat(xa), ya = two ? v128.load32_splat(xa, 4) : zero;
      a0 = format.add(a0, p0, va, q0, ya);
      a1 = format.add(a1, p1, va, q1, ya);
      const vb = T > 1 ? v128.load32_splat(xb) : zero, yb = T > 1 && two ? v128.load32_splat(xb, 4) : zero;
      if (T > 1) {
        b0 = format.add(b0, p0, vb, q0, yb);
        b1 = format.add(b1, p1, vb, q1, yb);
      }
      if (T > 2) {
        const vc = v128.load32_splat(xc), yc = two ? v128.load32_splat(xc, 4) : zero;
        c0 = format.add(c0, p0, vc, q0, yc);
        c1 = format.add(c1, p1, vc, q1, yc);
      }
      if (T > 3) {
        const vd = v128.load32_splat(xd), yd = two ? v128.load32_splat(xd, 4) : zero;
        d0 = format.add(d0, p0, vd, q0, yd);
        d1 = format.add(d1, p1, vd, q1, yd);
      }
      if (P > 1) {
        const m2 = format.first(w1), m3 = format.second(w1, m2);
        const p2 = format.unpack(m2, 0, 0, mask), p3 = format.unpack(m3, 1, 0, mask);
        const q2 = format.unpack(m2, 0, 1, mask), q3 = format.unpack(m3, 1, 1, mask);
        a2 = format.add(a2, p2, va, q2, ya);
        a3 = format.add(a3, p3, va, q3, ya);
        if (T > 1) {
          b2 = format.add(b2, p2, vb, q2, yb);
          b3 = format.add(b3, p3, vb, q3, yb);
        }
        w1 += turnBytes;
      }
      if (P > 2) {
        const m4 = format.first(w2), m5 = format.second(w2, m4);
        a4 = format.add(a4, format.unpack(m4, 0, 0, mask), va, format.unpack(m4, 0, 1, mask), ya);
        a5 = format.add(a5, format.unpack(m5, 1, 0, mask), va, format.unpack(m5, 1, 1, mask), ya);
        w2 += turnBytes;
      }
      xa += turn;
      if (T > 1) xb += turn;
      if (T > 2) xc += turn;
      if (T > 3) xd += turn;
    }

    const u0 = format.weightScale(0, s0), u1 = format.weightScale(1, s0);
    const va = format.rowScale(sa);
    ta0 = format.close(ta0, a0, u0, va);
    ta1 = format.close(ta1, a1, u1, va);
    const vb = T > 1 ? format.rowScale(sb) : zero;
    if (T > 1) {
      tb0 = format.close(tb0, b0, u0, vb);
      tb1 = format.close(tb1, b1, u1, vb);
      sb += rowScaleBytes;
    }
    if (T > 2) {
      const vc = format.rowScale(sc);
      tc0 = format.close(tc0, c0, u0, vc);
      tc1 = format.close(tc1, c1, u1, vc);
      sc += rowScaleBytes;
    }
    if (T > 3) {
      const vd = format.rowScale(sd);
      td0 = format.close(td0, d0, u0, vd);
      td1 = format.close(td1, d1, u1, vd);
      sd += rowScaleBytes;
    }
    if (P > 1) {
      const u2 = format.weightScale(0, s1), u3 = format.weightScale(1, s1);
      ta2 = format.close(ta2, a2, u2, va);
      ta3 = format.close(ta3, a3, u3, va);
      if (T > 1) {
        tb2 = format.close(tb2, b2, u2, vb);
        tb3 = format.close(tb3, b3, u3, vb);
      }
      w1 += scaleBytes;
    }
    if (P > 2) {
      ta4 = format.close(ta4, a4, format.weightScale(0, s2), va);
      ta5 = format.close(ta5, a5, format.weightScale(1, s2), va);
      w2 += scaleBytes;
    }
    sa += rowScaleBytes;
    w0 += scaleBytes;
  }

  const outBytes = <usize>outStride << 2;
  const toA = out + <usize>row * outBytes;
  const toB = toA + outBytes;
  emit(toA, bias, panel, outDim, ta0, ta1);
  if (P > 1) emit(toA, bias, panel + apart, outDim, ta2, ta3);
  if (P > 2) emit(toA, bias, panel + 2 * apart, outDim, ta4, ta5);
  if (T > 1) emit(toB, bias, panel, outDim, tb0, tb1);
  if (P > 1 && T > 1) emit(toB, bias, panel + apart, outDim, tb2, tb3);
  if (T > 2) emit(toB + outBytes, bias, panel, outDim, tc0, tc1);
  if (T > 3) emit(toB + 2 * outBytes, bias, panel, outDim, td0, td1);
}

/** Adds the bias to one panel of one row and stores it; neither `out` nor `bias` is touched beyond outDim. */
// @ts-ignore: decorator
@inline
function emit(out: usize, bias: usize, panel: i32, outDim: i32, low: v128, high: v128): void {
  const offset = <usize>(panel * PANEL) << 2;
  const count = outDim - panel * PANEL;
  if (bias != 0 || count < PANEL) {
    emitSome(out + offset, bias == 0 ? 0 : bias + offset, count, low, high);
    return;
  }
  v128.store(out + offset, low);
  v128.store(out + offset, high, 16);
}

/** The first `count` outputs of a panel. */
function emitSome(out: usize, bias: usize, count: i32, low: v128, high: v128): void {
  const zero = f32x4.splat(0);
  if (bias != 0) low = f32x4.add(low, loadLanes(bias, count, zero));
  storeLanes(out, low, count);
  if (count > 4) {
    if (bias != 0) high = f32x4.add(high, loadLanes(bias + 16, count - 4, zero));
    storeLanes(out + 16, high, count - 4);
  }
}
