/**
 * What the tests of all matrix products draw: shapes and panel ranges.
 * @module
 */
import { PANEL } from '../../src/engine/opcodes.ts';
import { randomInt } from '../harness.ts';

/** [rows, outDim]: every small number of tokens and some large ones, outputs from less than a panel to a few groups of panels. */
export function productShapes(next: () => number): [number, number][] {
  const rows = [1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 31, 32, 33, 63, 64];
  const ends = rows.map((n, i): [number, number] => [n, 1 + (i % PANEL)]);
  const whole = rows.map((n): [number, number] => [n, PANEL * (1 + randomInt(next, 7))]);
  const odd = rows.map((n): [number, number] => [n, 1 + randomInt(next, 60)]);
  return [...ends, ...whole, ...odd];
}

/** Ends of consecutive panel ranges that cover outDim outputs, as threads would share them; some may be empty. */
export function splitPanels(next: () => number, outDim: number): number[] {
  const panels = Math.ceil(outDim / PANEL);
  const cuts = Array.from({ length: randomInt(next, 3) }, () => randomInt(next, panels + 1));
  return [...cuts, panels].sort((a, b) => a - b);
}
