/**
 * Builds a draft tree from candidate continuations: a trie, so that candidates share their common beginnings.
 * @module
 */
import { scoreAt, type DraftTree } from './draft-tree.ts';
import type { Draws } from './draws.ts';

/**
 * A growing tree. Children keep the order in which they were first added, no two children of a node carry the same token, and the
 * scores of a node's children sum to at most 1: who adds first has the first say.
 *
 * One builder serves a drafter for all its trees: `start` begins the next one in the same arrays.
 */
export class TreeBuilder {
  readonly #sharedSource: number;
  #tokens = new Int32Array(0);
  #parents = new Int32Array(0);
  #scores = new Float32Array(0);
  #sources = new Uint8Array(0);
  #firstChild = new Int32Array(0);
  #nextSibling = new Int32Array(0);
  #draws: Draws | undefined;
  #capacity = 0;
  #size = 0;

  /** @param sharedSource source of a node that several sources have proposed; without it the first one keeps the node */
  constructor(sharedSource = -1) {
    this.#sharedSource = sharedSource;
  }

  /**
   * Begins a tree.
   * @param root     token of node 0
   * @param capacity largest number of nodes, the root included
   */
  start(root: number, capacity: number): void {
    if (capacity > this.#tokens.length) this.#reserve(capacity);
    this.#capacity = capacity;
    this.#size = 0;
    this.#draws = undefined;
    this.#append(root, -1, 1, 0);
  }

  get size(): number {
    return this.#size;
  }

  get full(): boolean {
    return this.#size === this.#capacity;
  }

  /** Token `steps` edges above a node; 0 is the node itself. */
  tokenAbove(node: number, steps: number): number {
    let at = node;
    for (let i = 0; i < steps; i++) at = this.#parents[at]!;
    return this.#tokens[at]!;
  }

  /**
   * Makes `token` a child of `parent`. A child that is there already keeps its place and its score.
   * @returns the child, or -1 when the tree is full
   */
  add(parent: number, token: number, score: number, source = 0): number {
    let last = -1;
    let left = 1;
    for (let child = this.#firstChild[parent]!; child >= 0; child = this.#nextSibling[child]!) {
      if (this.#tokens[child] === token) {
        if (source !== this.#sources[child] && this.#sharedSource >= 0) this.#sources[child] = this.#sharedSource;
        return child;
      }
      left -= this.#scores[child]!;
      last = child;
    }
    if (this.full) return -1;
    const node = this.#append(token, parent, Math.max(0, Math.min(score, left)), source);
    if (last < 0) this.#firstChild[parent] = node;
    else this.#nextSibling[last] = node;
    return node;
  }

  /**
   * Merges a whole tree with the same root token, node by node. Its draws stay, behind those of the trees before.
   * @param firstSource added to the tree's own sources
   */
  addTree(tree: DraftTree, firstSource = 0): void {
    const places = new Int32Array(tree.tokens.length);
    for (let node = 1; node < tree.tokens.length; node++) {
      const parent = places[tree.parents[node]!]!;
      const source = firstSource + (tree.sources?.[node] ?? 0);
      places[node] = parent < 0 ? -1 : this.add(parent, tree.tokens[node]!, scoreAt(tree, node), source);
    }
    if (tree.draws) this.#draws = tree.draws.moved(places, this.#draws);
  }

  /** The tree; the builder can go on. */
  build(): DraftTree {
    const nodes = this.#size;
    return {
      tokens: this.#tokens.slice(0, nodes),
      parents: this.#parents.slice(0, nodes),
      scores: this.#scores.slice(0, nodes),
      sources: this.#sources.slice(0, nodes),
      ...(this.#draws && { draws: this.#draws }),
    };
  }

  #append(token: number, parent: number, score: number, source: number): number {
    const node = this.#size++;
    this.#tokens[node] = token;
    this.#parents[node] = parent;
    this.#scores[node] = score;
    this.#sources[node] = source;
    this.#firstChild[node] = -1;
    this.#nextSibling[node] = -1;
    return node;
  }

  #reserve(capacity: number): void {
    this.#tokens = new Int32Array(capacity);
    this.#parents = new Int32Array(capacity);
    this.#scores = new Float32Array(capacity);
    this.#sources = new Uint8Array(capacity);
    this.#firstChild = new Int32Array(capacity);
    this.#nextSibling = new Int32Array(capacity);
  }
}
