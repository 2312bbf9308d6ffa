/**
 * Verifier: what to accept. One file per acceptance rule stands beside this interface.
 * @module
 */
import type { TargetRows } from '../model/target.ts';
import type { DraftTree } from '../tree/draft-tree.ts';

/**
 * What a verifier promises of the output: the very tokens of plain decoding with the same seed, tokens of the same
 * distribution, or neither (never a default).
 */
export type Guarantee = 'sameBits' | 'sameDistribution' | 'lossy';

/** How the drafted children of a node must have been chosen for a rule to be valid. */
export type DraftSampling = 'any' | 'deterministic' | 'independent' | 'withoutReplacement';

/** The token that follows a node, and the child that carries it (-1 when the tree does not hold it: the step ends). */
export interface Decision {
  readonly token: number;
  readonly child: number;
}

/** Decides token by token, so that the loop can stop anywhere on the accepted path. */
export interface Verifier {
  readonly name: string;
  readonly guarantee: Guarantee;
  readonly draftSampling: DraftSampling;
  /**
   * The token after `node`, given that `node` is accepted.
   * @param history tokens of the path: prompt, output, and the path down to and including `node`
   */
  decide(tree: DraftTree, node: number, rows: TargetRows, history: readonly number[]): Decision;
}
