/**
 * What `onStep` is told of a pass.
 * @module
 */
import { type DraftTree, scoreAt } from '../tree/draft-tree.ts';
import type { StepTiming } from './scheduler.ts';
import type { PassRecord } from './stats.ts';

/** A drafted node that the walk came to: the target chose it, or another token in its place. */
export interface DraftedNode {
  readonly node: number;
  readonly token: number;
  /** Name of the drafter that proposed it; `several` where more than one did. */
  readonly source: string;
  /** 1 below the root. */
  readonly depth: number;
  /** Its place among the children of its parent, 0 for the first. */
  readonly rank: number;
  /** What its drafter gave it, 0..1. */
  readonly score: number;
}

/** One pass. */
export interface StepReport extends StepTiming {
  /** What was verified; the root alone in a plain step. */
  readonly tree: DraftTree;
  /** Names behind `tree.sources`. */
  readonly sources: readonly string[];
  /** Those that the target agreed with, from the root down. */
  readonly accepted: readonly DraftedNode[];
  /** Those that stood beside an accepted node, or where the target's own token came: depth by depth. What was drafted below them was not looked at. */
  readonly rejected: readonly DraftedNode[];
  /** (m,) tokens of this step: the accepted ones, then the target's own. */
  readonly emitted: Int32Array;
}

/** @param sources names behind the `sources` of the tree */
export function stepReport(
  { tree, path, emitted }: PassRecord,
  timing: StepTiming,
  sources: readonly string[],
): StepReport {
  const describe = (node: number, depth: number): DraftedNode => ({
    node,
    token: tree.tokens[node]!,
    source: sources[tree.sources?.[node] ?? 0]!,
    depth,
    rank: rankOf(tree, node),
    score: scoreAt(tree, node),
  });
  const accepted = Array.from(path.subarray(1), (node, i) => describe(node, i + 1));
  // A limit may end the output on a token that is drafted: then it is not among the accepted ones, nor is it rejected.
  const rejected = Array.from(path).flatMap((parent, depth) =>
    childrenOf(tree, parent)
      .filter((child) => tree.tokens[child] !== emitted[depth])
      .map((child) => describe(child, depth + 1)),
  );
  return { tree, sources, accepted, rejected, emitted, ...timing };
}

function childrenOf({ parents }: DraftTree, node: number): number[] {
  return Array.from(parents.keys()).filter((child) => parents[child] === node);
}

function rankOf({ parents }: DraftTree, node: number): number {
  let rank = 0;
  for (let sibling = parents[node]! + 1; sibling < node; sibling++) if (parents[sibling] === parents[node]) rank++;
  return rank;
}
