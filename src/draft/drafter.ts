/**
 * Drafter: what to guess. One file per drafter stands beside this interface.
 * @module
 */
import type { TargetRows } from '../model/target.ts';
import type { DraftTree } from '../tree/draft-tree.ts';

/** What one verification pass decided, as drafters and schedulers see it. */
export interface StepRecord {
  /** The tree that was verified; a plain step has the root alone. */
  readonly tree: DraftTree;
  /** (m,) accepted nodes from the root (0) down; always at least the root. */
  readonly path: Int32Array;
  /** (m,) tokens that this step emitted: those of `path` below the root, then the target's own token. */
  readonly emitted: Int32Array;
  /** Rows of the pass: a drafter may read the target's logits at any node, accepted or not. */
  readonly rows: TargetRows;
}

/**
 * Guesses the next tokens. A drafter keeps its state between calls; the loop calls `begin` once per generation, then
 * `propose` and `observe` in turn, `observe` also after plain steps.
 */
export interface Drafter {
  /** Stable name: `lookup`, `recycle` ... also the name on the command line. */
  readonly name: string;
  /** Names of the proposers behind `DraftTree.sources`; default `[name]`. */
  readonly sources?: readonly string[];
  /** A new generation: (P,) prompt tokens; the last one will be the root of the first tree. */
  begin(prompt: Int32Array): void;
  /**
   * A tree of at most `budget` nodes, the root included, whose root is the last committed token. The root alone means: no guess.
   * May be a promise; the loop waits for it, but not beyond an abort.
   */
  propose(budget: number): DraftTree | Promise<DraftTree>;
  /** Learns from a finished step. */
  observe(step: StepRecord): void;
}
