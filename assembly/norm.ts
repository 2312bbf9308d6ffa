/**
 * RMSNorm, of rows and of heads, and LayerNorm.
 *
 * Operands of those of rows: out and x (rows, dim) f32, out may be x; weight and bias (dim,) f32; dim a multiple of 4;
 * epsilon is added to the mean square or variance before the root; rows rowFrom..rowTo - 1 are computed.
 *
 * Bits: element i adds into lane i mod 4, in order of i, then fold(). A row never sees its neighbours.
 */
import { fold } from './lanes';

/**
 * out[i] = weight[i] * (x[i] / sqrt(mean(x²) + epsilon))
 * Source: Zhang and Sennrich, 2019, arXiv 1910.07467.
 */
export function rmsNorm(out: usize, x: usize, weight: usize, dim: i32, epsilon: f32, rowFrom: i32, rowTo: i32): void {
  const bytes = <usize>dim << 2;
  for (let row = rowFrom; row < rowTo; row++) {
    const from = x + <usize>row * bytes;
    const to = out + <usize>row * bytes;

    let squares = f32x4.splat(0);
    for (let i: usize = 0; i < bytes; i += 16) {
      const v = v128.load(from + i);
      squares = f32x4.add(squares, f32x4.mul(v, v));
    }
    const scale = f32x4.splat(1 / sqrt<f32>(fold(squares) / <f32>dim + epsilon));

    for (let i: usize = 0; i < bytes; i += 16) {
      const scaled = f32x4.mul(v128.load(from + i), scale);
      v128.store(to + i, f32x4.mul(scaled, v128.load(weight + i)));
    }
  }
}

/**
 * rmsNorm of heads headFrom..headTo - 1 of every row, in place.
 *
 * @param x       (rows, heads, headDim) f32; `stride` elements from row to row
 * @param weight  (headDim,) f32, the same for every head
 */
export function headNorm(x: usize, weight: usize, rows: i32, headDim: i32, stride: i32, epsilon: f32, headFrom: i32, headTo: i32): void {
  for (let row = 0; row < rows; row++) {
    for (let head = headFrom; head < headTo; head++) {
      const at = x + ((<usize>row * stride + <usize>head * headDim) << 2);
      rmsNorm(at, at, weight, headDim, epsilon, 0, 1);
    }
  }
}

/**
 * out[i] = weight[i] * ((x[i] - mean(x)) / sqrt(variance(x) + epsilon)) + bias[i]
 * Source: Ba, Kiros and Hinton, 2016, arXiv 1607.06450.
 *
 * The variance is taken from the centred values, in a second reading: E[x²] - E[x]² would cancel.
 */
export function layerNorm(out: usize, x: usize, weight: usize, bias: usize, dim: i32, epsilon: f32, rowFrom: i32, rowTo: i32): void {
  const bytes = <usize>dim << 2;
  for (let row = rowFrom; row < rowTo; row++) {
    const from = x + <usize>row * bytes;
    const to = out + <usize>row * bytes;

    let sums = f32x4.splat(0);
    for (let i: usize = 0; i < bytes; i += 16) sums = f32x4.add(sums, v128.load(from + i));
    const mean = f32x4.splat(fold(sums) / <f32>dim);

    let squares = f32x4.splat(0);
    for (let i: usize = 0; i < bytes; i += 16) {
      const centred = f32x4.sub(v128.load(from + i), mean);
      squares = f32x4.add(squares, f32x4.mul(centred, centred));
    }
    const scale = f32x4.splat(1 / sqrt<f32>(fold(squares) / <f32>dim + epsilon));

    for (let i: usize = 0; i < bytes; i += 16) {
      const scaled = f32x4.mul(f32x4.sub(v128.load(from + i), mean), scale);
      v128.store(to + i, f32x4.add(f32x4.mul(scaled, v128.load(weight + i)), v128.load(bias + i)));
    }
  }
}
