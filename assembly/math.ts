/**
 * exp, tanh, sine and cosine by additions and multiplications alone, so that every host gives the same bits.
 *
 * The polynomials are minimax fits of our own (Remez exchange) unless they are the Taylor series.
 * Largest errors, tested in test/kernels/math.test.ts: exp4 1 ULP, tanh4 2 ULP, sine and cosine 0.51 ULP of f32.
 */

/** x * LOG2_E + ROUNDER is an f32 whose last bits are the nearest integer to x * LOG2_E: 1.5 * 2^23 leaves no bit for a fraction. */
const LOG2_E: f32 = 1.44269504;
const ROUNDER: f32 = 12582912;
/** ln 2 in two parts: n * LN2_HIGH is exact for every exponent n, as the first has 9 significant bits. */
const LN2_HIGH: f32 = 0.693359375;
const LN2_LOW: f32 = -0.00021219444;
/** Below this the result would be subnormal, and slow on many hosts: it is 0. */
const EXP_LOWEST: f32 = -87.33;
/** From here on the result stays exp(88) = 1.65e38: finite, so that 1 / (1 + exp(x)) needs no special case. */
const EXP_HIGHEST: f32 = 88;

/**
 * exp of four f32: exp(x) = 2^n * exp(r) with n = round(x / ln 2) and |r| <= ln 2 / 2,
 * where exp(r) = 1 + (r + r² * q(r)) with q of degree 4.
 *
 * @returns 0 below -87.33, exp(88) above 88, else within 1 ULP
 */
// @ts-ignore: decorator
@inline
export function exp4(x: v128): v128 {
  const normal = f32x4.ge(x, f32x4.splat(EXP_LOWEST));
  const clamped = f32x4.pmin(f32x4.pmax(x, f32x4.splat(EXP_LOWEST)), f32x4.splat(EXP_HIGHEST));
  const rounded = f32x4.add(f32x4.mul(clamped, f32x4.splat(LOG2_E)), f32x4.splat(ROUNDER));
  const n = f32x4.sub(rounded, f32x4.splat(ROUNDER));
  const high = f32x4.sub(clamped, f32x4.mul(n, f32x4.splat(LN2_HIGH)));
  const r = f32x4.sub(high, f32x4.mul(n, f32x4.splat(LN2_LOW)));

  let q = f32x4.splat(0.001381454058);
  q = f32x4.add(f32x4.mul(q, r), f32x4.splat(0.008368745446));
  q = f32x4.add(f32x4.mul(q, r), f32x4.splat(0.04166838899));
  q = f32x4.add(f32x4.mul(q, r), f32x4.splat(0.1666652113));
  q = f32x4.add(f32x4.mul(q, r), f32x4.splat(0.49999994));
  const tail = f32x4.add(f32x4.mul(q, f32x4.mul(r, r)), r);
  const fraction = f32x4.add(tail, f32x4.splat(1));

  // ROUNDER's own low bits are zeros, so the shift leaves n alone in the exponent field.
  const power = i32x4.add(fraction, i32x4.shl(rounded, 23));
  return v128.and(power, normal);
}

/** Where tanh passes from its polynomial to the formula with exp: below it 1 - 2 / (...) would cancel. */
const TANH_SMALL: f32 = 0.625;

/**
 * tanh of four f32: x + x³ * p(x²) for |x| < 0.625, else 1 - 2 / (exp(2|x|) + 1) with the sign of x.
 *
 * @returns values within 2 ULP
 */
// @ts-ignore: decorator
@inline
export function tanh4(x: v128): v128 {
  const size = f32x4.abs(x);
  const one = f32x4.splat(1);
  const two = f32x4.splat(2);

  const square = f32x4.mul(x, x);
  let p = f32x4.splat(-0.005717045628);
  p = f32x4.add(f32x4.mul(p, square), f32x4.splat(0.02065058798));
  p = f32x4.add(f32x4.mul(p, square), f32x4.splat(-0.05374349654));
  p = f32x4.add(f32x4.mul(p, square), f32x4.splat(0.1333149076));
  p = f32x4.add(f32x4.mul(p, square), f32x4.splat(-0.3333328366));
  const small = f32x4.add(x, f32x4.mul(f32x4.mul(p, square), x));

  const power = exp4(f32x4.mul(two, size));
  const large = f32x4.sub(one, f32x4.div(two, f32x4.add(power, one)));
  const signed = v128.or(large, v128.and(x, i32x4.splat(0x80000000)));

  return v128.bitselect(small, signed, f32x4.lt(size, f32x4.splat(TANH_SMALL)));
}

/** Quarter turns of `angle`, rounded to the nearest. */
// @ts-ignore: decorator
@inline
function quarterTurns(angle: f64): f64 {
  return nearest<f64>(angle * 0.6366197723675814); // 2 / π
}

/** What is left of `angle` after n quarter turns, in ±π/4. π/2 in two parts: the first has 32 bits, so n times it is exact. */
// @ts-ignore: decorator
@inline
function withoutTurns(angle: f64, n: f64): f64 {
  return angle - n * 1.5707963267341256 - n * 6.077100506506192e-11;
}

/** sin r by its Taylor series to r¹¹; |r| <= π/4, error below 1e-11. */
// @ts-ignore: decorator
@inline
function sineSeries(r: f64): f64 {
  const z = r * r;
  const p = -1.0 / 6 + z * (1.0 / 120 + z * (-1.0 / 5040 + z * (1.0 / 362880 - z * (1.0 / 39916800))));
  return r + r * z * p;
}

/** cos r by its Taylor series to r¹²; |r| <= π/4, error below 1e-12. */
// @ts-ignore: decorator
@inline
function cosineSeries(r: f64): f64 {
  const z = r * r;
  const p = 1.0 / 24 + z * (-1.0 / 720 + z * (1.0 / 40320 + z * (-1.0 / 3628800 + z * (1.0 / 479001600))));
  return 1 - z * 0.5 + z * z * p;
}

/**
 * cos(angle) into `cosine`, sin(angle) into `sine`.
 *
 * Bits: f64 arithmetic throughout, one rounding to f32 at the end.
 *
 * @param angle  radians, |angle| up to 1e6
 */
export function cosineAndSine(cosine: usize, sine: usize, angle: f32): void {
  const n = quarterTurns(angle);
  const r = withoutTurns(angle, n);
  const s = <f32>sineSeries(r);
  const c = <f32>cosineSeries(r);
  const turns = <i32>n;
  const swap = (turns & 1) != 0;
  const x = swap ? s : c;
  const y = swap ? c : s;
  // Quarters 1 and 2 have a negative cosine, 2 and 3 a negative sine.
  store<f32>(cosine, ((turns + 1) & 2) != 0 ? -x : x);
  store<f32>(sine, (turns & 2) != 0 ? -y : y);
}

/** out[i] = exp(x[i]); (count,) f32, count a multiple of 4; out may be x. For tests of exp4. */
export function exponential(out: usize, x: usize, count: i32): void {
  const bytes = <usize>count << 2;
  for (let i: usize = 0; i < bytes; i += 16) v128.store(out + i, exp4(v128.load(x + i)));
}

/** out[i] = tanh(x[i]); as exponential. */
export function hyperbolicTangent(out: usize, x: usize, count: i32): void {
  const bytes = <usize>count << 2;
  for (let i: usize = 0; i < bytes; i += 16) v128.store(out + i, tanh4(v128.load(x + i)));
}
