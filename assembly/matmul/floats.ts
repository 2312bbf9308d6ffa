/**
 * What the float formats share: out[r][o] = sum over i of weight[o][i] * x[r][i], + bias[o], with f32 activations.
 *
 * Bits: one accumulator an output, from zero, inputs in order: sum = sum + weight * x, product and sum each rounded; then + bias.
 */
import { Format } from './format';

/** One block holds the whole row, and its sum is the total. A turn is one input. */
export abstract class Floats extends Format {
  @inline
  scaleBytes(): usize {
    return 0;
  }
  @inline
  blocks(inDim: i32): i32 {
    return 1;
  }
  @inline
  words(): i32 {
    return 1;
  }
  @inline
  rowBytes(inDim: i32): usize {
    return <usize>inDim << 2;
  }
  @inline
  rowScaleBytes(): usize {
    return 0;
  }
  @inline
  first(w: usize): v128 {
    return v128.load(w);
  }
  @inline
  start(quad: i32, scales: usize, rowScales: usize): v128 {
    return f32x4.splat(0);
  }
  @inline
  add(sum: v128, p: v128, x: v128, q: v128, y: v128): v128 {
    return f32x4.add(sum, f32x4.mul(p, x));
  }
  @inline
  rowScale(rowScales: usize): v128 {
    return f32x4.splat(0);
  }
  @inline
  weightScale(quad: i32, scales: usize): v128 {
    return f32x4.splat(0);
  }
  @inline
  close(total: v128, sum: v128, weightScale: v128, rowScale: v128): v128 {
    return sum;
  }
}
