/**
 * Outputs that are written over, or added to.
 */
import { loadLanes, storeLanes } from '../lanes';

/** `keep` of an op in every lane: all bits where its output is added to, none where it is written over, whatever it holds. */
// @ts-ignore: decorator
@inline
export function keepMask(keep: i32): v128 {
  return i32x4.splat(keep);
}

/** Stores v, or what lies at `address` and v. Bits: one sum. */
// @ts-ignore: decorator
@inline
export function put(address: usize, v: v128, mask: v128): void {
  v128.store(address, f32x4.add(v128.and(v128.load(address), mask), v));
}

/** The same for the first `lanes`, at least 1, of a vector. */
// @ts-ignore: decorator
@inline
export function putLanes(address: usize, v: v128, mask: v128, lanes: i32): void {
  const before = v128.and(loadLanes(address, lanes, f32x4.splat(0)), mask);
  storeLanes(address, f32x4.add(before, v), lanes);
}
