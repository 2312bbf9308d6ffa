/**
 * exp and log of f64 by additions, multiplications and divisions alone. The language leaves the last bits of Math.exp and Math.log to
 * each runtime; these give the same bits on all of them.
 * @module
 */

/** ln 2 in two parts: n * LN2_HIGH is exact for every exponent n, as the first has 32 significant bits. */
const LN2_HIGH = 0.6931471803691238;
const LN2_LOW = 1.9082149292705877e-10;

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
 * e^x = 2^n * e^r with n = round(x / ln 2). With R(r²) = r * coth(r / 2), a series in r² of fast-falling terms 2 B(2k) r^2k / (2k)!,
 * e^r = 1 + 2r / (R - r).
 *
 * @returns within 1 ULP where the result is normal
 */
export function exp(x: number): number {
  if (x > EXP_OVERFLOW) return Infinity;
  if (x < EXP_UNDERFLOW) return 0;
  if (Number.isNaN(x)) return x;
  const n = Math.round(x * Math.LOG2E);
  const high = x - n * LN2_HIGH;
  const low = n * LN2_LOW;
  const r = high - low;
  const z = r * r;
  const series =
    z * (1 / 6 + z * (-1 / 360 + z * (1 / 15120 + z * (-1 / 604800 + z * (1 / 23950080 + z * (-691 / 653837184000))))));
  // 2r / (R - r) = r + r * (r - series) / (2 + series - r): what follows r is small, and so is its rounding error.
  const fraction = 1 + (high - (low - (r * (r - series)) / (2 + series - r)));
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
