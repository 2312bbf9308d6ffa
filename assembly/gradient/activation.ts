/**
 * Activations with a gate and without, forward and backward:
 *
 *   out = f(gate) * up,   dgate = dout * up * f'(gate),   dup = dout * f(gate)
 *
 *   with s = sigmoid(x):       f             f'
 *   SILU                       x s           s + x s (1 - s)
 *   GELU_TANH, z = the         x s(z)        s + x s (1 - s) z'
 *     argument of ../activation.ts
 *   GELU_ERF                   x Φ(x)        Φ + x φ(x),   φ(x) = exp(-x² / 2) / sqrt(2 π)
 *   SIGMOID                    s             s (1 - s)
 *   TANH, s = sigmoid(2x)      2 s - 1       4 s (1 - s)
 *
 * Operands (count,) f32, a multiple of 4; `up` of 0 stands for ones.
 *
 * Bits: each element on its own. Forward, those of ../activation.ts for its three.
 */
import { ACTIVATION_CHUNK, GELU_ERF, GELU_TANH, SIGMOID, SILU, TANH } from '../../src/train/opcodes';
import { geluErfGate, geluGate, siluGate } from '../activation';
import { exponentials } from '../math';
import { keepMask, put } from './accumulate';

/** Elements 4 groupFrom..4 groupTo - 1. */
export function activate(out: usize, gate: usize, up: usize, count: i32, kind: i32, groupFrom: i32, groupTo: i32): void {
  const from = groupFrom << 2, to = groupTo << 2;
  if (from >= to) return;
  if (kind == SILU) siluGate(out, gate, up, 1, count, count, from, to);
  else if (kind == GELU_TANH) geluGate(out, gate, up, 1, count, count, from, to);
  else if (kind == GELU_ERF) geluErfGate(out, gate, up, 1, count, count, from, to);
  else activateSigmoid(kind == TANH, out, gate, up, from, to);
}

function activateSigmoid(tanh: bool, out: usize, gate: usize, up: usize, from: i32, to: i32): void {
  const start = out + (<usize>from << 2);
  const two = f32x4.splat(tanh ? 2 : 1);
  for (let i = <usize>from << 2; i < <usize>to << 2; i += 16) v128.store(out + i, f32x4.mul(v128.load(gate + i), two));
  exponentials(start, start, to - from, 0);
  for (let i = <usize>from << 2; i < <usize>to << 2; i += 16) {
    const x = v128.load(gate + i), e = v128.load(out + i);
    const value = tanh ? hyperbolicTangent(x, e) : f32x4.div(e, f32x4.add(e, f32x4.splat(1)));
    v128.store(out + i, up == 0 ? value : f32x4.mul(value, v128.load(up + i)));
  }
}

/**
 * tanh x from e = exp(2x). Near 0, where e - 1 has lost its digits, the Taylor series x - x³/3 + 2x⁵/15 - 17x⁷/315: below 1/8 what it leaves
 * out is a part in 10⁸ of it.
 */
// @ts-ignore: decorator
@inline
function hyperbolicTangent(x: v128, e: v128): v128 {
  const one = f32x4.splat(1);
  const z = f32x4.mul(x, x);
  let series = f32x4.add(f32x4.mul(z, f32x4.splat(-0.053968254)), f32x4.splat(0.13333334));
  series = f32x4.add(f32x4.mul(series, z), f32x4.splat(-0.33333334));
  const near = f32x4.add(x, f32x4.mul(x, f32x4.mul(series, z)));
  const far = f32x4.sub(one, f32x4.div(f32x4.splat(2), f32x4.add(e, one)));
  return v128.bitselect(near, far, f32x4.lt(f32x4.abs(x), f32x4.splat(0.125)));
}

/**
 * Elements 4 groupFrom..4 groupTo - 1 backward; dgate and dup may be 0, where they are not wanted.
 * @param scratch  ACTIVATION_CHUNK f32, this thread's own
 */
export function activateBackward(
  dgate: usize, keepGate: i32, dup: usize, keepUp: i32, gate: usize, up: usize, dout: usize, kind: i32, scratch: usize, groupFrom: i32, groupTo: i32,
): void {
  for (let from = groupFrom << 2; from < groupTo << 2; from += ACTIVATION_CHUNK) {
    const count = min(ACTIVATION_CHUNK, (groupTo << 2) - from);
    const at = <usize>from << 2;
    const dg = dgate == 0 ? <usize>0 : dgate + at;
    const du = dup == 0 ? <usize>0 : dup + at;
    const u = up == 0 ? <usize>0 : up + at;
    if (kind == SILU) chunk(SILU, dg, keepGate, du, keepUp, gate + at, u, dout + at, scratch, count);
    else if (kind == GELU_TANH) chunk(GELU_TANH, dg, keepGate, du, keepUp, gate + at, u, dout + at, scratch, count);
    else if (kind == GELU_ERF) chunk(GELU_ERF, dg, keepGate, du, keepUp, gate + at, u, dout + at, scratch, count);
    else if (kind == SIGMOID) chunk(SIGMOID, dg, keepGate, du, keepUp, gate + at, u, dout + at, scratch, count);
    else chunk(TANH, dg, keepGate, du, keepUp, gate + at, u, dout + at, scratch, count);
  }
}

/** `count` elements; kind is a constant wherever this is called. */
// @ts-ignore: decorator
@inline
function chunk(kind: i32, dgate: usize, keepGate: i32, dup: usize, keepUp: i32, gate: usize, up: usize, dout: usize, scratch: usize, count: i32): void {
  const end = <usize>count << 2;
  const one = f32x4.splat(1);
  for (let i: usize = 0; i < end; i += 16) v128.store(scratch + i, exponent(kind, v128.load(gate + i)));
  exponentials(scratch, scratch, count, 0);
  for (let i: usize = 0; i < end; i += 16) {
    const x = v128.load(gate + i);
    const e = v128.load(scratch + i);
    const rest = f32x4.div(one, f32x4.add(e, one)); // 1 - sigmoid
    const sigmoid = f32x4.mul(e, rest);
    const above = v128.load(dout + i);
    if (dgate != 0) {
      const slopes = f32x4.mul(above, slope(kind, x, e, sigmoid, rest));
      put(dgate + i, up == 0 ? slopes : f32x4.mul(slopes, v128.load(up + i)), keepMask(keepGate));
    }
    if (dup != 0) put(dup + i, f32x4.mul(above, value(kind, x, e, sigmoid)), keepMask(keepUp));
  }
}

/** What the exponential is taken of. */
// @ts-ignore: decorator
@inline
function exponent(kind: i32, x: v128): v128 {
  if (kind == GELU_TANH) {
    const cube = f32x4.mul(f32x4.mul(x, x), x);
    return f32x4.mul(f32x4.add(x, f32x4.mul(cube, f32x4.splat(0.044715))), f32x4.splat(1.5957691216)); // 2 sqrt(2 / π)
  }
  if (kind == GELU_ERF) return f32x4.mul(f32x4.mul(x, x), f32x4.splat(-0.5));
  return kind == TANH ? f32x4.add(x, x) : x;
}

/** f(x) */
// @ts-ignore: decorator
@inline
function value(kind: i32, x: v128, e: v128, sigmoid: v128): v128 {
  if (kind == SIGMOID) return sigmoid;
  if (kind == TANH) return hyperbolicTangent(x, e);
  return f32x4.mul(x, kind == GELU_ERF ? below(x, e) : sigmoid);
}

/** f'(x) */
// @ts-ignore: decorator
@inline
function slope(kind: i32, x: v128, e: v128, sigmoid: v128, rest: v128): v128 {
  if (kind == GELU_ERF) return f32x4.add(below(x, e), f32x4.mul(f32x4.mul(x, e), f32x4.splat(0.3989422804))); // 1 / sqrt(2 π)
  const bend = f32x4.mul(sigmoid, rest);
  if (kind == SIGMOID) return bend;
  if (kind == TANH) return f32x4.mul(bend, f32x4.splat(4));
  let along = f32x4.mul(x, bend);
  if (kind == GELU_TANH) {
    const inner = f32x4.add(f32x4.splat(1), f32x4.mul(f32x4.mul(x, x), f32x4.splat(0.134145)));
    along = f32x4.mul(along, f32x4.mul(inner, f32x4.splat(1.5957691216)));
  }
  return f32x4.add(sigmoid, along);
}

/** Φ(x) from e = exp(-x² / 2), by the series of ../activation.ts. */
// @ts-ignore: decorator
@inline
function below(x: v128, e: v128): v128 {
  const one = f32x4.splat(1);
  const t = f32x4.div(one, f32x4.add(one, f32x4.mul(f32x4.abs(x), f32x4.splat(0.23164189))));
  let series = f32x4.splat(0.5307027145);
  series = f32x4.add(f32x4.mul(series, t), f32x4.splat(-0.7265760135));
  series = f32x4.add(f32x4.mul(series, t), f32x4.splat(0.7107068705));
  series = f32x4.add(f32x4.mul(series, t), f32x4.splat(-0.142248368));
  series = f32x4.add(f32x4.mul(series, t), f32x4.splat(0.127414796));
  const tail = f32x4.mul(f32x4.mul(series, t), e);
  return v128.bitselect(tail, f32x4.sub(one, tail), f32x4.lt(x, f32x4.splat(0)));
}
