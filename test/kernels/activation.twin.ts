/**
 * Scalar twin of assembly/activation.ts.
 * @module
 */
import { exp } from './math.twin.ts';

const f = Math.fround;

export function silu(x: number): number {
  return f(x * sigmoid(x));
}

export function gelu(x: number): number {
  const inner = f(x + f(f(f(x * x) * x) * f(0.044715)));
  return f(x * sigmoid(f(inner * f(1.5957691216))));
}

function sigmoid(x: number): number {
  const e = exp(x);
  return f(e / f(e + 1));
}
