/**
 * exp, sine and cosine by additions and multiplications alone, so that every host gives the same bits.
 *
 * The polynomial of exp is a minimax fit of our own (Remez exchange); sine and cosine are Taylor series.
 * Largest errors, tested in test/kernels/math.test.ts and rope.test.ts: exp 1 ULP, sine and cosine 0.51 ULP of f32.
 * There is no tanh: where a formula has 1 + tanh(u), 2 / (1 + exp(-2u)) is the same and keeps its digits for u far below 0.
 */
import { fold, hidden, loadLanes, storeLanes } from './lanes';

/** Below this the result would be subnormal, and slow on many hosts: it is 0. */
const EXP_LOWEST: f32 = -87.33;
/** From here on the result stays exp(88) = 1.65e38: finite, so that a sigmoid needs no special case. */
const EXP_HIGHEST: f32 = 88;
/** exp of it is 0: what lanes past the end of a row hold. */
const NOTHING: f32 = -1e30;

/**
 * out[i] = exp(x[i] - shift) = 2^n * exp(r), with n = round((x[i] - shift) / ln 2) and |r| <= ln 2 / 2, where
 * exp(r) = 1 + (r + r² * q(r)) and q has degree 4: 0 below -87.33, exp(88) above 88, else within 1 ULP.
 *
 * Bits: element by element; the sum adds element i into lane i mod 4, in order of i, then fold().
 *
 * @param out    (count,) f32; may be x itself
 * @param x      (count,) f32, any count of at least 1
 * @param shift  the largest x for a softmax, else 0
 * @returns the sum of all out[i]
 */
export function exponentials(out: usize, x: usize, count: i32, shift: f32): f32 {
  const shifts = f32x4.splat(shift);
  const lowest = hidden(f32x4.splat(EXP_LOWEST), count);
  const highest = hidden(f32x4.splat(EXP_HIGHEST), count);
  const log2e = hidden(f32x4.splat(1.44269504), count);
  // ln 2 in two parts: n times the first is exact, as that has 9 significant bits.
  const ln2High = hidden(f32x4.splat(0.693359375), count);
  const ln2Low = hidden(f32x4.splat(-0.00021219444), count);
  // n + 1.5 * 2^23 is an f32 whose last bits are the integer n.
  const toInteger = hidden(f32x4.splat(12582912), count);
  const one = hidden(f32x4.splat(1), count);
  const c2 = hidden(f32x4.splat(0.49999994), count);
  const c3 = hidden(f32x4.splat(0.1666652113), count);
  const c4 = hidden(f32x4.splat(0.04166838899), count);
  const c5 = hidden(f32x4.splat(0.008368745446), count);
  const c6 = hidden(f32x4.splat(0.001381454058), count);

  let sums = f32x4.splat(0);
  for (; count > 0; count -= 4) {
    const v = count >= 4 ? v128.load(x) : loadLanes(x, count, f32x4.splat(NOTHING));
    const y = f32x4.pmin(f32x4.sub(v, shifts), highest);
    const n = f32x4.nearest(f32x4.mul(y, log2e));
    const r = f32x4.sub(f32x4.sub(y, f32x4.mul(n, ln2High)), f32x4.mul(n, ln2Low));

    // q(r) = (c2 + c3 r) + r² ((c4 + c5 r) + r² c6): a short chain of dependent steps.
    const r2 = f32x4.mul(r, r);
    const first = f32x4.add(f32x4.mul(c3, r), c2);
    const second = f32x4.add(f32x4.add(f32x4.mul(c5, r), c4), f32x4.mul(c6, r2));
    const q = f32x4.add(f32x4.mul(second, r2), first);
    const fraction = f32x4.add(f32x4.add(f32x4.mul(q, r2), r), one);

    // toInteger's own low bits are zeros: the shift leaves n alone, in the exponent field.
    const power = i32x4.add(fraction, i32x4.shl(f32x4.add(n, toInteger), 23));
    const result = v128.and(power, f32x4.ge(y, lowest));
    sums = f32x4.add(sums, result);
    if (count >= 4) v128.store(out, result);
    else storeLanes(out, result, count);
    x += 16;
    out += 16;
  }
  return fold(sums);
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
