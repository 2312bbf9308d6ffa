/**
 * T(n): how long a pass over n new tokens takes. It decides what speculation is worth.
 * @module
 */
import type { Target } from '../model/target.ts';
import { chain } from '../tree/draft-tree.ts';
import { median } from './statistics.ts';

export interface CostPoint {
  readonly nodes: number;
  readonly ms: number;
  /** T(n) / T(1). */
  readonly ratio: number;
}

/** Where kernels change their tiles, and powers of two between. */
export const CURVE_SIZES: readonly number[] = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64];

/** Passes of a size before the one that is timed, as in decoding passes follow their like: the caches are then as these leave them. */
const WARM = 3;

export interface CurveOptions {
  /** Tokens before the measured passes: attention grows with them. They are not committed yet, and are committed by this. */
  readonly prompt: readonly number[];
  /** Every size is measured once in each round, so that a disturbance meets all alike. */
  readonly rounds?: number;
}

/**
 * Medians over rounds, with logits at every node. The target is left as it was.
 * Sizes over the target's `maxNodes` or the room in its context are left out.
 */
export function measureCostCurve(target: Target, { prompt, rounds = 7 }: CurveOptions): CostPoint[] {
  const before = target.length;
  for (let start = 0; start < prompt.length; start += target.maxNodes) {
    const piece = chain(prompt.slice(start, start + target.maxNodes));
    target.forward(piece, 'none');
    target.commit(Int32Array.from(piece.tokens.keys()));
  }
  const most = Math.min(target.maxNodes, target.context - target.length);
  const sizes = CURVE_SIZES.filter((size) => size <= most);
  const trees = sizes.map((size) => chain(Array.from({ length: size }, (_, node) => (node * 7 + 1) % target.vocab)));
  const times = trees.map((): number[] => []);
  for (let round = 0; round < rounds; round++) {
    for (const [index, tree] of trees.entries()) {
      for (let i = 0; i < WARM; i++) target.forward(tree, 'all');
      const start = performance.now();
      target.forward(tree, 'all');
      times[index]!.push(performance.now() - start);
    }
  }
  target.truncate(before);
  const medians = times.map(median);
  return sizes.map((nodes, index) => ({ nodes, ms: medians[index]!, ratio: medians[index]! / medians[0]! }));
}
