/**
 * Four f32 in one vector: what reductions and ragged ends share.
 */

/** Sum of the lanes. Bits: (lane 0 + lane 1) + (lane 2 + lane 3). */
// @ts-ignore: decorator
@inline
export function fold(v: v128): f32 {
  const low = f32x4.extract_lane(v, 0) + f32x4.extract_lane(v, 1);
  const high = f32x4.extract_lane(v, 2) + f32x4.extract_lane(v, 3);
  return low + high;
}

/**
 * A constant that compilers cannot tell for one. V8 builds a vector constant anew at every use, by three or more instructions; this one is
 * made once and stays in a register.
 *
 * @param count  anything that is never negative, and not known at compile time
 */
// @ts-ignore: decorator
@inline
export function hidden(constant: v128, count: i32): v128 {
  return v128.or(i32x4.splat(count >>> 31), constant);
}

/**
 * Up to four f32 from `address`.
 *
 * @param lanes  how many may be read, at least 1; 4 and more read a whole vector
 * @param rest   what the other lanes hold
 */
// @ts-ignore: decorator
@inline
export function loadLanes(address: usize, lanes: i32, rest: v128): v128 {
  if (lanes >= 4) return v128.load(address);
  let v = v128.load_lane<f32>(address, rest, 0);
  if (lanes > 1) v = v128.load_lane<f32>(address, v, 1, 4);
  if (lanes > 2) v = v128.load_lane<f32>(address, v, 2, 8);
  return v;
}

/** Writes the first `lanes` of a vector to `address`: at least 1; 4 and more write all of it. */
// @ts-ignore: decorator
@inline
export function storeLanes(address: usize, v: v128, lanes: i32): void {
  if (lanes >= 4) {
    v128.store(address, v);
    return;
  }
  v128.store_lane<f32>(address, v, 0);
  if (lanes > 1) v128.store_lane<f32>(address, v, 1, 4);
  if (lanes > 2) v128.store_lane<f32>(address, v, 2, 8);
}

/** The largest of x[0..count - 1]; count at least 1. A maximum is exact in any order. */
export function largest(x: usize, count: i32): f32 {
  let best = v128.load32_splat(x);
  const whole = x + (<usize>(count & ~3) << 2);
  for (; x < whole; x += 16) best = f32x4.pmax(best, v128.load(x));
  if ((count & 3) != 0) best = f32x4.pmax(best, loadLanes(x, count & 3, best));
  const low = max(f32x4.extract_lane(best, 0), f32x4.extract_lane(best, 1));
  const high = max(f32x4.extract_lane(best, 2), f32x4.extract_lane(best, 3));
  return max(low, high);
}
