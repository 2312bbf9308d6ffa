/**
 * Covers a range of panels and all tokens with tiles. A panel comes from memory once, whatever the number of tokens.
 *
 *   7 tokens: T T T T and T T T, a panel at a time.
 *   5 tokens: T T T T in three neighbouring panels, then the fifth token in the three at once, which the cache still holds.
 *   1 token:  three panels at once, a third of the range apart:
 *
 *     panels  0 1 2 3 4 | 5 6 7 8 9 | 10 11 12 13 14 | 15      first tile 0 5 10, second tile 1 6 11, ...; 15 alone
 *
 * Tokens left over by fours have tiles of their own, so no n pays for its neighbours; the one or two panels that groups leave over go singly,
 * token by token. One or two take several panels at once: an addition
 * takes three cycles and two can start in each, so six accumulators keep the adders busy. Eight are the most that fit, beside weights,
 * activations and products, into the 15 vectors that V8 gives a loop.
 *
 * Weights that come from memory are all that one or two tokens wait for. Far apart, each of the three streams runs on without a gap from tile
 * to tile, and the prefetcher stays ahead of it; side by side they would all begin anew in every tile, at two thirds of the speed.
 */
import { Format } from './format';
import { tile } from './tile';

// @ts-ignore: decorator
@inline
export function cover<F extends Format>(out: usize, x: usize, scales: usize, weight: usize, bias: usize, rows: i32, inDim: i32, outDim: i32, outStride: i32, panelFrom: i32, panelTo: i32): void {
  const fours = rows & ~3;
  const left = rows - fours;
  const most = left == 1 ? 3 : left == 2 ? 2 : 1;
  const groups = (panelTo - panelFrom) / most;
  const apart = fours == 0 ? groups : 1;
  const step = fours == 0 ? 1 : most;

  for (let group = 0; group <= groups; group++) {
    const whole = group < groups;
    const first = panelFrom + (whole ? group * step : groups * most);
    const count = whole ? most : panelTo - first;
    for (let panel = first; panel < first + count; panel++) {
      for (let row = 0; row < fours; row += 4) tile<F>(1, 4, row, panel, 0, out, x, scales, weight, bias, inDim, outDim, outStride);
    }
    if (whole && left == 3) tile<F>(1, 3, fours, first, 0, out, x, scales, weight, bias, inDim, outDim, outStride);
    else if (whole && left == 2) tile<F>(2, 2, fours, first, apart, out, x, scales, weight, bias, inDim, outDim, outStride);
    else if (whole && left == 1) tile<F>(3, 1, fours, first, apart, out, x, scales, weight, bias, inDim, outDim, outStride);
    else {
      for (let panel = first; panel < first + count; panel++) {
        for (let row = fours; row < rows; row++) tile<F>(1, 1, row, panel, 0, out, x, scales, weight, bias, inDim, outDim, outStride);
      }
    }
  }
}
