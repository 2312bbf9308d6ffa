/**
 * Element by element: gated activations, and the sum of two arrays.
 *
 * Operands of the gates: out (rows, dim) f32; gate and up (rows, dim) f32, `stride` elements from row to row, as they lie side by
 * side in one product; out overlaps neither. Columns columnFrom..columnTo - 1 are computed, both multiples of 4.
 *
 * Bits: each element on its own, no reduction.
 */
import { exponentials } from './math';

/** out = silu(gate) * up with silu(x) = x * sigmoid(x). Source: Hendrycks and Gimpel, 2016, arXiv 1606.08415. */
export function siluGate(out: usize, gate: usize, up: usize, rows: i32, dim: i32, stride: i32, columnFrom: i32, columnTo: i32): void {
  const columns = columnTo - columnFrom;
  for (let row = 0; row < rows; row++) {
    const from = <usize>(row * stride + columnFrom) << 2;
    const to = out + (<usize>(row * dim + columnFrom) << 2);
    exponentials(to, gate + from, columns, 0);
    timesSigmoid(to, gate + from, up + from, columns);
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
    timesSigmoid(to, gate + from, up + from, columns);
  }
}

/** out[i] = x[i] * sigmoid * up[i], where out[i] holds e = exp of the sigmoid's argument: sigmoid = e / (1 + e). */
function timesSigmoid(out: usize, x: usize, up: usize, count: i32): void {
  for (let i: usize = 0; i < <usize>count << 2; i += 16) {
    const e = v128.load(out + i);
    const sigmoid = f32x4.div(e, f32x4.add(e, f32x4.splat(1)));
    v128.store(out + i, f32x4.mul(f32x4.mul(v128.load(x + i), sigmoid), v128.load(up + i)));
  }
}

/** out[i] = a[i] + b[i] for i in from..to - 1, both multiples of 4; out may be a or b. */
export function add(out: usize, a: usize, b: usize, from: i32, to: i32): void {
  for (let i = <usize>from << 2; i < <usize>to << 2; i += 16) {
    v128.store(out + i, f32x4.add(v128.load(a + i), v128.load(b + i)));
  }
}
