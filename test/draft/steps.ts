/**
 * Step records for drafters that are tested without a loop.
 * @module
 */
import type { StepRecord } from '../../src/draft/drafter.ts';
import type { TargetRows } from '../../src/model/target.ts';
import { rootOnly, type DraftTree } from '../../src/tree/draft-tree.ts';
import { descending } from '../decode/made-up-target.ts';

/** A plain step, or several merged into one record: a drafter that reads emitted tokens alone cannot tell. */
export function stepOf(root: number, emitted: readonly number[]): StepRecord {
  const history = [root, ...emitted];
  return { tree: rootOnly(root), path: Int32Array.of(0), emitted: Int32Array.from(emitted), history, rows: rowsOf([]) };
}

/** Rows with given logits. */
export function rowsOf(logits: readonly Float32Array[]): TargetRows {
  return {
    logits: (node) => logits[node]!,
    argmax: (node) => descending(logits[node]!)[0]!,
    topK: (node, k) => descending(logits[node]!).subarray(0, k),
  };
}

/** What a step would record that verified a tree and accepted nothing but the root. */
export function rejected(tree: DraftTree, logits: readonly Float32Array[]): StepRecord {
  const rows = rowsOf(logits);
  const emitted = Int32Array.of(rows.argmax(0));
  return { tree, path: Int32Array.of(0), emitted, history: [tree.tokens[0]!, ...emitted], rows };
}
