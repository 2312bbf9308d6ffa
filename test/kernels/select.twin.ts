/**
 * Scalar twin of assembly/select.ts.
 * @module
 */

/** Ids of the k largest values, best first; equal values by id, the lowest first. */
export function topK(x: Float32Array, k: number): number[] {
  const ids = Array.from(x, (_, id) => id);
  return ids.sort((a, b) => x[b]! - x[a]! || a - b).slice(0, k);
}
