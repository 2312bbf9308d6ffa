/**
 * Smaller trees out of larger ones: what is kept is always a subtree with the root. Where nodes were drawn, all of them stay: which are left out must
 * not depend on what was drawn.
 * @module
 */
import { bestFirst } from './best-first.ts';
import { depths, rootOnly, scoreAt, type DraftTree } from './draft-tree.ts';

/**
 * Probability of each node's whole path: the product of the scores on the way to it. The expected number of accepted nodes of a set of nodes
 * is the sum over it (speculative-sampling basics: the identity of deterministic trees).
 *
 * @param scores (N,) probability of each node given its parent; default the tree's own
 * @returns (N,) f64, never larger than the parent's; the root has 1
 */
export function jointScores(tree: DraftTree, scores?: ArrayLike<number>): Float64Array {
  const joint = new Float64Array(tree.tokens.length);
  joint[0] = 1;
  for (let node = 1; node < joint.length; node++) {
    joint[node] = joint[tree.parents[node]!]! * (scores ? scores[node]! : scoreAt(tree, node));
  }
  return joint;
}

/** The order in which nodes are kept. */
export interface KeepOrder {
  /** (N,) those that must stay, then the others, by falling joint score; each behind its parent. */
  readonly order: Int32Array;
  /** How many must: the root, and every drawn node with those above it. */
  readonly least: number;
}

/** @param joint (N,) see `jointScores` */
export function keepOrder(tree: DraftTree, joint: Float64Array): KeepOrder {
  return tree.draws?.keepOrder(tree, joint) ?? { order: bestFirst(joint), least: 1 };
}

/**
 * The subtree of some nodes, which keep their order. Draws stay where all of a node's drawn children do.
 * @param nodes node numbers, each with its parent, the root among them; in any order
 */
export function subtree(tree: DraftTree, nodes: Int32Array): DraftTree {
  const count = nodes.length;
  if (count === tree.tokens.length) return tree;
  if (count === 1) return rootOnly(tree.tokens[0]!);
  const isKept = new Uint8Array(tree.tokens.length);
  for (const node of nodes) isKept[node] = 1;
  const places = new Int32Array(tree.tokens.length).fill(-1);
  const tokens = new Int32Array(count);
  const parents = new Int32Array(count).fill(-1, 0, 1);
  const scores = tree.scores && new Float32Array(count);
  const sources = tree.sources && new Uint8Array(count);
  for (let node = 0, place = 0; place < count; node++) {
    if (!isKept[node]) continue;
    tokens[place] = tree.tokens[node]!;
    if (node > 0) parents[place] = places[tree.parents[node]!]!;
    if (scores) scores[place] = tree.scores![node]!;
    if (sources) sources[place] = tree.sources![node]!;
    places[node] = place++;
  }
  const draws = tree.draws?.moved(places);
  return { tokens, parents, ...(scores && { scores }), ...(sources && { sources }), ...(draws && { draws }) };
}

/** The `count` nodes of highest joint score; more where as many must stay. */
export function keepBest(tree: DraftTree, count: number): DraftTree {
  if (tree.tokens.length <= count) return tree;
  const { order, least } = keepOrder(tree, jointScores(tree));
  return subtree(tree, order.subarray(0, Math.max(count, least)));
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
