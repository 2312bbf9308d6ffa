/**
 * Smaller trees out of larger ones: what is kept is always a subtree with the root.
 * @module
 */
import { depths, scoreAt, type DraftTree } from './draft-tree.ts';

/**
 * Probability of each node's whole path: the product of the scores on the way to it. The expected number of accepted nodes of a set of nodes
 * is the sum over it (speculative-sampling basics: the identity of deterministic trees).
 *
 * @param scores (N,) probability of each node given its parent
 * @returns (N,) f64, never larger than the parent's; the root has 1
 */
export function jointScores(tree: DraftTree, scores: ArrayLike<number>): Float64Array {
  const joint = new Float64Array(tree.tokens.length);
  joint[0] = 1;
  for (let node = 1; node < joint.length; node++) joint[node] = joint[tree.parents[node]!]! * scores[node]!;
  return joint;
}

/**
 * Node numbers, highest joint score first, ties in tree order. A parent never scores below its child and comes before it, so every
 * beginning of this list is a subtree.
 */
export function bestFirst(joint: Float64Array): Int32Array {
  return Int32Array.from(joint.keys()).sort((a, b) => joint[b]! - joint[a]! || a - b);
}

/**
 * The subtree of some nodes, which keep their order.
 * @param nodes node numbers, each with its parent, the root among them; in any order
 */
export function subtree(tree: DraftTree, nodes: Int32Array): DraftTree {
  if (nodes.length === tree.tokens.length) return tree;
  const kept = nodes.slice().sort();
  const places = new Int32Array(tree.tokens.length);
  for (let place = 0; place < kept.length; place++) places[kept[place]!] = place;
  return {
    tokens: kept.map((node) => tree.tokens[node]!),
    parents: kept.map((node) => (node === 0 ? -1 : places[tree.parents[node]!]!)),
    ...(tree.scores && { scores: Float32Array.from(kept, (node) => tree.scores![node]!) }),
    ...(tree.sources && { sources: Uint8Array.from(kept, (node) => tree.sources![node]!) }),
  };
}

/** The `count` nodes of highest joint score under the tree's own scores. */
export function keepBest(tree: DraftTree, count: number): DraftTree {
  if (tree.tokens.length <= count) return tree;
  const scores = Float64Array.from(tree.tokens, (_, node) => scoreAt(tree, node));
  return subtree(tree, bestFirst(jointScores(tree, scores)).subarray(0, count));
}

/** The tree without the nodes deeper than `maxDepth`. */
export function clipDepth(tree: DraftTree, maxDepth: number): DraftTree {
  // A tree of n nodes is at most n - 1 deep.
  if (tree.tokens.length - 1 <= maxDepth) return tree;
  const nodeDepths = depths(tree);
  return subtree(
    tree,
    Int32Array.from(nodeDepths.keys()).filter((node) => nodeDepths[node]! <= maxDepth),
  );
}
