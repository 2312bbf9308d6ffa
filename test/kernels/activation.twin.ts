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

/** x Φ(x), with Φ by Abramowitz and Stegun, 7.1.26. */
export function geluErf(x: number): number {
  const t = f(1 / f(1 + f(Math.abs(x) * f(0.23164189))));
  let series = f(0.5307027145);
  for (const c of [-0.7265760135, 0.7107068705, -0.142248368, 0.127414796]) series = f(f(series * t) + f(c));
  const tail = f(f(series * t) * exp(f(f(x * x) * -0.5)));
  return f(x * (x < 0 ? tail : f(1 - tail)));
}

/** cap * tanh(x / cap) */
export function softCap(x: number, cap: number): number {
  const e = exp(f(x * f(2 / cap)));
  return f(f(f(e - 1) / f(e + 1)) * cap);
}

function sigmoid(x: number): number {
  const e = exp(x);
  return f(e / f(e + 1));
}
