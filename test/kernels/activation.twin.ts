/**
 * Scalar twin of assembly/activation.ts.
 * @module
 */
import { exp, tanh } from './math.twin.ts';

const f = Math.fround;

export function silu(x: number): number {
  return f(x / f(1 + exp(-x)));
}

export function gelu(x: number): number {
  const inner = f(x + f(f(f(x * x) * x) * f(0.044715)));
  return f(f(x * 0.5) * f(1 + tanh(f(inner * f(0.7978845608)))));
}
