/**
 * Element by element: activations, with a gate and without, the soft cap, and the sum of two arrays.
 *
 * Operands of the gates: out (rows, dim) f32; gate and up (rows, dim) f32, `stride` elements from row to row, as they lie side by
 * side in one product; out overlaps neither. An `up` of 0 stands for ones: an activation without a gate. Columns columnFrom..columnTo - 1
 * are computed, both multiples of 4.
 *
 * Bits: each element on its own, no reduction.
 */
import { loadLanes, storeLanes } from './lanes';
import { exponentials } from './math';
import { multiply } from './softmax';

/** out = silu(gate) * up with silu(x) = x * sigmoid(x). Source: Hendrycks and Gimpel, 2016, arXiv 1606.08415. */
export function siluGate(out: usize, gate: usize, up: usize, rows: i32, dim: i32, stride: i32, columnFrom: i32, columnTo: i32): void {
  const columns = columnTo - columnFrom;
  for (let row = 0; row < rows; row++) {
    const from = <usize>(row * stride + columnFrom) << 2;
    const to = out + (<usize>(row * dim + columnFrom) << 2);
    exponentials(to, gate + from, columns, 0);
    timesSigmoid(to, gate + from, up == 0 ? 0 : up + from, columns);
  }
}

/**
 * out = gelu(gate) * up with GELU in its tanh form, x / 2 * (1 + tanh(u)) = x * sigmoid(2u), u = sqrt(2 / π) * (x + 0.044715 x³).
 * Source: the same.
 */
export function geluGate(out: usize, gate: usize, up: usize, rows: i32, dim: i32, stride: i32, columnFrom: i32, columnTo: i32): void {
  const columns = columnTo - columnFrom;
  for (let row = 0; row < rows; row++) {
    const from = <usize>(row * stride + columnFrom) << 2;
    const to = out + (<usize>(row * dim + columnFrom) << 2);
    for (let i: usize = 0; i < <usize>columns << 2; i += 16) {
      const x = v128.load(gate + from + i);
      const cube = f32x4.mul(f32x4.mul(x, x), x);
      const inner = f32x4.add(x, f32x4.mul(cube, f32x4.splat(0.044715)));
      v128.store(to + i, f32x4.mul(inner, f32x4.splat(1.5957691216))); // 2 sqrt(2 / π)
    }
    exponentials(to, to, columns, 0);
    timesSigmoid(to, gate + from, up == 0 ? 0 : up + from, columns);
  }
}

/**
 * out = gelu(gate) * up with GELU as it is defined: x Φ(x), Φ(x) = (1 + erf(x / √2)) / 2. Source: the same.
 *
 * Φ(-|x|) = exp(-x² / 2) * (a1 t + ... + a5 t⁵) / 2, t = 1 / (1 + p |x| / √2), within 1e-7 of it: Abramowitz and Stegun, 1964, 7.1.26.
 */
export function geluErfGate(out: usize, gate: usize, up: usize, rows: i32, dim: i32, stride: i32, columnFrom: i32, columnTo: i32): void {
  const columns = columnTo - columnFrom;
  const one = f32x4.splat(1);
  for (let row = 0; row < rows; row++) {
    const from = <usize>(row * stride + columnFrom) << 2;
    const to = out + (<usize>(row * dim + columnFrom) << 2);
    for (let i: usize = 0; i < <usize>columns << 2; i += 16) {
      const x = v128.load(gate + from + i);
      v128.store(to + i, f32x4.mul(f32x4.mul(x, x), f32x4.splat(-0.5)));
    }
    exponentials(to, to, columns, 0);
    for (let i: usize = 0; i < <usize>columns << 2; i += 16) {
      const x = v128.load(gate + from + i);
      const t = f32x4.div(one, f32x4.add(one, f32x4.mul(f32x4.abs(x), f32x4.splat(0.23164189)))); // p / √2
      let series = f32x4.splat(0.5307027145); // a5 / 2 and so on down
      series = f32x4.add(f32x4.mul(series, t), f32x4.splat(-0.7265760135));
      series = f32x4.add(f32x4.mul(series, t), f32x4.splat(0.7107068705));
      series = f32x4.add(f32x4.mul(series, t), f32x4.splat(-0.142248368));
      series = f32x4.add(f32x4.mul(series, t), f32x4.splat(0.127414796));
      const tail = f32x4.mul(f32x4.mul(series, t), v128.load(to + i));
      const below = v128.bitselect(tail, f32x4.sub(one, tail), f32x4.lt(x, f32x4.splat(0)));
      storeTimes(to + i, f32x4.mul(x, below), up == 0 ? 0 : up + from + i);
    }
  }
}

/** out[i] = x[i] * sigmoid * up[i], where out[i] holds e = exp of the sigmoid's argument: sigmoid = e / (1 + e). */
function timesSigmoid(out: usize, x: usize, up: usize, count: i32): void {
  for (let i: usize = 0; i < <usize>count << 2; i += 16) {
    const e = v128.load(out + i);
    const sigmoid = f32x4.div(e, f32x4.add(e, f32x4.splat(1)));
    storeTimes(out + i, f32x4.mul(v128.load(x + i), sigmoid), up == 0 ? 0 : up + i);
  }
}

/** Four numbers, times those at `up` unless that is 0. */
// @ts-ignore: decorator
@inline
function storeTimes(out: usize, x: v128, up: usize): void {
  v128.store(out, up == 0 ? x : f32x4.mul(x, v128.load(up)));
}

/**
 * x[i] = cap * tanh(x[i] / cap) for i in from..to - 1, in place: nearly x where that is small, never beyond ±cap.
 * tanh(u) = (e - 1) / (e + 1) with e = exp(2u), which is finite and may be 0.
 */
export function softCap(x: usize, cap: f32, from: i32, to: i32): void {
  const count = to - from;
  if (count <= 0) return;
  x += <usize>from << 2;
  multiply(x, count, 2 / cap);
  exponentials(x, x, count, 0);
  const one = f32x4.splat(1);
  for (let i = 0; i < count; i += 4) {
    const address = x + (<usize>i << 2);
    const e = loadLanes(address, count - i, one);
    const tanh = f32x4.div(f32x4.sub(e, one), f32x4.add(e, one));
    storeLanes(address, f32x4.mul(tanh, f32x4.splat(cap)), count - i);
  }
}

/** out[i] = a[i] + b[i] for i in from..to - 1, both multiples of 4; out may be a or b. */
export function add(out: usize, a: usize, b: usize, from: i32, to: i32): void {
  for (let i = <usize>from << 2; i < <usize>to << 2; i += 16) {
    v128.store(out + i, f32x4.add(v128.load(a + i), v128.load(b + i)));
  }
}
