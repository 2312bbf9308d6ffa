/**
 * What a draft tree from outside must fit before the loop takes it.
 * @module
 */
import { ForetokenError } from '../errors.ts';
import { depths, type DraftTree } from './draft-tree.ts';

/** What a tree from outside must fit. */
export interface TreeLimits {
  /** Number of token ids. */
  readonly vocab: number;
  /** Largest number of nodes, the root included. */
  readonly nodes: number;
  /** Token that the root must carry: the last committed one. */
  readonly root: number;
  /** Number of proposers that `DraftTree.sources` may name. */
  readonly sources: number;
}

/**
 * Checks a tree that comes from outside, in time linear in its nodes.
 *
 * @throws {ForetokenError} `tree.type` when an array is missing or of another kind, `tree.size` when lengths disagree, the tree is empty or
 *   holds more nodes than `limits.nodes`, `tree.parent` when parents do not come before children, `tree.token` when an id is out of range,
 *   `tree.root` when the root is not the last committed token, `tree.score` when a score is not in 0..1, `tree.source` when a source has no name;
 *   what `Draws.check` states
 */
export function checkTree(tree: DraftTree, limits: TreeLimits): void {
  if (!(tree?.tokens instanceof Int32Array) || !(tree.parents instanceof Int32Array)) {
    throw new ForetokenError('tree.type', 'a draft tree needs `tokens` and `parents`, both Int32Array');
  }
  const { tokens, parents, scores, sources, draws } = tree;
  if (scores !== undefined && !(scores instanceof Float32Array)) {
    throw new ForetokenError('tree.type', 'the `scores` of a draft tree must be a Float32Array');
  }
  if (sources !== undefined && !(sources instanceof Uint8Array)) {
    throw new ForetokenError('tree.type', 'the `sources` of a draft tree must be a Uint8Array');
  }
  const nodes = tokens.length;
  if (nodes < 1 || nodes > limits.nodes) {
    throw new ForetokenError('tree.size', `a draft tree of ${nodes} nodes: expected 1..${limits.nodes}`);
  }
  for (const array of [parents, scores, sources]) {
    if (array && array.length !== nodes) {
      throw new ForetokenError('tree.size', `${nodes} tokens, but an array beside them has ${array.length} entries`);
    }
  }
  depths(tree);
  for (let node = 0; node < nodes; node++) {
    const token = tokens[node]!;
    if (token < 0 || token >= limits.vocab) {
      throw new ForetokenError('tree.token', `node ${node} has token ${token}: expected 0..${limits.vocab - 1}`);
    }
    const score = scores?.[node] ?? 1;
    if (!(score >= 0 && score <= 1)) {
      throw new ForetokenError('tree.score', `node ${node} has score ${score}: expected 0..1`);
    }
    const source = sources?.[node] ?? 0;
    if (source >= limits.sources) {
      throw new ForetokenError('tree.source', `node ${node} has source ${source}: expected 0..${limits.sources - 1}`);
    }
  }
  draws?.check(tree);
  if (tokens[0] !== limits.root) {
    throw new ForetokenError(
      'tree.root',
      `the root has token ${tokens[0]}: expected the last committed token, ${limits.root}`,
    );
  }
}
