/**
 * Element by element: gated activations, and the sum of two arrays.
 *
 * Operands of the gates: out (rows, dim) f32; gate and up (rows, dim) f32, `stride` elements from row to row, as they lie side by
 * side in one product; out overlaps neither. Columns columnFrom..columnTo - 1 are computed, both multiples of 4.
 *
 * Bits: each element on its own, no reduction.
 */
import { exp4, tanh4 } from './math';

/** silu(x) = x / (1 + exp(-x)). Source: Hendrycks and Gimpel, 2016, arXiv 1606.08415. */
// @ts-ignore: decorator
@inline
function silu4(x: v128): v128 {
  return f32x4.div(x, f32x4.add(f32x4.splat(1), exp4(f32x4.neg(x))));
}

/** GELU in its tanh form, x / 2 * (1 + tanh(sqrt(2 / π) * (x + 0.044715 x³))). Source: the same. */
// @ts-ignore: decorator
@inline
function gelu4(x: v128): v128 {
  const cube = f32x4.mul(f32x4.mul(x, x), x);
  const inner = f32x4.add(x, f32x4.mul(cube, f32x4.splat(0.044715)));
  const turned = tanh4(f32x4.mul(inner, f32x4.splat(0.7978845608)));
  return f32x4.mul(f32x4.mul(x, f32x4.splat(0.5)), f32x4.add(f32x4.splat(1), turned));
}

/** The loop of both gates. Inlined with `smooth` known, so each gate keeps only its own activation. */
// @ts-ignore: decorator
@inline
function gated(out: usize, gate: usize, up: usize, rows: i32, dim: i32, stride: i32, columnFrom: i32, columnTo: i32, gelu: bool): void {
  for (let row = 0; row < rows; row++) {
    const from = <usize>row * stride << 2;
    const to = out + (<usize>row * dim << 2);
    for (let i = <usize>columnFrom << 2; i < <usize>columnTo << 2; i += 16) {
      const x = v128.load(gate + from + i);
      v128.store(to + i, f32x4.mul(gelu ? gelu4(x) : silu4(x), v128.load(up + from + i)));
    }
  }
}

/** out = silu(gate) * up */
export function siluGate(out: usize, gate: usize, up: usize, rows: i32, dim: i32, stride: i32, columnFrom: i32, columnTo: i32): void {
  gated(out, gate, up, rows, dim, stride, columnFrom, columnTo, false);
}

/** out = gelu(gate) * up */
export function geluGate(out: usize, gate: usize, up: usize, rows: i32, dim: i32, stride: i32, columnFrom: i32, columnTo: i32): void {
  gated(out, gate, up, rows, dim, stride, columnFrom, columnTo, true);
}

/** out[i] = a[i] + b[i] for i in from..to - 1, both multiples of 4; out may be a or b. */
export function add(out: usize, a: usize, b: usize, from: i32, to: i32): void {
  for (let i = <usize>from << 2; i < <usize>to << 2; i += 16) {
    v128.store(out + i, f32x4.add(v128.load(a + i), v128.load(b + i)));
  }
}
