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
  const y = Math.min(x, 88);
  const n = roundEven(f(y * f(1.44269504)));
  const r = f(f(y - f(n * 0.693359375)) - f(n * f(-0.00021219444)));
  const r2 = f(r * r);
  const first = f(f(f(0.1666652113) * r) + f(0.49999994));
  const second = f(f(f(f(0.008368745446) * r) + f(0.04166838899)) + f(f(0.001381454058) * r2));
  const q = f(f(second * r2) + first);
  float[0] = f(f(f(q * r2) + r) + 1);
  bits[0]! += n << 23;
  return float[0]!;
}

/** The nearest integer, halves to even; |x| below 2^51. Adding 1.5 * 2^52 leaves no bit for a fraction. */
function roundEven(x: number): number {
  return x + 1.5 * 2 ** 52 - 1.5 * 2 ** 52;
}

/** [cosine, sine] of an angle in radians, f32. */
export function cosineAndSine(angle: number): [number, number] {
  const n = roundEven(angle * 0.6366197723675814);
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
