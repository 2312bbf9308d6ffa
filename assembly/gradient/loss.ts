/**
 * Losses of rows, and their gradients with them: a loss is where the backward pass begins.
 *
 * Of logits z and, for divergences, the teacher's logits t, with q = softmax(z), p = softmax(t), m = beta p + (1 - beta) q:
 *
 *                      loss                                    dz[i]
 *   CROSS_ENTROPY      -ln q[label]                            q - (1 at the label)
 *   FORWARD_KL         sum of p ln(p / q)                      q - p
 *   REVERSE_KL         sum of q ln(q / p)                      q (ln(q / p) - loss)
 *   JENSEN_SHANNON     beta sum of p ln(p / m)                 q (k - sum of q k),  k = (1 - beta) ln(q / m)
 *                        + (1 - beta) sum of q ln(q / m)
 *   TOTAL_VARIATION    sum of |p - q| / 2                      q (k - sum of q k),  k = sign(q - p) / 2
 *
 * Source: Zhou et al., "DistillSpec", 2023, arXiv 2310.08461. Logarithms of p and q are taken from the logits, so that a token of no probability
 * in f32 still counts; that of m, which is at least a part of either, from m itself.
 *
 * Operands: `losses` (rows,) f32; `weights` (rows,) f32 or 0 for ones. A row's loss and gradient are multiplied by weight * scale; a row of weight 0
 * has neither, whatever it holds.
 *
 * Bits: sums over a row by lanes, then fold(). A row never sees its neighbours.
 */
import { FORWARD_KL, JENSEN_SHANNON, REVERSE_KL, TOTAL_VARIATION } from '../../src/train/opcodes';
import { fold, largest, loadLanes } from '../lanes';
import { exponentials } from '../math';
import { keepMask, putLanes } from './accumulate';
import { logarithm, logarithms } from './logarithm';

/** What a row's loss is multiplied by. */
// @ts-ignore: decorator
@inline
function weightOf(weights: usize, scale: f32, row: i32): f32 {
  return weights == 0 ? scale : load<f32>(weights + (<usize>row << 2)) * scale;
}

/** A row without a loss. */
function skip(dz: usize, keep: i32, dim: i32): void {
  if (keep == 0) memory.fill(dz, 0, <usize>dim << 2);
}

/**
 * Rows rowFrom..rowTo - 1.
 *
 * @param dz       (rows, dim) f32; it may be z
 * @param z        (rows, dim) f32, any dim
 * @param labels   (rows,) i32; a row of a label below 0 has no loss
 * @param scratch  one row, this thread's own
 */
export function crossEntropy(
  dz: usize, keep: i32, losses: usize, z: usize, labels: usize, weights: usize, scale: f32, dim: i32, scratch: usize, rowFrom: i32, rowTo: i32,
): void {
  const mask = keepMask(keep);
  const zero = f32x4.splat(0);
  const rowBytes = <usize>dim << 2;
  for (let row = rowFrom; row < rowTo; row++) {
    const from = z + <usize>row * rowBytes;
    const to = dz + <usize>row * rowBytes;
    const label = load<i32>(labels + (<usize>row << 2));
    const weight = weightOf(weights, scale, row);
    const loss = losses + (<usize>row << 2);
    if (label < 0 || weight == 0) {
      skip(to, keep, dim);
      store<f32>(loss, 0);
      continue;
    }
    const top = largest(from, dim);
    const total = exponentials(scratch, from, dim, top);
    const at = <usize>label << 2;
    store<f32>(loss, weight * (logarithm(total) - (load<f32>(from + at) - top)));
    const factor = f32x4.splat(weight / total);
    for (let i = 0; i < dim; i += 4) {
      const offset = <usize>i << 2;
      putLanes(to + offset, f32x4.mul(loadLanes(scratch + offset, dim - i, zero), factor), mask, dim - i);
    }
    store<f32>(to + at, load<f32>(to + at) - weight);
  }
}

/**
 * Rows rowFrom..rowTo - 1; operands as above, but
 *
 * @param t        (rows, dim) f32: the teacher's logits
 * @param kind     FORWARD_KL, REVERSE_KL, JENSEN_SHANNON or TOTAL_VARIATION
 * @param beta     of JENSEN_SHANNON, between 0 and 1
 * @param scratch  two rows, each up to a multiple of four numbers, this thread's own
 */
export function divergence(
  dz: usize, keep: i32, losses: usize, z: usize, t: usize, weights: usize, scale: f32, kind: i32, beta: f32, dim: i32, scratch: usize,
  rowFrom: i32, rowTo: i32,
): void {
  if (kind == FORWARD_KL) diverge(FORWARD_KL, dz, keep, losses, z, t, weights, scale, beta, dim, scratch, rowFrom, rowTo);
  else if (kind == REVERSE_KL) diverge(REVERSE_KL, dz, keep, losses, z, t, weights, scale, beta, dim, scratch, rowFrom, rowTo);
  else if (kind == JENSEN_SHANNON) diverge(JENSEN_SHANNON, dz, keep, losses, z, t, weights, scale, beta, dim, scratch, rowFrom, rowTo);
  else diverge(TOTAL_VARIATION, dz, keep, losses, z, t, weights, scale, beta, dim, scratch, rowFrom, rowTo);
}

/** One kind, a constant wherever this is called. */
// @ts-ignore: decorator
@inline
function diverge(
  kind: i32, dz: usize, keep: i32, losses: usize, z: usize, t: usize, weights: usize, scale: f32, beta: f32, dim: i32, scratch: usize,
  rowFrom: i32, rowTo: i32,
): void {
  const mask = keepMask(keep);
  const zero = f32x4.splat(0);
  const rowBytes = <usize>dim << 2;
  const betas = f32x4.splat(beta), rest = f32x4.splat(1 - beta);
  const qs = scratch, ps = scratch + (<usize>((dim + 3) & -4) << 2);
  for (let row = rowFrom; row < rowTo; row++) {
    const from = z + <usize>row * rowBytes;
    const teacher = t + <usize>row * rowBytes;
    const to = dz + <usize>row * rowBytes;
    const weight = weightOf(weights, scale, row);
    if (weight == 0) {
      skip(to, keep, dim);
      store<f32>(losses + (<usize>row << 2), 0);
      continue;
    }
    const qTop = largest(from, dim), pTop = largest(teacher, dim);
    const qTotal = exponentials(qs, from, dim, qTop), pTotal = exponentials(ps, teacher, dim, pTop);
    const qFactor = f32x4.splat(1 / qTotal), pFactor = f32x4.splat(1 / pTotal);
    const qShift = f32x4.splat(qTop), pShift = f32x4.splat(pTop);
    const qLog = f32x4.splat(logarithm(qTotal)), pLog = f32x4.splat(logarithm(pTotal));

    // First the loss and, where it is another, the mean of k under q; then the gradient. k is kept in the place of p where that is not needed again.
    let sums = zero;
    let means = zero;
    for (let i = 0; i < dim; i += 4) {
      const at = <usize>i << 2;
      const lanes = dim - i;
      const q = f32x4.mul(loadLanes(qs + at, lanes, zero), qFactor);
      const p = f32x4.mul(loadLanes(ps + at, lanes, zero), pFactor);
      v128.store(qs + at, q);
      let k = p;
      if (kind == TOTAL_VARIATION) {
        const gap = f32x4.sub(q, p);
        sums = f32x4.add(sums, f32x4.mul(f32x4.abs(gap), f32x4.splat(0.5)));
        const above = v128.and(f32x4.gt(gap, zero), f32x4.splat(0.5));
        k = f32x4.sub(above, v128.and(f32x4.lt(gap, zero), f32x4.splat(0.5)));
        means = f32x4.add(means, f32x4.mul(q, k));
      } else {
        const lnQ = f32x4.sub(f32x4.sub(loadLanes(from + at, lanes, zero), qShift), qLog);
        const lnP = f32x4.sub(f32x4.sub(loadLanes(teacher + at, lanes, zero), pShift), pLog);
        if (kind == FORWARD_KL) {
          sums = f32x4.add(sums, f32x4.mul(p, f32x4.sub(lnP, lnQ)));
        } else if (kind == REVERSE_KL) {
          k = f32x4.sub(lnQ, lnP);
          sums = f32x4.add(sums, f32x4.mul(q, k));
        } else {
          const lnM = logarithms(f32x4.add(f32x4.mul(betas, p), f32x4.mul(rest, q)));
          k = f32x4.mul(rest, f32x4.sub(lnQ, lnM));
          const mean = f32x4.mul(q, k);
          sums = f32x4.add(sums, f32x4.add(f32x4.mul(betas, f32x4.mul(p, f32x4.sub(lnP, lnM))), mean));
          means = f32x4.add(means, mean);
        }
      }
      v128.store(ps + at, k);
    }
    const loss = fold(sums);
    store<f32>(losses + (<usize>row << 2), weight * loss);
    const mean = f32x4.splat(kind == REVERSE_KL ? loss : fold(means));
    const factor = f32x4.splat(weight);
    for (let i = 0; i < dim; i += 4) {
      const at = <usize>i << 2;
      const q = v128.load(qs + at), k = v128.load(ps + at);
      const change = kind == FORWARD_KL ? f32x4.sub(q, k) : f32x4.mul(q, f32x4.sub(k, mean));
      putLanes(to + at, f32x4.mul(change, factor), mask, dim - i);
    }
  }
}

/**
 * The mean over a row of d² / (2 beta) where |d| < beta, else |d| - beta / 2, with d = x - y, for rows rowFrom..rowTo - 1; its slope is d / beta, or
 * the sign of d. Source: Girshick, "Fast R-CNN", 2015, arXiv 1504.08083, for beta = 1.
 *
 * @param dx  (rows, dim) f32; it may be x
 * @param x   (rows, dim) f32; y the same; any dim
 */
export function smoothL1(
  dx: usize, keep: i32, losses: usize, x: usize, y: usize, weights: usize, scale: f32, dim: i32, beta: f32, rowFrom: i32, rowTo: i32,
): void {
  const mask = keepMask(keep);
  const zero = f32x4.splat(0);
  const rowBytes = <usize>dim << 2;
  const one = f32x4.splat(1);
  const betas = f32x4.splat(beta), half = f32x4.splat(0.5), inverse = f32x4.splat(1 / beta);
  for (let row = rowFrom; row < rowTo; row++) {
    const offset = <usize>row * rowBytes;
    const weight = weightOf(weights, scale, row) / <f32>dim;
    const factor = f32x4.splat(weight);
    let sums = zero;
    for (let i = 0; i < dim; i += 4) {
      const at = offset + (<usize>i << 2);
      const gap = f32x4.sub(loadLanes(x + at, dim - i, zero), loadLanes(y + at, dim - i, zero));
      // d / beta, cut off at ±1, is the slope; the loss is slope * (d - beta / 2 * slope).
      const slope = f32x4.pmax(f32x4.neg(one), f32x4.pmin(one, f32x4.mul(gap, inverse)));
      sums = f32x4.add(sums, f32x4.mul(slope, f32x4.sub(gap, f32x4.mul(f32x4.mul(slope, betas), half))));
      putLanes(dx + at, f32x4.mul(slope, factor), mask, dim - i);
    }
    store<f32>(losses + (<usize>row << 2), fold(sums) * weight);
  }
}
