/**
 * A tile: the product of P panels with T tokens, all of whose accumulators stay in registers.
 *
 * Bits: an output belongs to one lane of one accumulator, whatever the tile, and takes its terms in the order of the inputs.
 */
import { PANEL } from '../../src/engine/opcodes';
import { loadLanes, storeLanes } from '../lanes';
import { Format } from './format';

/** Bytes of a turn of activations. */
const TURN: usize = 4;

/**
 * Multiplies tokens row..row + T - 1 with P panels that lie `apart` panels from each other, the first of them `panel`. P and T are constants
 * wherever this is called, and one of (1, 1) (1, 2) (1, 3) (1, 4) (2, 1) (2, 2) (3, 1).
 *
 * Letters are tokens and digits are vectors of four outputs: b3 sums outputs 4..7 of the second panel for the second token, and tb3 is
 * its total over blocks.
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

  const rowBytes = format.rowBytes(inDim);
  let xa = x + <usize>row * rowBytes;
  let xb = xa + rowBytes;
  let xc = xb + rowBytes;
  let xd = xc + rowBytes;

  const rowScales = blocks << 2;
  let sa = scales + <usize>row * rowScales;
  let sb = sa + rowScales;
  let sc = sb + rowScales;
  let sd = sc + rowScales;

  const zero = i32x4.splat(0); // which is 0 as f32, too
  let ta0 = zero, ta1 = zero, ta2 = zero, ta3 = zero, ta4 = zero, ta5 = zero;
  let tb0 = zero, tb1 = zero, tb2 = zero, tb3 = zero;
  let tc0 = zero, tc1 = zero;
  let td0 = zero, td1 = zero;

  for (const end = w0 + panelBytes; w0 < end;) {
    let a0 = zero, a1 = zero, a2 = zero, a3 = zero, a4 = zero, a5 = zero;
    let b0 = zero, b1 = zero, b2 = zero, b3 = zero;
    let c0 = zero, c1 = zero;
    let d0 = zero, d1 = zero;

    // One turn at a time. Were several written out here, Binaryen would move each accumulator's additions together; so many weights and
    // activations are then alive at once that V8 keeps accumulators in memory, at half the speed. V8 unrolls the loop itself, in order.
    for (const stop = w0 + weightBytes; w0 < stop; w0 += turnBytes) {
      const p0 = format.low(w0), p1 = format.high(w0);
      const va = v128.load32_splat(xa);
      const vb = T > 1 ? v128.load32_splat(xb) : zero;
      a0 = format.add(a0, p0, va);
      a1 = format.add(a1, p1, va);
      if (T > 1) {
        b0 = format.add(b0, p0, vb);
        b1 = format.add(b1, p1, vb);
      }
      if (T > 2) {
        const vc = v128.load32_splat(xc);
        c0 = format.add(c0, p0, vc);
        c1 = format.add(c1, p1, vc);
      }
      if (T > 3) {
        const vd = v128.load32_splat(xd);
        d0 = format.add(d0, p0, vd);
        d1 = format.add(d1, p1, vd);
      }
      if (P > 1) {
        const p2 = format.low(w1), p3 = format.high(w1);
        a2 = format.add(a2, p2, va);
        a3 = format.add(a3, p3, va);
        if (T > 1) {
          b2 = format.add(b2, p2, vb);
          b3 = format.add(b3, p3, vb);
        }
        w1 += turnBytes;
      }
      if (P > 2) {
        a4 = format.add(a4, format.low(w2), va);
        a5 = format.add(a5, format.high(w2), va);
        w2 += turnBytes;
      }
      xa += TURN;
      if (T > 1) xb += TURN;
      if (T > 2) xc += TURN;
      if (T > 3) xd += TURN;
    }

    const va = format.scale(sa);
    ta0 = format.close(ta0, a0, w0, va);
    ta1 = format.close(ta1, a1, w0 + 16, va);
    if (P > 1) {
      ta2 = format.close(ta2, a2, w1, va);
      ta3 = format.close(ta3, a3, w1 + 16, va);
    }
    if (P > 2) {
      ta4 = format.close(ta4, a4, w2, va);
      ta5 = format.close(ta5, a5, w2 + 16, va);
      w2 += scaleBytes;
    }
    if (T > 1) {
      const vb = format.scale(sb);
      tb0 = format.close(tb0, b0, w0, vb);
      tb1 = format.close(tb1, b1, w0 + 16, vb);
      if (P > 1) {
        tb2 = format.close(tb2, b2, w1, vb);
        tb3 = format.close(tb3, b3, w1 + 16, vb);
      }
      sb += 4;
    }
    if (T > 2) {
      const vc = format.scale(sc);
      tc0 = format.close(tc0, c0, w0, vc);
      tc1 = format.close(tc1, c1, w0 + 16, vc);
      sc += 4;
    }
    if (T > 3) {
      const vd = format.scale(sd);
      td0 = format.close(td0, d0, w0, vd);
      td1 = format.close(td1, d1, w0 + 16, vd);
      sd += 4;
    }
    sa += 4;
    w0 += scaleBytes;
    if (P > 1) w1 += scaleBytes;
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
  const first = panel * PANEL;
  const offset = (<usize>first) << 2;
  if (outDim - first < PANEL) {
    emitSome(out + offset, bias == 0 ? 0 : bias + offset, outDim - first, low, high);
    return;
  }
  if (bias != 0) {
    low = f32x4.add(low, v128.load(bias + offset));
    high = f32x4.add(high, v128.load(bias + offset, 16));
  }
  v128.store(out + offset, low);
  v128.store(out + offset, high, 16);
}

/** The first `count` outputs of a panel, 1 to 7 of them. */
function emitSome(out: usize, bias: usize, count: i32, low: v128, high: v128): void {
  const zero = f32x4.splat(0);
  if (bias != 0) low = f32x4.add(low, loadLanes(bias, count, zero));
  storeLanes(out, low, count);
  if (count > 4) {
    if (bias != 0) high = f32x4.add(high, loadLanes(bias + 16, count - 4, zero));
    storeLanes(out + 16, high, count - 4);
  }
}
