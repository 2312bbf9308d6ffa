/**
 * What `onStep` is told of a pass.
 * @module
 */
import { type DraftTree, scoreAt } from '../tree/draft-tree.ts';
import type { StepTiming } from './scheduler.ts';
import type { PassRecord } from './stats.ts';

/** A drafted node that the target agreed with. */
export interface AcceptedNode {
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
  /** From the root down. */
  readonly accepted: readonly AcceptedNode[];
  /** (m,) tokens of this step: the accepted ones, then the target's own. */
  readonly emitted: Int32Array;
}

/** @param sources names behind the `sources` of the tree */
export function stepReport(
  { tree, path, emitted }: PassRecord,
  timing: StepTiming,
  sources: readonly string[],
): StepReport {
  const accepted = Array.from(path.subarray(1), (node, i) => ({
    node,
    token: tree.tokens[node]!,
    source: sources[tree.sources?.[node] ?? 0]!,
    depth: i + 1,
    rank: rankOf(tree, node),
    score: scoreAt(tree, node),
  }));
  return { tree, sources, accepted, emitted, ...timing };
}

function rankOf({ parents }: DraftTree, node: number): number {
  let rank = 0;
  for (let sibling = parents[node]! + 1; sibling < node; sibling++) if (parents[sibling] === parents[node]) rank++;
  return rank;
}
