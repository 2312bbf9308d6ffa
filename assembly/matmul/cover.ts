/**
 * Covers a range of panels and all tokens with tiles.
 *
 *   7 tokens: T T T T | T T T, a panel at a time      5 tokens: T T T T in each of three panels, then three panels with the fifth token
 *
 * A panel comes from memory once, whatever the number of tokens. The one to three tokens that fours leave over get tiles of their own, with
 * several panels at once where one would leave the adders waiting: no n pays for its neighbours.
 *
 * A tile's accumulators, weights, activations and temporaries must fit into the 15 vectors that V8 gives a loop. An addition takes three
 * cycles and two can start in each, so six accumulators keep the adders busy; eight is the most that fits.
 */
import { Format } from './format';
import { tile } from './tile';

// @ts-ignore: decorator
@inline
export function cover<F extends Format>(out: usize, x: usize, scales: usize, weight: usize, bias: usize, rows: i32, inDim: i32, outDim: i32, outStride: i32, panelFrom: i32, panelTo: i32): void {
  const fours = rows & ~3;
  const left = rows - fours;
  const group = left == 2 ? 2 : 3;
  for (let first = panelFrom; first < panelTo; first += group) {
    const count = min(group, panelTo - first);
    for (let panel = first; panel < first + count; panel++) {
      for (let row = 0; row < fours; row += 4) tile<F>(1, 4, row, panel, out, x, scales, weight, bias, inDim, outDim, outStride);
      if (left == 3) tile<F>(1, 3, fours, panel, out, x, scales, weight, bias, inDim, outDim, outStride);
    }
    if (left == 1) {
      if (count == 3) tile<F>(3, 1, fours, first, out, x, scales, weight, bias, inDim, outDim, outStride);
      else if (count == 2) tile<F>(2, 1, fours, first, out, x, scales, weight, bias, inDim, outDim, outStride);
      else tile<F>(1, 1, fours, first, out, x, scales, weight, bias, inDim, outDim, outStride);
    } else if (left == 2) {
      if (count == 2) tile<F>(2, 2, fours, first, out, x, scales, weight, bias, inDim, outDim, outStride);
      else tile<F>(1, 2, fours, first, out, x, scales, weight, bias, inDim, outDim, outStride);
    }
  }
}
