/**
 * Scheduler: how much to draft, and when. The interface; `adaptive-scheduler.ts` is the one behind `draft: 'auto'`.
 * @module
 */
import type { StepRecord } from '../draft/drafter.ts';
import type { DraftTree } from '../tree/draft-tree.ts';

/**
 * T(n): time of one pass over n new tokens, in any one unit; only ratios matter to decisions.
 * `cost[n]` for n = 1..maxNodes; `cost[0]` is unused.
 */
export type CostCurve = Float64Array;

/** Wall time of one step's phases, milliseconds. */
export interface StepTiming {
  readonly draftMs: number;
  readonly passMs: number;
}

export interface Scheduler {
  readonly name: string;
  /** Largest useful number of nodes of the next pass, the root included; 1 asks for a plain step without drafting. */
  budget(): number;
  /** The part of a proposed tree, whatever its size, that pays: a subtree with the root, possibly the root alone. */
  prune(tree: DraftTree): DraftTree;
  /** Learns acceptance and costs from a finished step. */
  observe(step: StepRecord, timing: StepTiming): void;
  /** One sentence for people: what was decided so far, and why. */
  explain(): string;
}
