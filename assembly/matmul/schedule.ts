/**
 * What every matrix product shares: the order in which tiles cover the outputs, and how a tile's sums leave it.
 *
 * A tile is P panels x T tokens, all of whose accumulators live in registers. V8 leaves 15 vectors to a loop, so at most 8
 * accumulators fit beside weights and activations:
 *
 *            1 panel   2 panels   4 panels          n = 7 tokens, one panel:   T T T T | T T T
 *   4 tokens    x                                   n = 5, four panels:        four times T T T T,
 *   3 tokens    x                                                              then four panels x one token
 *   2 tokens    x          x
 *   1 token     x          x          x             (f32; q8 needs registers for its totals and stops at 2 panels)
 *
 * Several panels at once give one token enough independent sums to hide the latency of an addition, and give the
 * prefetcher several streams. The tokens left over by fours take a smaller tile of their own, so no n pays for its neighbours.
 *
 * Bits: tiles regroup outputs and never split or reorder the sum of one.
 */
import { PANEL } from '../../src/engine/opcodes';
import { loadLanes, storeLanes } from '../lanes';

/** One kind of tile. It has no state: the classes only carry the choice of code, which is all inlined. */
export abstract class Tile {
  /** The most panels one token can be multiplied with at once. */
  abstract widest(): i32;

  /** Multiplies T tokens from `row` with P panels from `panel`; P and T are constants wherever this is called. */
  abstract run(P: i32, T: i32, row: i32, panel: i32, out: usize, x: usize, scales: usize, weight: usize, bias: usize, inDim: i32, outDim: i32, outStride: i32): void;
}

/** Covers panels [panelFrom, panelTo) x all rows with tiles. A panel is read from memory once, whatever the number of rows. */
// @ts-ignore: decorator
@inline
export function cover<K extends Tile>(out: usize, x: usize, scales: usize, weight: usize, bias: usize, rows: i32, inDim: i32, outDim: i32, outStride: i32, panelFrom: i32, panelTo: i32): void {
  const tile = changetype<K>(0);
  const fours = rows & ~3;

  for (let from = panelFrom; from < panelTo; from += tile.widest()) {
    const to = min(from + tile.widest(), panelTo);
    for (let panel = from; panel < to; panel++) {
      for (let row = 0; row < fours; row += 4) tile.run(1, 4, row, panel, out, x, scales, weight, bias, inDim, outDim, outStride);
    }

    const left = rows - fours;
    let panel = from;
    if (left == 3) {
      for (; panel < to; panel++) tile.run(1, 3, fours, panel, out, x, scales, weight, bias, inDim, outDim, outStride);
    } else if (left == 2) {
      for (; panel + 2 <= to; panel += 2) tile.run(2, 2, fours, panel, out, x, scales, weight, bias, inDim, outDim, outStride);
      if (panel < to) tile.run(1, 2, fours, panel, out, x, scales, weight, bias, inDim, outDim, outStride);
    } else if (left == 1) {
      if (tile.widest() == 4) {
        for (; panel + 4 <= to; panel += 4) tile.run(4, 1, fours, panel, out, x, scales, weight, bias, inDim, outDim, outStride);
      }
      for (; panel + 2 <= to; panel += 2) tile.run(2, 1, fours, panel, out, x, scales, weight, bias, inDim, outDim, outStride);
      if (panel < to) tile.run(1, 1, fours, panel, out, x, scales, weight, bias, inDim, outDim, outStride);
    }
  }
}

/**
 * Adds the bias and stores one panel of one row.
 *
 * @param out     the row of outputs
 * @param bias    (outDim,) f32, or 0
 * @param panel   index of the panel in the row
 * @param outDim  outputs of the row: neither `out` nor `bias` is touched beyond, where the last panel may reach
 * @param low     outputs 0..3 of the panel
 * @param high    outputs 4..7
 */
// @ts-ignore: decorator
@inline
export function emit(out: usize, bias: usize, panel: i32, outDim: i32, low: v128, high: v128): void {
  const first = panel * PANEL;
  const offset = (<usize>first) << 2;
  if (outDim - first < PANEL) {
    emitSome(out + offset, bias == 0 ? 0 : bias + offset, outDim - first, low, high);
    return;
  }
  if (bias != 0) {
    low = f32x4.add(low, v128.load(bias + offset));
    high = f32x4.add(high, v128.load(bias + offset, 16));
  }
  v128.store(out + offset, low);
  v128.store(out + offset, high, 16);
}

/** The first `count` outputs of a panel, 1 to 7 of them. */
function emitSome(out: usize, bias: usize, count: i32, low: v128, high: v128): void {
  const zero = f32x4.splat(0);
  if (bias != 0) low = f32x4.add(low, loadLanes(bias, count, zero));
  storeLanes(out, low, count);
  if (count > 4) {
    if (bias != 0) high = f32x4.add(high, loadLanes(bias + 16, count - 4, zero));
    storeLanes(out + 16, high, count - 4);
  }
}
