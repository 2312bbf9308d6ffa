/**
 * The natural logarithm by additions, multiplications and a division, so that every host gives the same bits.
 */

/** The smallest normal number; what is below counts as it. */
const LEAST: f32 = 1.1754943508222875e-38;

/**
 * ln x of four numbers, each at least 0: x = 2^n m with m in sqrt(1/2)..sqrt(2), and ln m = 2 artanh(s), s = (m - 1) / (m + 1), by its series
 * to s⁹, which leaves out less than a part in 10⁹.
 */
// @ts-ignore: decorator
@inline
export function logarithms(x: v128): v128 {
  const bits = f32x4.pmax(f32x4.splat(LEAST), x);
  const steps = i32x4.shr_s(i32x4.sub(bits, i32x4.splat(0x3f3504f3)), 23); // the bits of sqrt(1/2)
  const m = i32x4.sub(bits, i32x4.shl(steps, 23));
  const f = f32x4.sub(m, f32x4.splat(1));
  const s = f32x4.div(f, f32x4.add(f, f32x4.splat(2)));
  const z = f32x4.mul(s, s);
  let series = f32x4.add(f32x4.mul(z, f32x4.splat(0.11111111)), f32x4.splat(0.14285715));
  series = f32x4.add(f32x4.mul(series, z), f32x4.splat(0.2));
  series = f32x4.mul(f32x4.add(f32x4.mul(series, z), f32x4.splat(0.33333334)), z);
  // 2s + 2s series = f - s (f - 2 series): f is exact. Of ln 2's two parts the first times n is, too.
  const exponent = f32x4.convert_i32x4_s(steps);
  const rest = f32x4.mul(s, f32x4.sub(f32x4.add(series, series), f));
  const low = f32x4.add(rest, f32x4.mul(exponent, f32x4.splat(-0.00021219444)));
  return f32x4.add(f32x4.mul(exponent, f32x4.splat(0.693359375)), f32x4.add(f, low));
}

/** ln x of one number. */
export function logarithm(x: f32): f32 {
  return f32x4.extract_lane(logarithms(f32x4.splat(x)), 0);
}
