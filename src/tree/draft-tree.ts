/**
 * Draft tree: the guesses that one verification pass checks together.
 *
 *      0 "the"                tokens  = the cat dog sat ran
 *      ├── 1 "cat"            parents =  -1   0   0   1   1
 *      │   ├── 3 "sat"        depths  =   0   1   1   2   2
 *      │   └── 4 "ran"
 *      └── 2 "dog"            each node sees itself, its ancestors and every committed position
 *
 * @module
 */
import { ForetokenError } from '../errors.ts';
import type { Draws } from './draws.ts';

/**
 * How the children of a node are chosen: by rule, or drawn from a distribution q. `independent` draws may repeat a token; those
 * `withoutReplacement` come from q without the tokens drawn before; `topAndOne` takes the most likely tokens by rule and draws one of the others.
 */
export type DraftSampling = 'deterministic' | 'independent' | 'withoutReplacement' | 'topAndOne';

/** How some children of a node were drawn. A tree without its draws is valid as well: then its nodes count as chosen by rule. */
export interface Draw {
  /** (V,) f64 q: the probability of each token before the first draw, after the drafter's temperature and cuts; sums to 1. */
  readonly draftProb: Float64Array;
  /** (k,) the node that holds each draw, in the order in which they were drawn; draws of one token may share a node. */
  readonly children: Int32Array;
}

/** N nodes in topological order. Node 0 is the root: the last committed token, which the cache does not hold yet. */
export interface DraftTree {
  /** (N,) token id at each node. */
  readonly tokens: Int32Array;
  /** (N,) index of each node's parent, smaller than the node's own; -1 for the root only. */
  readonly parents: Int32Array;
  /** (N,) the drafter's estimate that the target chooses this node once it is at the parent, 0..1; the root has 1. See `scoreAt`. */
  readonly scores?: Float32Array;
  /** (N,) which drafter proposed the node: an index into the names given by `Drafter.sources`; the root has 0. */
  readonly sources?: Uint8Array;
  /** How nodes were drawn, where some were. */
  readonly draws?: Draws;
}

/** A tree of the root alone: a plain decode step. */
export function rootOnly(token: number): DraftTree {
  return { tokens: Int32Array.of(token), parents: Int32Array.of(-1) };
}

/** A tree without branches: every token is the child of the one before it. */
export function chain(tokens: ArrayLike<number>): DraftTree {
  return { tokens: Int32Array.from(tokens), parents: Int32Array.from(tokens, (_, node) => node - 1) };
}

/** Score of a node; a drafter that gives none is taken to be undecided about each. */
export function scoreAt(tree: DraftTree, node: number): number {
  return tree.scores ? tree.scores[node]! : node === 0 ? 1 : 0.5;
}

/**
 * Distance of every node from the root, in edges. Node i sits at position `root position + depths[i]`.
 *
 * @returns (N,) depths; the root has depth 0
 * @throws {ForetokenError} `tree.parent` when a parent does not come before its child
 * @example depths({ tokens: Int32Array.of(5, 8, 9), parents: Int32Array.of(-1, 0, 0) }) // 0, 1, 1
 */
export function depths(tree: DraftTree): Int32Array {
  const { parents } = tree;
  const result = new Int32Array(parents.length);
  for (let node = 0; node < parents.length; node++) {
    const parent = parents[node]!;
    if (node === 0 ? parent !== -1 : !(parent >= 0 && parent < node)) {
      const expected = node === 0 ? '-1' : `0..${node - 1}`;
      throw new ForetokenError('tree.parent', `node ${node} has parent ${parent}: expected ${expected}`);
    }
    result[node] = node === 0 ? 0 : result[parent]! + 1;
  }
  return result;
}

/** Nodes on the way from the root down to `node`, both included. */
export function pathTo(tree: DraftTree, node: number): Int32Array {
  const path: number[] = [];
  for (let at = node; at >= 0; at = tree.parents[at]!) path.push(at);
  return Int32Array.from(path.reverse());
}

/** The child of `node` that carries `token`, or -1. Of equal siblings, which only a tree from outside can hold, the first. */
export function childWith(tree: DraftTree, node: number, token: number): number {
  const { tokens, parents } = tree;
  for (let child = node + 1; child < tokens.length; child++) {
    if (parents[child] === node && tokens[child] === token) return child;
  }
  return -1;
}
