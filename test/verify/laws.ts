/**
 * Laws of what a verifier emits, exactly: over every draft that a drafter can draw and every choice of the rule.
 * @module
 */
import type { TargetRows } from '../../src/model/target.ts';
import type { Draw, DraftTree } from '../../src/tree/draft-tree.ts';
import { Draws } from '../../src/tree/draws.ts';
import { type Chooser, drawDistinct } from '../../src/verify/chooser.ts';
import type { Verifier } from '../../src/verify/verifier.ts';
import { random, randomInt } from '../numbers.ts';
import { everyChoice } from './every-choice.ts';

export const VOCAB = 4;

/** A distribution over tokens for each path of tokens below the root. */
export type Model = (path: readonly number[]) => Float64Array;

/** Target and drafter. */
export interface Pair {
  readonly target: Model;
  readonly draft: Model;
}

/** How the children of a node come about: their tokens, one for each node, and what a drafter tells of them. */
export type Siblings = (draftProb: Float64Array, children: readonly number[], chooser: Chooser) => DrawnSiblings;
export interface DrawnSiblings {
  readonly tokens: readonly number[];
  /** Fewer tokens than children leave the last children out. */
  readonly draw?: Draw | undefined;
  /** Several, each from a distribution of its own. */
  readonly draws?: readonly Draw[];
}

/** Every array of parents with at most this many nodes: each node below any of those before it. */
export function parentArrays(most: number): number[][] {
  let arrays: number[][] = [[-1]];
  const all = [...arrays];
  for (let nodes = 2; nodes <= most; nodes++) {
    arrays = arrays.flatMap((parents) => Array.from(parents.keys(), (parent) => [...parents, parent]));
    all.push(...arrays);
  }
  return all;
}

/** A model whose distributions are random, and of all kinds: full, with zeros, sure of one token, or even. */
export function randomModel(seed: number): Model {
  const known = new Map<string, Float64Array>();
  return (path) => {
    const key = path.join();
    let law = known.get(key);
    if (!law) known.set(key, (law = randomLaw(random(hash(path, seed)))));
    return law;
  };
}

/** A pair whose distributions are random, and at some paths equal. */
export function randomPair(seed: number): Pair {
  const target = randomModel(2 * seed);
  const draft = randomModel(2 * seed + 1);
  return { target, draft: (path) => (hash(path, seed + 99) % 5 === 0 ? target(path) : draft(path)) };
}

function randomLaw(next: () => number): Float64Array {
  const kind = randomInt(next, 6);
  const sure = randomInt(next, VOCAB);
  const weights = Float64Array.from({ length: VOCAB }, (_, id) => {
    const weight = next() ** 2;
    if (kind === 0) return id === sure ? 1 : 0;
    if (kind === 1) return 1;
    if (kind < 4 && id !== sure && next() < 0.4) return 0;
    return weight + 1e-3;
  });
  const sum = weights.reduce((a, b) => a + b, 0);
  return weights.map((weight) => weight / sum);
}

/** FNV-1a over tokens. */
function hash(tokens: readonly number[], seed: number): number {
  let state = 0x811c9dc5 ^ seed;
  for (const token of tokens) state = Math.imul(state ^ (token + 1), 0x01000193) >>> 0;
  return Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) >>> 0;
}

/** Rows whose logits are logarithms of a model's probabilities: exact up to f32, so the model to compare with is `roundedTarget`. */
export function rowsOf(logits: (node: number) => Float32Array): TargetRows {
  return { logits, argmax: () => 0, topK: () => new Int32Array(0) };
}

/**
 * The law of the tokens that one pass emits.
 *
 * Children are drawn only when the walk reaches their parent: what is drawn elsewhere cannot matter, and the number of cases stays small.
 *
 * @param verifierOf the rule, with its choices made by the chooser
 * @returns probability of each sequence of emitted tokens, by its tokens joined with commas
 */
export function emittedLaw(
  parents: readonly number[],
  { target, draft }: Pair,
  siblings: Siblings,
  verifierOf: (chooser: Chooser) => Verifier,
): Map<string, number> {
  const law = new Map<string, number>();
  const childrenOf = parents.map((_, node) => [...parents.keys()].filter((child) => parents[child] === node));
  const run = (chooser: Chooser): string => {
    const draws: (readonly Draw[] | undefined)[] = [];
    const tree = {
      tokens: new Int32Array(parents.length).fill(-1),
      parents: Int32Array.from(parents),
      draws: new Draws(draws),
    };
    const verifier = verifierOf(chooser);
    const path: number[] = [];
    for (let node = 0; node >= 0; ) {
      const drawn = siblings(draft(path), childrenOf[node]!, chooser);
      drawn.tokens.forEach((token, i) => {
        tree.tokens[childrenOf[node]![i]!] = token;
      });
      draws[node] = drawn.draws ?? (drawn.draw && [drawn.draw]);
      const rows = rowsOf(() => logitsOf(target(path)));
      const { token, child } = verifier.decide(tree as DraftTree, node, rows, [0, ...path]);
      path.push(token);
      node = child;
    }
    return path.join();
  };
  everyChoice(run, (outcome, probability) => law.set(outcome, (law.get(outcome) ?? 0) + probability));
  return law;
}

/** Logarithms as f32: at most 1e-7 away from the model, so laws are compared with what they say, `lawOf`. */
export function logitsOf(probabilities: Float64Array): Float32Array {
  return Float32Array.from(probabilities, (p) => Math.log(p));
}

/** The distribution that logits say. */
export function lawOf(logits: Float32Array): number[] {
  const weights = Array.from(logits, (logit) => Math.exp(logit));
  const sum = weights.reduce((a, b) => a + b, 0);
  return weights.map((weight) => weight / sum);
}

/**
 * How far emitted tokens are from the target: over every path that a pass can reach, the largest difference between the probability of going on
 * with a token and the target's of that token there, times the probability of the path. 0 for every lossless rule, and then the joint law of any number of
 * tokens is the target's.
 *
 * @param expectedAt what the target says after a path, its settings applied
 */
export function distance(
  law: ReadonlyMap<string, number>,
  target: Model,
  expectedAt: (path: readonly number[]) => ArrayLike<number> = (path) => lawOf(logitsOf(target(path))),
): number {
  /** Probability that a pass emits this and more. */
  const beyond = new Map<string, number>();
  const begins = new Map<string, number>();
  for (const [outcome, probability] of law) {
    const tokens = outcome.split(',');
    for (let i = 0; i < tokens.length; i++) {
      const before = tokens.slice(0, i).join();
      const upTo = tokens.slice(0, i + 1).join();
      beyond.set(before, (beyond.get(before) ?? 0) + probability);
      begins.set(upTo, (begins.get(upTo) ?? 0) + probability);
    }
  }
  let largest = Math.abs((beyond.get('') ?? 0) - 1);
  for (const [before, reached] of beyond) {
    const path = before === '' ? [] : before.split(',').map(Number);
    Array.from(expectedAt(path)).forEach((prob, token) => {
      const emitted = begins.get([...path, token].join()) ?? 0;
      largest = Math.max(largest, Math.abs(emitted - reached * prob));
    });
  }
  return largest;
}

/** Independent draws, one node for each. */
export const independent: Siblings = (draftProb, children, chooser) => {
  const tokens = children.map(() => chooser.draw(draftProb));
  return { tokens, draw: drawOf(draftProb, children) };
};

/** Draws without replacement; where q has fewer tokens, fewer of them. */
export const distinct: Siblings = (draftProb, children, chooser) => {
  const tokens = drawDistinct(chooser, draftProb, children.length);
  return { tokens, draw: drawOf(draftProb, children.slice(0, tokens.length)) };
};

/** The most likely tokens, and one drawn among the others. */
export const topAndOne: Siblings = (draftProb, children, chooser) => {
  const possible = descending(draftProb).filter((id) => draftProb[id]! > 0);
  const byRule = possible.slice(0, Math.max(0, children.length - 1));
  const rest = draftProb.map((prob, id) => (byRule.includes(id) ? 0 : prob));
  const mass = rest.reduce((a, b) => a + b, 0);
  if (children.length === 0 || mass === 0) return { tokens: byRule, draw: undefined };
  const q = rest.map((prob) => prob / mass);
  return { tokens: [...byRule, chooser.draw(q)], draw: drawOf(q, children.slice(byRule.length)) };
};

/** The most likely tokens, none drawn. */
export const byRule: Siblings = (draftProb, children) => ({
  tokens: descending(draftProb).slice(0, children.length),
  draw: undefined,
});

/** Two drawn without replacement, the rest by rule: one tree of both kinds. */
export const mixed: Siblings = (draftProb, children, chooser) => {
  const drawn = drawDistinct(chooser, draftProb, Math.min(2, children.length));
  const others = descending(draftProb).filter((id) => !drawn.includes(id));
  return {
    tokens: [...drawn, ...others].slice(0, children.length),
    draw: drawn.length > 0 ? drawOf(draftProb, children.slice(0, drawn.length)) : undefined,
  };
};

/** Some drawn independently, the rest by rule. */
export const independentAndByRule: Siblings = (draftProb, children, chooser) => {
  const count = Math.min(2, children.length);
  const drawn = independent(draftProb, children.slice(0, count), chooser);
  const others = descending(draftProb).filter((id) => !drawn.tokens.includes(id));
  return { tokens: [...drawn.tokens, ...others].slice(0, children.length), draw: drawn.draw };
};

/** Two who draw, each from a distribution of its own. */
export const byTwo =
  (first: Siblings, second: Siblings): Siblings =>
  (draftProb, children, chooser) => {
    const half = Math.ceil(children.length / 2);
    const a = first(draftProb, children.slice(0, half), chooser);
    const b = second(draftProb.slice().reverse(), children.slice(half), chooser);
    // Fewer tokens than children leave the last children of each out: no token is theirs.
    const tokens = [...a.tokens, ...Array(half - a.tokens.length).fill(-1), ...b.tokens];
    return { tokens, draws: [a.draw, b.draw].filter((draw) => draw !== undefined) };
  };

function drawOf(draftProb: Float64Array, children: readonly number[]): Draw | undefined {
  return children.length > 0 ? { draftProb, children: Int32Array.from(children) } : undefined;
}

function descending(values: Float64Array): number[] {
  return [...values.keys()].sort((a, b) => values[b]! - values[a]! || a - b);
}
