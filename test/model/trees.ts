/**
 * Trees for the proofs: all small ones, the extreme shapes, random ones.
 * @module
 */
import type { DraftTree } from '../../src/tree/draft-tree.ts';
import { randomInt } from '../numbers.ts';

/**
 * Every topological parent array of 1..most nodes: node i chooses any earlier node, so there are (n - 1)! of n nodes,
 * 1 + 1 + 2 + 6 + 24 + 120 = 154 of up to 6.
 */
export function allParents(most: number): number[][] {
  const result: number[][] = [];
  const extend = (parents: number[]) => {
    result.push(parents);
    if (parents.length < most) for (let parent = 0; parent < parents.length; parent++) extend([...parents, parent]);
  };
  extend([-1]);
  return result;
}

export const chain = (nodes: number): number[] => Array.from({ length: nodes }, (_, i) => i - 1);
export const star = (nodes: number): number[] => Array.from({ length: nodes }, (_, i) => (i === 0 ? -1 : 0));
export const binary = (nodes: number): number[] =>
  Array.from({ length: nodes }, (_, i) => (i === 0 ? -1 : (i - 1) >> 1));
export const randomParents = (next: () => number, nodes: number): number[] =>
  Array.from({ length: nodes }, (_, i) => (i === 0 ? -1 : randomInt(next, i)));

export function withTokens(parents: readonly number[], next: () => number, vocab: number): DraftTree {
  return { parents: Int32Array.from(parents), tokens: Int32Array.from(parents, () => randomInt(next, vocab)) };
}

/** Nodes from the root to `node`. */
export function pathTo(parents: ArrayLike<number>, node: number): number[] {
  const path = [node];
  while (parents[path[0]!]! >= 0) path.unshift(parents[path[0]!]!);
  return path;
}
