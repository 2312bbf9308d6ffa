/**
 * RMSNorm and LayerNorm, backward.
 *
 *   y[i] = weight[i] * n[i] + bias[i],   n[i] = (x[i] - mean) * factor,   factor = 1 / sqrt(mean((x - mean)²) + epsilon)
 *   dx[i] = factor * (g[i] - mean(g) - n[i] * mean(g n)),   g[i] = dy[i] * weight[i]
 *   dweight[i] = sum over rows of dy[i] * n[i]
 *
 * RMSNorm is not centred: it has no mean to take away, neither of x nor of g.
 * Sources: Ba, Kiros and Hinton, 2016, arXiv 1607.06450; Zhang and Sennrich, 2019, arXiv 1910.07467.
 *
 * Operands: x, dy and dx (rows, dim) f32, dx none of the others; weight and dweight (dim,) f32; statistics (rows, 2) f32, the mean and the factor of each
 * row; dim a multiple of 4.
 *
 * Bits: mean and factor as in ../norm.ts; sums over a row by lanes, then fold(); dweight has one accumulator a column, rows in order.
 */
import { fold } from '../lanes';
import { keepMask, put } from './accumulate';

/** Rows rowFrom..rowTo - 1: the statistics, and dx unless that is 0. */
export function normBackward(
  dx: usize, keep: i32, x: usize, weight: usize, dy: usize, statistics: usize, dim: i32, epsilon: f32, centred: i32, rowFrom: i32, rowTo: i32,
): void {
  const bytes = <usize>dim << 2;
  const mask = keepMask(keep);
  const zero = f32x4.splat(0);
  for (let row = rowFrom; row < rowTo; row++) {
    const from = x + <usize>row * bytes;
    let mean: f32 = 0;
    if (centred != 0) {
      let sums = zero;
      for (let i: usize = 0; i < bytes; i += 16) sums = f32x4.add(sums, v128.load(from + i));
      mean = fold(sums) / <f32>dim;
    }
    const means = f32x4.splat(mean);
    let squares = zero;
    for (let i: usize = 0; i < bytes; i += 16) {
      const v = f32x4.sub(v128.load(from + i), means);
      squares = f32x4.add(squares, f32x4.mul(v, v));
    }
    const factor: f32 = 1 / sqrt<f32>(fold(squares) / <f32>dim + epsilon);
    const about = statistics + (<usize>row << 3);
    store<f32>(about, mean);
    store<f32>(about, factor, 4);
    if (dx == 0) continue;

    const factors = f32x4.splat(factor);
    const above = dy + <usize>row * bytes;
    let sum = zero;
    let dot = zero;
    for (let i: usize = 0; i < bytes; i += 16) {
      const g = f32x4.mul(v128.load(above + i), v128.load(weight + i));
      const n = f32x4.mul(f32x4.sub(v128.load(from + i), means), factors);
      sum = f32x4.add(sum, g);
      dot = f32x4.add(dot, f32x4.mul(g, n));
    }
    const shift = f32x4.splat(centred != 0 ? fold(sum) / <f32>dim : 0);
    const along = f32x4.splat(fold(dot) / <f32>dim);
    const to = dx + <usize>row * bytes;
    for (let i: usize = 0; i < bytes; i += 16) {
      const g = f32x4.mul(v128.load(above + i), v128.load(weight + i));
      const n = f32x4.mul(f32x4.sub(v128.load(from + i), means), factors);
      put(to + i, f32x4.mul(f32x4.sub(f32x4.sub(g, shift), f32x4.mul(n, along)), factors), mask);
    }
  }
}

/** dweight of columns 4 groupFrom..4 groupTo - 1, from the statistics that normBackward has left. */
export function normWeightBackward(dweight: usize, x: usize, dy: usize, statistics: usize, rows: i32, dim: i32, groupFrom: i32, groupTo: i32): void {
  const bytes = <usize>dim << 2;
  for (let row = 0; row < rows; row++) {
    const from = x + <usize>row * bytes;
    const above = dy + <usize>row * bytes;
    const about = statistics + (<usize>row << 3);
    const means = v128.load32_splat(about);
    const factors = v128.load32_splat(about, 4);
    for (let i = <usize>groupFrom << 4; i < <usize>groupTo << 4; i += 16) {
      const n = f32x4.mul(f32x4.sub(v128.load(from + i), means), factors);
      v128.store(dweight + i, f32x4.add(v128.load(dweight + i), f32x4.mul(v128.load(above + i), n)));
    }
  }
}
