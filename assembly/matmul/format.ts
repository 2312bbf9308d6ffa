/**
 * What the matrix products of all weight formats leave open: a format says how to read a panel and how to sum.
 *
 * A panel is a row of blocks; a block is a number of turns and, in some formats, scales. A turn is the weights of eight outputs for a few
 * inputs: as many as one or two 32-bit words of activations hold. Its outputs are two quads, 0..3 and 4..7, a vector each.
 * Sums run over the turns of a block, totals over blocks.
 *
 * Formats have no state: a class only carries a choice of code, all of which is inlined. `quad` and `word` are constants.
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

  /** Words of activations that a turn takes from a row, 1 or 2. */
  abstract words(): i32;
  /** Bytes of one row of activations. */
  abstract rowBytes(inDim: i32): usize;
  /** Bytes that describe one block of a row: its scale, first, and what else a format needs. */
  abstract rowScaleBytes(): usize;

  /** What quad 0 of the turn at `w` is unpacked from. */
  abstract first(w: usize): v128;
  /** What quad 1 is unpacked from: another vector, or the `first` once more. */
  abstract second(w: usize, first: v128): v128;
  /** A constant that `unpack` works with, hidden: it is needed in the innermost loop. */
  abstract mask(inDim: i32): v128;
  /** Weights of a quad that meet a word of activations. */
  abstract unpack(packed: v128, quad: i32, word: i32, mask: v128): v128;

  /** What a block's sum starts from; `scales` and `rowScales` are where the block's scales are. */
  abstract start(quad: i32, scales: usize, rowScales: usize): v128;
  /** `sum` and the products of one turn: weights p with word x, and q with word y where there are two words. */
  abstract add(sum: v128, p: v128, x: v128, q: v128, y: v128): v128;
  /** The scale of a block of a row in every lane. */
  abstract rowScale(rowScales: usize): v128;
  /** The scales of a quad's outputs; `scales` is where those of the block are. */
  abstract weightScale(quad: i32, scales: usize): v128;
  /** `total` and a block's `sum`. */
  abstract close(total: v128, sum: v128, weightScale: v128, rowScale: v128): v128;
}
