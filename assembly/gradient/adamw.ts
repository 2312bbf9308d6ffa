/**
 * AdamW, and what clipping by the norm needs.
 *
 *   g = gradient * gradientScale
 *   mean = beta1 mean + (1 - beta1) g,   square = beta2 square + (1 - beta2) g²
 *   weight = weight * decay - step * mean / (sqrt(square) * correction + epsilon)
 *
 * where the host gives, for the step's number n, decay = 1 - rate * weightDecay, step = rate / (1 - beta1ⁿ), correction = 1 / sqrt(1 - beta2ⁿ).
 * Source: Loshchilov and Hutter, 2017, arXiv 1711.05101, algorithm 2.
 *
 * Bits: element by element; squares by chunks of SQUARES_CHUNK, in f64 by lanes, which the host adds in order.
 */
import { SQUARES_CHUNK } from '../../src/train/opcodes';

/**
 * Elements 4 groupFrom..4 groupTo - 1, in place; behind the last of all arrays lie zeros up to a multiple of 4, and stay. The gradient is zeros afterwards: what comes next is added to it.
 *
 * @param rest1, rest2  1 - beta1 and 1 - beta2, which f32 would not find out from its beta
 */
export function adamW(
  weight: usize, mean: usize, square: usize, gradient: usize, gradientScale: f32, decay: f32, beta1: f32, rest1: f32, beta2: f32, rest2: f32,
  step: f32, correction: f32, epsilon: f32, groupFrom: i32, groupTo: i32,
): void {
  const scales = f32x4.splat(gradientScale), decays = f32x4.splat(decay), steps = f32x4.splat(step);
  const b1 = f32x4.splat(beta1), r1 = f32x4.splat(rest1), b2 = f32x4.splat(beta2), r2 = f32x4.splat(rest2);
  const corrections = f32x4.splat(correction), epsilons = f32x4.splat(epsilon), zero = f32x4.splat(0);
  for (let i = <usize>groupFrom << 4; i < <usize>groupTo << 4; i += 16) {
    const g = f32x4.mul(v128.load(gradient + i), scales);
    const m = f32x4.add(f32x4.mul(v128.load(mean + i), b1), f32x4.mul(g, r1));
    const s = f32x4.add(f32x4.mul(v128.load(square + i), b2), f32x4.mul(f32x4.mul(g, g), r2));
    const size = f32x4.add(f32x4.mul(f32x4.sqrt(s), corrections), epsilons);
    const kept = f32x4.mul(v128.load(weight + i), decays);
    v128.store(mean + i, m);
    v128.store(square + i, s);
    v128.store(gradient + i, zero);
    v128.store(weight + i, f32x4.sub(kept, f32x4.mul(steps, f32x4.div(m, size))));
  }
}

/** partials[c] = sum of x², f64, over elements c SQUARES_CHUNK and on, SQUARES_CHUNK at most, for chunks chunkFrom..chunkTo - 1; zeros as above. */
export function squares(partials: usize, x: usize, count: i32, chunkFrom: i32, chunkTo: i32): void {
  for (let chunk = chunkFrom; chunk < chunkTo; chunk++) {
    const end = x + (<usize>min((chunk + 1) * SQUARES_CHUNK, count) << 2);
    let low = f64x2.splat(0), high = low;
    for (let at = x + (<usize>(chunk * SQUARES_CHUNK) << 2); at < end; at += 16) {
      const v = v128.load(at);
      const a = f64x2.promote_low_f32x4(v), b = f64x2.promote_low_f32x4(v128.shuffle<f32>(v, v, 2, 3, 2, 3));
      low = f64x2.add(low, f64x2.mul(a, a));
      high = f64x2.add(high, f64x2.mul(b, b));
    }
    const sum = f64x2.add(low, high);
    store<f64>(partials + (<usize>chunk << 3), f64x2.extract_lane(sum, 0) + f64x2.extract_lane(sum, 1));
  }
}
