/**
 * How large the numbers of a configuration may be.
 * @module
 */

/** Largest values accepted; four to ten times those of the largest published models, and far below where products would round. */
export const MOST = {
  vocab: 2 ** 24,
  hidden: 2 ** 17,
  layers: 512,
  heads: 1024,
  headDim: 1024,
  intermediate: 2 ** 20,
  /** Positions are rotated as f32, which is exact up to here. */
  context: 2 ** 24,
} as const;
