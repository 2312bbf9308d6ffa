/**
 * How a head's guesses become a draft tree. Each way serves every kind of head: it asks for the guesses below some nodes, level by level.
 *
 *   likeliestTree   the nodes of highest joint probability, whatever shape they have
 *   fixedTree       the same ranks each time, chosen beforehand by measured accuracies
 *   beamTree        the likeliest sequences of one length, merged where they begin alike
 *
 * @module
 */
import { outOfRange } from '../check-options.ts';
import { type DraftTree, rootOnly } from '../tree/draft-tree.ts';
import { keepBest } from '../tree/prune.ts';
import { TreeBuilder } from '../tree/tree-builder.ts';
import type { GuessBelow, GuessLimits, HeadNode } from './head.ts';
import type { Guess } from './head-passes.ts';
import { checkPaths, chooseTree, type RankPath } from './tree-choices.ts';

/**
 * Grows a tree.
 * @param first  what the head guesses below the root, all ranks of it
 * @param budget most nodes, the root included; at least 2
 */
export type GrowTree = (guess: GuessBelow, root: HeadNode, first: Guess, budget: number) => DraftTree;

/** A way to grow trees, for any head. */
export interface HeadTree {
  readonly name: string;
  /** @throws {ForetokenError} `option.range` when the head cannot be asked so */
  start(limits: GuessLimits): GrowTree;
}

/** Nodes of a level that are looked below, at most. */
const DEFAULT_WIDTH = 8;
/** Ranks that the recurrent drafter's beam search tells apart: the rest of the distribution is left out. */
const BEAM_RANKS = 50;
/** The largest pass has 64 nodes. */
const MOST_NODES = 63;

export interface WidthOptions {
  /** Most nodes of a level that are looked below, best first, 1..64. More of them cost the head time, and find more. Default 8. */
  readonly width?: number;
}

/**
 * The nodes of highest joint probability by the head's own distributions: a node is looked below only while it is among the best.
 * Source: Li et al., "EAGLE-2", 2024, arXiv 2406.16858, for heads of any kind.
 * @throws {ForetokenError} `option.range`
 */
export function likeliestTree({ width = DEFAULT_WIDTH }: WidthOptions = {}): HeadTree {
  checkSize('width', width);
  return {
    name: `likeliest:${width}`,
    start:
      ({ depth, mostRanks }) =>
      (guess, root, first, budget) => {
        const ranks = Math.min(budget - 1, mostRanks);
        let level = childrenOf(root, first, ranks);
        let best = level;
        for (let above = 1; above < depth; above++) {
          const frontier = level.filter((node) => best.includes(node)).slice(0, width);
          if (frontier.length === 0) break;
          const guesses = guess(above, frontier, ranks);
          const children = frontier.flatMap((node, i) => childrenOf(node, guesses[i]!, ranks));
          level = likeliest(children, budget - 1);
          best = likeliest([...best, ...level], budget - 1);
        }
        return treeOf(root, best);
      },
  };
}

/**
 * The same ranks in every step: by default those of most value by the accuracies that the head was measured with. A smaller budget takes the
 * beginning of the list.
 * @param paths in an order in which each comes after its beginning, most valuable first
 * @throws {ForetokenError} `option.range`, once it is used, for paths that make no tree of the head, or by default for a head that was not measured
 */
export function fixedTree(paths?: readonly RankPath[]): HeadTree {
  return {
    name: 'fixed',
    start({ accuracy, depth, mostRanks }) {
      if (!paths && !accuracy) throw outOfRange('tree', 'paths, as the head has no measured accuracy', 'none');
      const chosen = paths
        ? checkPaths(paths, depth, mostRanks)
        : chooseTree(
            accuracy!.map((chances) => chances.slice(0, mostRanks)),
            MOST_NODES,
          );
      const scoreOf = (level: number, rank: number, prob: number) => (accuracy ? (accuracy[level]![rank] ?? 0) : prob);
      return (guess, root, first, budget) => growFixed(guess, chosen.slice(0, budget - 1), scoreOf, root, first);
    },
  };
}

/** The score of a rank of a level, to which the head has given a probability. */
type ScoreOf = (level: number, rank: number, prob: number) => number;

function growFixed(
  guess: GuessBelow,
  paths: readonly RankPath[],
  scoreOf: ScoreOf,
  root: HeadNode,
  first: Guess,
): DraftTree {
  const nodes = new Map<string, HeadNode>();
  const guesses = new Map<string, Guess>([['', first]]);
  for (let level = 0; ; level++) {
    const below = paths.filter(({ length }) => length === level + 1);
    if (below.length === 0) break;
    if (level > 0) {
      const parents = [...new Set(below.map(above))];
      const ranks = 1 + Math.max(...below.map((path) => path[level]!));
      const found = guess(
        level,
        parents.map((key) => nodes.get(key)!),
        ranks,
      );
      for (const [i, key] of parents.entries()) guesses.set(key, found[i]!);
    }
    for (const path of below) {
      const { tokens, probs } = guesses.get(above(path))!;
      const rank = path[level]!;
      const parent = nodes.get(above(path)) ?? root;
      nodes.set(path.join(), childOf(parent, tokens[rank]!, scoreOf(level, rank, probs[rank]!)));
    }
  }
  return treeOf(
    root,
    paths.map((path) => nodes.get(path.join())!),
  );
}

const above = (path: RankPath): string => path.slice(0, -1).join();

export interface BeamOptions {
  /** Sequences, 1..64. Default 4. */
  readonly width?: number;
  /** Tokens of each, 1..16. Default as many as the head guesses. */
  readonly length?: number;
}

/**
 * Beam search: the sequences of highest probability; those that begin alike share their nodes. Probabilities are shares of the 50 likeliest tokens.
 * Source: Zhang et al., "Recurrent Drafter", 2024, arXiv 2403.09919, sections 3.2 and 3.3.
 * @throws {ForetokenError} `option.range`
 */
export function beamTree({ width = 4, length }: BeamOptions = {}): HeadTree {
  checkSize('width', width);
  if (length !== undefined) checkSize('length', length);
  return {
    name: `beam:${width}`,
    start({ depth, mostRanks }) {
      const levels = Math.min(length ?? depth, depth);
      const ranks = Math.min(BEAM_RANKS, mostRanks);
      const builder = new TreeBuilder();
      return (guess, root, first, budget) => {
        const count = Math.min(width, budget - 1);
        let beams = childrenOf(root, shared(first, ranks), count);
        for (let level = 1; level < levels; level++) {
          const guesses = guess(level, beams, ranks);
          const longer = beams.flatMap((node, i) => childrenOf(node, shared(guesses[i]!, ranks), count));
          beams = likeliest(longer, count);
        }
        return keepBest(mergeBeams(builder, root, beams), budget);
      };
    },
  };
}

/** Probabilities among the first ranks alone. */
function shared({ tokens, probs }: Guess, ranks: number): Guess {
  const kept = probs.subarray(0, ranks);
  const total = kept.reduce((sum, prob) => sum + prob, 0);
  return { tokens, probs: kept.map((prob) => prob / total) };
}

/** A trie: every beam goes down from the root, along nodes that are there already as far as there are some. */
function mergeBeams(builder: TreeBuilder, root: HeadNode, beams: readonly HeadNode[]): DraftTree {
  const paths = beams.map(nodesBelowRoot);
  builder.start(root.token, 1 + paths.reduce((sum, path) => sum + path.length, 0));
  for (const path of paths) path.reduce((parent, { token, score }) => builder.add(parent, token, score), 0);
  return builder.build();
}

function nodesBelowRoot(node: HeadNode): HeadNode[] {
  return node.parent ? [...nodesBelowRoot(node.parent), node] : [];
}

/** The tree of some nodes, each after its parent. */
function treeOf(root: HeadNode, nodes: readonly HeadNode[]): DraftTree {
  if (nodes.length === 0) return rootOnly(root.token);
  const places = new Map<HeadNode, number>([[root, 0]]);
  for (const node of nodes) places.set(node, places.size);
  const all = [root, ...nodes];
  return {
    tokens: Int32Array.from(all, ({ token }) => token),
    parents: Int32Array.from(all, ({ parent }) => (parent ? places.get(parent)! : -1)),
    scores: Float32Array.from(all, ({ score }) => score),
  };
}

function childrenOf(node: HeadNode, { tokens, probs }: Guess, ranks: number): HeadNode[] {
  return Array.from(tokens.subarray(0, ranks), (token, rank) => childOf(node, token, probs[rank]!));
}

function childOf(parent: HeadNode, token: number, score: number): HeadNode {
  const chance = Math.min(1, score); // the kernels round
  return { token, parent, score: chance, joint: parent.joint * chance };
}

/** The nodes of highest joint probability, best first; of equal ones those that come first. */
function likeliest(nodes: readonly HeadNode[], count: number): HeadNode[] {
  return [...nodes].sort((a, b) => b.joint - a.joint).slice(0, count);
}

function checkSize(name: string, size: number): void {
  if (!(Number.isInteger(size) && size >= 1 && size <= 64)) throw outOfRange(name, 'a whole number, 1..64', size);
}
