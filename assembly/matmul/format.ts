/**
 * What the matrix products of all weight formats leave open: a format says how to read a panel and how to sum.
 *
 * A panel is a row of blocks; a block is a number of turns and, in some formats, scales. A turn is the weights of eight outputs for as
 * many inputs as one 32-bit word of activations holds: one f32, or two i16. Sums run over the turns of a block, totals over blocks.
 *
 * Formats have no state: a class only carries a choice of code, all of which is inlined.
 */
export abstract class Format {
  /** Bytes of one turn of a panel. */
  abstract turnBytes(): usize;
  /** Bytes of the turns of one block. */
  abstract weightBytes(inDim: i32): usize;
  /** Bytes of the scales that follow them. */
  abstract scaleBytes(): usize;
  /** Blocks of a panel. */
  abstract blocks(inDim: i32): i32;
  /** Bytes of one row of activations. */
  abstract rowBytes(inDim: i32): usize;

  /** Weights of outputs 0..3 of the turn at `w`. */
  abstract low(w: usize): v128;
  /** Weights of outputs 4..7. */
  abstract high(w: usize): v128;
  /** `sum` and the products of one turn. */
  abstract add(sum: v128, weights: v128, x: v128): v128;

  /** The scale of a block of activations in every lane. */
  abstract scale(scales: usize): v128;
  /** `total` and a block's `sum`; `weightScales` is where the scales of the sum's four outputs are. */
  abstract close(total: v128, sum: v128, weightScales: usize, scale: v128): v128;
}
