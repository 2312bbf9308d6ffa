/**
 * What the decoding loop needs of a language model: the model interface of design.md.
 * The transformer implements it; tests implement it with small made-up languages.
 * @module
 */
import type { DraftTree } from '../tree/draft-tree.ts';

/** Which rows of a pass produce logits: every node, the last node only, or none (prefill). */
export type LogitRows = 'all' | 'last' | 'none';

/** What a pass computed. Every view is valid until the next pass on the same model. */
export interface TargetRows {
  /** (V,) f32 logits of a node, a view on the model's memory; callers do not write to it. */
  logits(node: number): Float32Array;
  /** Id of the largest logit of a node; ties go to the lowest id. */
  argmax(node: number): number;
  /** (k,) ids of the k largest logits of a node, best first; ties go to the lowest id. */
  topK(node: number, k: number): Int32Array;
  /** (D,) f32 state of a node after the last layer, before the last norm; a view like `logits`. Absent where a target does not tell. */
  hidden?(node: number): Float32Array;
  /**
   * (N, D) f32 states of all nodes behind the last norm, which is what the output layer reads; also of a pass without logits. Computed when asked for;
   * a view like `logits`. Absent where a target does not tell.
   */
  normed?(): Float32Array;
}

/**
 * A model with one cache of committed positions.
 *
 * A pass runs N new tokens after the committed ones: node i sees every committed position, its ancestors and itself,
 * and stands at position `length + depth(i)`. `commit` then keeps one root path of that pass and forgets the rest.
 * Prefill is a chain, a plain step is one node, verification is a tree: one primitive.
 */
export interface Target {
  /** Number of token ids; ids are 0..vocab - 1. */
  readonly vocab: number;
  /** Positions that the cache can hold. */
  readonly context: number;
  /** Largest N of one pass. */
  readonly maxNodes: number;
  /** Committed positions. */
  readonly length: number;
  /** Resolves when passes can run, where that takes time: threads that were lost in an earlier pass are replaced. */
  ready?(): Promise<void>;
  /**
   * Runs one pass. Synchronous; the cache's committed part is unchanged by it.
   * @throws {ForetokenError} `tree.*`, `context.full` when `length` + the deepest node's depth + 1 is over `context`
   */
  forward(tree: DraftTree, logitRows: LogitRows): TargetRows;
  /**
   * Runs one pass over a single node that mixes tokens: its embedding is the sum of theirs, each times its weight. It is committed as any
   * node is. Absent where a target takes token ids alone.
   * @param tokens  (M,) 1..maxNodes ids
   * @param weights (M,) one for each
   * @throws {ForetokenError} as `forward`
   */
  superpose?(tokens: Int32Array, weights: ArrayLike<number>): TargetRows;
  /**
   * Keeps these nodes of the last pass, in this order, as committed positions.
   * @param path (m,) nodes from the root (0) downwards, each the parent of the next; empty keeps nothing
   */
  commit(path: Int32Array): void;
  /** Forgets every committed position from `length` on. */
  truncate(length: number): void;
}
