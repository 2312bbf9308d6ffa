/**
 * Scalar twin of assembly/math.ts and assembly/lanes.ts: the same operations in the same order, each rounded to f32.
 * @module
 */
const f = Math.fround;
const float = new Float32Array(1);
const bits = new Int32Array(float.buffer);

/** Bits: terms add into lane i mod 4 in order of i, then (lane 0 + lane 1) + (lane 2 + lane 3). */
export function laneSum(n: number, term: (i: number) => number): number {
  const lanes = new Float32Array(4);
  for (let i = 0; i < n; i++) lanes[i % 4]! += term(i);
  return fold(lanes);
}

export function fold(lanes: Float32Array): number {
  return f(f(lanes[0]! + lanes[1]!) + f(lanes[2]! + lanes[3]!));
}

export function exp(x: number): number {
  if (x < f(-87.33)) return 0;
  const clamped = Math.min(x, 88);
  const rounded = f(f(clamped * f(1.44269504)) + 12582912);
  const n = f(rounded - 12582912);
  const r = f(f(clamped - f(n * 0.693359375)) - f(n * f(-0.00021219444)));
  let q = f(0.001381454058);
  for (const coefficient of [0.008368745446, 0.04166838899, 0.1666652113, 0.49999994]) q = f(f(q * r) + f(coefficient));
  float[0] = f(f(f(q * f(r * r)) + r) + 1);
  bits[0]! += n << 23;
  return float[0]!;
}

export function tanh(x: number): number {
  const size = Math.abs(x);
  if (size >= 0.625) {
    const large = f(1 - f(2 / f(exp(f(2 * size)) + 1)));
    return x < 0 ? -large : large;
  }
  const square = f(x * x);
  let p = f(-0.005717045628);
  for (const coefficient of [0.02065058798, -0.05374349654, 0.1333149076, -0.3333328366])
    p = f(f(p * square) + f(coefficient));
  return f(x + f(f(p * square) * x));
}

/** [cosine, sine] of an angle in radians, f32. */
export function cosineAndSine(angle: number): [number, number] {
  const ROUNDER = 1.5 * 2 ** 52; // the nearest integer, halves to even, as f64.nearest gives it
  const n = angle * 0.6366197723675814 + ROUNDER - ROUNDER;
  const r = angle - n * 1.5707963267341256 - n * 6.077100506506192e-11;
  const z = r * r;
  const s = f(r + r * z * (-1 / 6 + z * (1 / 120 + z * (-1 / 5040 + z * (1 / 362880 - z * (1 / 39916800))))));
  const c = f(
    1 - z * 0.5 + z * z * (1 / 24 + z * (-1 / 720 + z * (1 / 40320 + z * (-1 / 3628800 + z * (1 / 479001600))))),
  );
  const quarters: [number, number][] = [
    [c, s],
    [-s, c],
    [-c, -s],
    [s, -c],
  ]; // prettier than nested choices
  return quarters[n & 3]!;
}
