/**
 * exp and log of f64 by additions, multiplications and divisions alone. The language leaves the last bits of Math.exp and Math.log to
 * each runtime; these give the same bits on all of them.
 * @module
 */

/** ln 2 in two parts: n * LN2_HIGH is exact for every exponent n, as the first has 32 significant bits. */
const LN2_HIGH = 0.6931471803691238;
const LN2_LOW = 1.9082149292705877e-10;

/** 2^(j / STEPS) for j = 0..15, and what rounding each to f64 has cut off. */
const STEPS = 16;
const ROOTS = Float64Array.of(
  ...[1, 1.0442737824274138, 1.0905077326652577, 1.1387886347566916, 1.189207115002721, 1.241857812073484],
  ...[1.2968395546510096, 1.3542555469368927, 1.4142135623730951, 1.4768261459394993, 1.5422108254079407],
  ...[1.6104903319492543, 1.681792830507429, 1.7562521603732995, 1.8340080864093424, 1.9152065613971474],
);
const ROOTS_LOW = Float64Array.of(
  ...[0, 8.551889705537965e-17, -3.046782079812471e-17, 8.912812676025408e-17, 3.982015231465646e-17],
  ...[4.658027591836937e-17, 2.5382502794888315e-17, 7.70094837980299e-17, -9.667293313452913e-17],
  ...[-3.483994556892796e-17, 7.949834809697621e-17, 2.4707192569797888e-17, 8.199010020581497e-17],
  ...[2.960140695448873e-17, 3.283107224245627e-17, -1.0619946056195963e-16],
);

/** Added and taken away again it rounds to an integer, halves to even. */
const TO_INTEGER = 1.5 * 2 ** 52;
/** From here on exp rounds to Infinity. */
const EXP_OVERFLOW = 709.782712893384;
/** Below this exp rounds to 0. */
const EXP_UNDERFLOW = -745.1332191019412;

/** POWERS[n + 1022] = 2^n for n in -1022..1023, the normal numbers. */
const POWERS = Float64Array.from({ length: 2046 }, () => 1);
for (let n = 1; n <= 1023; n++) POWERS[n + 1022] = POWERS[n + 1021]! * 2;
for (let n = -1; n >= -1022; n--) POWERS[n + 1022] = POWERS[n + 1023]! / 2;

/** For the bits of an f64: one of sign, eleven of exponent + 1023, 52 of fraction. */
const word = new DataView(new ArrayBuffer(8));

/**
 * e^x = 2^n * 2^(j / 16) * e^r with 16 n + j = round(16 x / ln 2), so |r| is at most ln 2 / 32, and e^r - 1 is a short Taylor series.
 * No division: a token that is drawn takes as many of these as there are ids.
 *
 * @returns within 1 ULP where the result is normal
 */
export function exp(x: number): number {
  if (x > EXP_OVERFLOW) return Infinity;
  if (x < EXP_UNDERFLOW) return 0;
  if (Number.isNaN(x)) return x;
  const steps = x * (STEPS * Math.LOG2E) + TO_INTEGER - TO_INTEGER;
  const r = x - steps * (LN2_HIGH / STEPS) - steps * (LN2_LOW / STEPS);
  const z = r * r;
  const rest = r + z * (1 / 2 + r * (1 / 6) + z * (1 / 24 + r * (1 / 120) + z * (1 / 720 + r * (1 / 5040))));
  const root = ROOTS[steps & (STEPS - 1)]!;
  const fraction = root + (ROOTS_LOW[steps & (STEPS - 1)]! + root * rest);
  const n = steps >> 4;
  const half = n >> 1; // in two steps: 2^n itself may be out of range where the result is not
  return fraction * POWERS[half + 1022]! * POWERS[n - half + 1022]!;
}

/**
 * ln x = k ln 2 + ln m with m in sqrt(1/2)..sqrt(2), and ln m = 2 artanh(s) = 2 (s + s³/3 + s⁵/5 ...) with s = (m - 1) / (m + 1).
 *
 * @returns within 2 ULP; -Infinity for 0, NaN below 0
 */
export function log(x: number): number {
  if (!(x > 0) || x === Infinity) return x === 0 ? -Infinity : x < 0 ? NaN : x;
  const scaled = x < 2 ** -1022 ? x * 2 ** 54 : x; // a subnormal number has no exponent to read
  word.setFloat64(0, scaled);
  const top = word.getUint32(0);
  word.setUint32(0, (top & 0xfffff) | (1023 << 20));
  let m = word.getFloat64(0);
  let k = (top >>> 20) - 1023 - (scaled === x ? 0 : 54);
  if (m > Math.SQRT2) {
    m /= 2;
    k++;
  }
  const s = (m - 1) / (m + 1);
  const z = s * s;
  const high = 1 / 13 + z * (1 / 15 + z * (1 / 17 + z * (1 / 19 + z * (1 / 21))));
  const series = z * (1 / 3 + z * (1 / 5 + z * (1 / 7 + z * (1 / 9 + z * (1 / 11 + z * high)))));
  // 2s + 2s * series, with 2s = (m - 1) - s (m - 1): m - 1 is exact.
  const f = m - 1;
  const rest = s * (2 * series - f) + k * LN2_LOW;
  return k * LN2_HIGH + (f + rest);
}
