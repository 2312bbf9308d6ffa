/**
 * Scalar twin of assembly/norm.ts.
 * @module
 */
import { laneSum } from './math.twin.ts';

const f = Math.fround;

/** One row. @param sum  how the terms of a reduction are added; a test passes another order to see that it shows */
export function rmsNorm(x: Float32Array, weight: Float32Array, epsilon: number, sum = laneSum): Float32Array {
  const meanSquare = f(sum(x.length, (i) => f(x[i]! * x[i]!)) / x.length);
  const scale = f(1 / f(Math.sqrt(f(meanSquare + epsilon))));
  return x.map((value, i) => f(value * scale) * weight[i]!);
}

export function layerNorm(x: Float32Array, weight: Float32Array, bias: Float32Array, epsilon: number): Float32Array {
  const mean = f(laneSum(x.length, (i) => x[i]!) / x.length);
  const centred = x.map((value) => value - mean);
  const variance = f(laneSum(x.length, (i) => f(centred[i]! * centred[i]!)) / x.length);
  const scale = f(1 / f(Math.sqrt(f(variance + epsilon))));
  return centred.map((value, i) => f(f(value * scale) * weight[i]!) + bias[i]!);
}
