/**
 * Shapes of trees whose nodes are drawn from a draft model, level by level. What a shape draws never depends on what room is left, only its depth
 * does: a choice among drawn nodes would change their distribution.
 *
 *   chains(3, 3)      branches([3, 1, 1])     beam(3, 3)            topAndOne([3, 1, 1])
 *
 *      r                   r                     r                      r
 *     a a b               a b c                 a   b                  A B c        A, B most likely, c drawn
 *     c d e               d e f                c d  e                  d e f
 *
 * @module
 */
import { outOfRange } from '../check-options.ts';
import { exp, log } from '../engine/math.ts';
import type { Draw, DraftSampling, DraftTree } from '../tree/draft-tree.ts';
import { Draws } from '../tree/draws.ts';
import { drawDistinct, type Sampler } from '../verify/chooser.ts';

/** A tree under way. */
export class SampledTree {
  readonly tokens: number[];
  readonly parents: number[] = [-1];
  readonly #scores: number[] = [1];
  readonly #draws: (readonly Draw[] | undefined)[] = [];

  constructor(root: number) {
    this.tokens = [root];
  }

  /** @returns the new node */
  add(parent: number, token: number, score: number): number {
    this.parents.push(parent);
    this.#scores.push(Math.min(1, score));
    return this.tokens.push(token) - 1;
  }

  /** Says how children of a node were drawn. */
  drew(node: number, draftProb: Float64Array, children: readonly number[]): void {
    this.#draws[node] = [{ draftProb, children: Int32Array.from(children) }];
  }

  build(): DraftTree {
    return {
      tokens: Int32Array.from(this.tokens),
      parents: Int32Array.from(this.parents),
      scores: Float32Array.from(this.#scores),
      draws: new Draws(this.#draws),
    };
  }
}

/**
 * Adds the next level to a tree.
 *
 * @param frontier the nodes of the level before
 * @param probAt   (V,) f64 distribution of the drafter after a node of the frontier, sums to 1; free to be overwritten, and kept as long as the tree
 * @returns the new nodes
 */
export type GrowLevel = (
  tree: SampledTree,
  frontier: readonly number[],
  probAt: (node: number) => Float64Array,
  sampler: Sampler,
) => number[];

export interface TreeShape<S extends DraftSampling> {
  readonly name: string;
  readonly sampling: S;
  readonly depth: number;
  /** Most nodes of a level; the children of the root are level 0. */
  readonly most: (level: number) => number;
  /** Begins a tree. */
  readonly start: () => GrowLevel;
}

/** Deepest part of a shape that fits so many nodes, the root included. */
export function depthWithin<S extends DraftSampling>({ depth, most }: TreeShape<S>, nodes: number): number {
  let left = nodes - 1;
  let level = 0;
  while (level < depth && most(level) <= left) left -= most(level++);
  return level;
}

const LARGEST = 64;

/**
 * Chains drawn independently of each other, which share the nodes that they have in common. One chain is what speculative sampling has.
 * Source: Sun et al., "SpecTr", 2023, arXiv 2310.15141.
 * @throws {ForetokenError} `option.range`
 */
export function chains(count: number, depth: number): TreeShape<'independent'> {
  check({ count, depth });
  const start = (): GrowLevel => {
    /** Chains that go through each node. */
    const through = [count];
    return (tree, frontier, probAt, sampler) =>
      frontier.flatMap((node) => {
        const draftProb = probAt(node);
        const nodeOf = new Map<number, number>();
        const children: number[] = [];
        for (let draw = 0; draw < through[node]!; draw++) {
          const token = sampler.draw(draftProb);
          const child = nodeOf.get(token) ?? tree.add(node, token, draftProb[token]!);
          nodeOf.set(token, child);
          through[child] = (through[child] ?? 0) + 1;
          children.push(child);
        }
        tree.drew(node, draftProb, children);
        return [...nodeOf.values()];
      });
  };
  return { name: `chains-${count}x${depth}`, sampling: 'independent', depth, most: () => count, start };
}

/**
 * Each node of a level has so many children, drawn without replacement (RSD-C).
 * Source: Jeon et al., 2024, arXiv 2402.14160.
 * @throws {ForetokenError} `option.range`
 */
export function branches(widths: readonly number[]): TreeShape<'withoutReplacement'> {
  return branching('branches', 'withoutReplacement', widths, (tree, node, draftProb, width, sampler) => {
    const children = drawDistinct(sampler, draftProb, width).map((token) => tree.add(node, token, draftProb[token]!));
    tree.drew(node, draftProb, children);
    return children;
  });
}

/**
 * The most likely tokens and a draw among the others: greedy multi-draft sampling.
 * Source: Hu et al., 2025, arXiv 2502.18779.
 * @throws {ForetokenError} `option.range`
 */
export function topAndOne(widths: readonly number[]): TreeShape<'topAndOne'> {
  return branching('top-and-one', 'topAndOne', widths, (tree, node, draftProb, width, sampler) => {
    const top = mostLikely(draftProb, width - 1);
    const children = top.map((token) => tree.add(node, token, draftProb[token]!));
    for (const token of top) draftProb[token] = 0;
    let mass = 0;
    for (let id = 0; id < draftProb.length; id++) mass += draftProb[id]!;
    if (!(mass > 0)) return children;
    for (let id = 0; id < draftProb.length; id++) draftProb[id]! /= mass;
    const token = sampler.draw(draftProb);
    const drawn = tree.add(node, token, mass * draftProb[token]!);
    tree.drew(node, draftProb, [drawn]);
    return [...children, drawn];
  });
}

/** The most likely tokens, nothing drawn. @throws {ForetokenError} `option.range` */
export function likeliest(widths: readonly number[]): TreeShape<'deterministic'> {
  return branching('likeliest', 'deterministic', widths, (tree, node, draftProb, width) =>
    mostLikely(draftProb, width).map((token) => tree.add(node, token, draftProb[token]!)),
  );
}

/**
 * Stochastic beam search (RSD-S): of all sequences of a length, a sample without replacement. Each sequence has a key, the log of its probability after
 * Gumbel noise, and the largest keys make the sample; the largest of a node's children is the node's own.
 *
 * Keys come in falling order, without those of tokens that no beam takes: the children are drawn without replacement, and the key of the next one
 * is a Gumbel number around the log of the probability that is left, bounded by the key before.
 *
 * Source: Kool, van Hoof and Welling, 2019, arXiv 1903.06059; as drafts Jeon et al., 2024, arXiv 2402.14160; falling keys Maddison et al., 2014,
 * arXiv 1411.0030.
 * @throws {ForetokenError} `option.range`
 */
export function beam(width: number, depth: number): TreeShape<'withoutReplacement'> {
  check({ width, depth });
  const start = (): GrowLevel => {
    /** By node: log probability of its path, and its key. */
    const logProbs = [0];
    const keys = [0];
    return (tree, frontier, probAt, sampler) => {
      const candidates: Candidate[] = [];
      for (const node of frontier) {
        const draftProb = probAt(node);
        let [left, key] = [1, keys[node]!];
        drawDistinct(sampler, draftProb, width).forEach((token, rank) => {
          if (rank > 0) key = boundedGumbel(logProbs[node]! + log(left), key, sampler.number());
          candidates.push({ node, draftProb, token, key });
          left = Math.max(Number.MIN_VALUE, left - draftProb[token]!);
        });
      }
      candidates.sort((a, b) => b.key - a.key || a.node - b.node);
      const childrenOf = new Map<number, number[]>();
      return candidates.slice(0, width).map(({ node, draftProb, token, key }) => {
        const child = tree.add(node, token, draftProb[token]!);
        logProbs[child] = logProbs[node]! + log(draftProb[token]!);
        keys[child] = key;
        const children = [...(childrenOf.get(node) ?? []), child];
        childrenOf.set(node, children);
        tree.drew(node, draftProb, children);
        return child;
      });
    };
  };
  return { name: `beam-${width}x${depth}`, sampling: 'withoutReplacement', depth, most: () => width, start };
}

/** A sequence that may go on in the beam. */
interface Candidate {
  readonly node: number;
  readonly draftProb: Float64Array;
  readonly token: number;
  readonly key: number;
}

/**
 * A Gumbel number around a location, given that it is at most `bound`.
 * @param u in [0, 1); 0 counts as half the smallest step
 */
function boundedGumbel(location: number, bound: number, u: number): number {
  return location - log(exp(location - bound) - log(Math.max(u, 2 ** -54)));
}

type ChooseChildren = (
  tree: SampledTree,
  node: number,
  draftProb: Float64Array,
  width: number,
  sampler: Sampler,
) => number[];

/** A shape in which every node of a level has the same number of children. */
function branching<S extends DraftSampling>(
  name: string,
  sampling: S,
  widths: readonly number[],
  choose: ChooseChildren,
): TreeShape<S> {
  check({ levels: widths.length });
  for (const width of widths) check({ width });
  const start = (): GrowLevel => {
    let level = 0;
    return (tree, frontier, probAt, sampler) => {
      const width = widths[level++]!;
      return frontier.flatMap((node) => choose(tree, node, probAt(node), width, sampler));
    };
  };
  const most = (level: number) => widths.slice(0, level + 1).reduce((nodes, width) => nodes * width, 1);
  return { name: `${name}-${widths.join('-')}`, sampling, depth: widths.length, most, start };
}

/** Ids of the largest probabilities, ties to the lowest id; none of probability 0. */
function mostLikely(draftProb: Float64Array, count: number): number[] {
  const best: number[] = [];
  for (let id = 0; id < draftProb.length; id++) {
    const prob = draftProb[id]!;
    if (prob === 0 || (best.length === count && !(prob > (draftProb[best[count - 1]!] ?? Infinity)))) continue;
    let place = best.length;
    while (place > 0 && draftProb[best[place - 1]!]! < prob) place--;
    best.splice(place, 0, id);
    if (best.length > count) best.pop();
  }
  return best;
}

function check(sizes: Readonly<Record<string, number>>): void {
  for (const [name, size] of Object.entries(sizes)) {
    if (!(Number.isInteger(size) && size >= 1 && size <= LARGEST)) {
      throw outOfRange(name, `a whole number, 1..${LARGEST}`, size);
    }
  }
}
