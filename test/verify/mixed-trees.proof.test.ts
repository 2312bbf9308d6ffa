/**
 * Trees that mix drawn nodes and others, as drafters, fusion, merges and pruning make them: the law of what a pass emits is the target's, exactly, over
 * all 154 shapes of the drawn part, every draft that can be drawn and every choice of the rule.
 */
import { Fused } from '../../src/draft/fused.ts';
import { Proposer } from '../../src/draft/proposer.ts';
import { SampledTree } from '../../src/draft/sampled-tree.ts';
import type { AnyDrafter, Drafter } from '../../src/draft/drafter.ts';
import type { DraftSampling, DraftTree } from '../../src/tree/draft-tree.ts';
import { clipDepth, jointScores, keepBest, subtree } from '../../src/tree/prune.ts';
import { bestFirst } from '../../src/tree/best-first.ts';
import { Draws } from '../../src/tree/draws.ts';
import { type Chooser, drawDistinct } from '../../src/verify/chooser.ts';
import { tryKSeq } from '../../src/verify/k-seq.ts';
import { tryIndependent, tryWithoutReplacement } from '../../src/verify/recursive-rejection.ts';
import { TargetWeights, type Trial, trialVerifier } from '../../src/verify/rule.ts';
import { assert, note, random, randomInt, test } from '../harness.ts';
import { everyChoice } from './every-choice.ts';
import { distance, logitsOf, type Model, type Pair, parentArrays, randomPair, rowsOf, VOCAB } from './laws.ts';

const ROOT = 0;
const target = new TargetWeights(VOCAB, { temperature: 1, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1 });

/** A model that knows two tokens after each path: few enough drafts that all of a whole tree can be followed. */
function ofTwo(draft: Model, seed: number): Model {
  return (path) => {
    const law = draft(path);
    const first = (path.reduce((sum, token) => 3 * sum + token + 1, seed) >>> 0) % VOCAB;
    const two = law.map((prob, id) => (id === first || id === (first + 1) % VOCAB ? prob + 0.05 : 0));
    const sum = two.reduce((a, b) => a + b, 0);
    return two.map((prob) => prob / sum);
  };
}

type DrawTokens = (chooser: Chooser, draftProb: Float64Array, count: number) => number[];
const independently: DrawTokens = (chooser, draftProb, count) =>
  Array.from({ length: count }, () => chooser.draw(draftProb));

/** Draws a tree of a shape: each node has as many draws as it has children there; equal draws share a node, and have the children of both. */
function drawn(parents: readonly number[], draft: Model, draws: DrawTokens, chooser: Chooser): DraftTree {
  const tree = new SampledTree(ROOT);
  const grow = (node: number, path: readonly number[], shapes: readonly number[]) => {
    const children = [...parents.keys()].filter((child) => shapes.includes(parents[child]!));
    if (children.length === 0) return;
    const draftProb = draft(path);
    const tokens = draws(chooser, draftProb, children.length);
    const nodeOf = new Map<number, number>();
    for (const token of tokens) if (!nodeOf.has(token)) nodeOf.set(token, tree.add(node, token, draftProb[token]!));
    tree.drew(
      node,
      draftProb,
      tokens.map((token) => nodeOf.get(token)!),
    );
    for (const [token, child] of nodeOf) {
      grow(
        child,
        [...path, token],
        children.filter((_, i) => tokens[i] === token),
      );
    }
  };
  grow(0, [], [0]);
  return tree.build();
}

/** A few nodes by rule, the same whatever is drawn. */
function chosen(seed: number): DraftTree {
  const next = random(seed);
  const tokens = [ROOT];
  const parents = [-1];
  while (tokens.length < 5) {
    const parent = randomInt(next, tokens.length);
    const token = randomInt(next, VOCAB);
    if (tokens.some((other, node) => other === token && parents[node] === parent)) continue;
    parents.push(parent);
    tokens.push(token);
  }
  const scores = Float32Array.from(tokens, (_, node) => (node === 0 ? 1 : next()));
  return { tokens: Int32Array.from(tokens), parents: Int32Array.from(parents), scores };
}

const drafterOf = <S extends DraftSampling>(name: string, sampling: S, tree: DraftTree): Drafter<S> => ({
  ...{ name, sampling },
  begin() {},
  propose: () => tree,
  observe() {},
});

/** What becomes of a drawn tree and a chosen one. */
type Mix = (drawnTree: DraftTree, chosenTree: DraftTree, again: () => DraftTree) => DraftTree;
const NODES = 64;
const merged = (...drafters: AnyDrafter[]) =>
  new Proposer(drafters).propose({ nodes: NODES, root: ROOT, vocab: VOCAB }) as DraftTree;
const sampler = (tree: DraftTree, name = 'sampler') => drafterOf(name, 'independent', tree);
const MIXES: Readonly<Record<string, Mix>> = {
  'merged, the drawn tree first': (a, b) => merged(sampler(a), drafterOf('rule', 'deterministic', b)),
  'merged, the drawn tree last': (a, b) => merged(drafterOf('rule', 'deterministic', b), sampler(a)),
  'merged and pruned': (a, b) => {
    const tree = merged(drafterOf('rule', 'deterministic', b), sampler(a));
    return keepBest(tree, a.tokens.length + 1);
  },
  'fused within a budget, and cut': (a, b) => {
    const fused = new Fused(sampler(a), drafterOf('rule', 'deterministic', b), { leastProbability: 0, leastShare: 0 });
    return clipDepth(fused.propose(a.tokens.length + 2) as DraftTree, 2);
  },
  'two that draw, and one by rule': (a, b, again) =>
    merged(sampler(a), sampler(again(), 'other'), drafterOf('rule', 'deterministic', b)),
};

/** The law of one pass over what a mix makes. */
function passLaw(
  parents: readonly number[],
  pair: Pair,
  draws: DrawTokens,
  trial: Trial,
  mix: Mix,
  seed: number,
): number {
  const law = new Map<string, number>();
  const rule = chosen(seed);
  const run = (chooser: Chooser): string => {
    const first = drawn(parents, pair.draft, draws, chooser);
    const tree = mix(first, rule, () => drawn(parents.slice(0, 3), pair.draft, draws, chooser));
    const verifier = trialVerifier({ name: 'test', guarantee: 'sameDistribution' }, trial, target, () => chooser);
    const emitted: number[] = [];
    for (let node = 0; node >= 0; ) {
      const rows = rowsOf(() => logitsOf(pair.target(emitted)));
      const { token, child } = verifier.decide(tree, node, rows, [ROOT, ...emitted]);
      emitted.push(token);
      node = child;
    }
    return emitted.join();
  };
  everyChoice(run, (outcome, probability) => law.set(outcome, (law.get(outcome) ?? 0) + probability));
  return distance(law, pair.target);
}

/** All 154 shapes, but where that would take long and show nothing more: two drawn trees have many outcomes, and pruning begins with a merge. */
const MOST_NODES: Readonly<Record<string, number>> = {
  'merged, the drawn tree first': 5,
  'merged, the drawn tree last': 5,
  'two that draw, and one by rule': 4,
};
function farthest(
  trees: readonly (readonly number[])[],
  draws: DrawTokens,
  trial: Trial,
  mix: Mix,
  seed: number,
): number {
  let largest = 0;
  trees.forEach((parents, i) => {
    const { target, draft } = randomPair(1000 * seed + i);
    const pair = { target, draft: ofTwo(draft, seed + i) };
    largest = Math.max(largest, passLaw(parents, pair, draws, trial, mix, seed + i));
  });
  return largest;
}

const RULES: readonly (readonly [name: string, trial: Trial, draws: DrawTokens])[] = [
  ['speculative', tryIndependent, independently],
  ['k-seq', tryKSeq, independently],
  ['without-replacement', tryWithoutReplacement, drawDistinct],
];

for (const [name, trial, draws] of RULES) {
  for (const [what, mix] of Object.entries(MIXES)) {
    test(`${name}, ${what}: the target's law over all trees of up to ${MOST_NODES[what] ?? 6} drawn nodes (seed 1)`, () => {
      const trees = parentArrays(MOST_NODES[what] ?? 6);
      const largest = farthest(trees, draws, trial, mix, 1);
      note(`${name}, ${what}: farthest ${largest.toExponential(1)}`);
      assert.ok(largest < 1e-12, `${largest}`);
    });
  }
}

test('a mixed tree keeps every drawn node, its sources and scores, and tells the draws of both who drew (seed 1)', () => {
  let outcomes = 0;
  everyChoice(
    (chooser) => {
      const { draft } = randomPair(1);
      const first = drawn([-1, 0, 0, 1], ofTwo(draft, 1), independently, chooser);
      const second = drawn([-1, 0, 1], ofTwo(draft, 1), independently, chooser);
      const tree = keepBest(
        merged(sampler(first), sampler(second, 'other'), drafterOf('rule', 'deterministic', chosen(1))),
        2,
      );
      for (let node = 0; node < tree.tokens.length; node++) {
        for (const { children } of tree.draws!.at(node) ?? []) {
          assert.ok(children.every((child) => tree.parents[child] === node));
        }
      }
      assert.is(tree.draws!.at(0)!.length, 2);
      assert.ok(tree.scores && tree.sources);
      outcomes++;
    },
    () => {},
  );
  assert.ok(outcomes > 10);
});

/** What fusion and pruning may do wrong. */
const FAULTS: Readonly<Record<string, Mix>> = {
  'drawn nodes are pruned by their scores, and the draws of what is left stay': (a, b) => {
    const tree = merged(sampler(a), drafterOf('rule', 'deterministic', b));
    if (!tree.draws) return tree;
    const kept = bestFirst(jointScores(tree)).subarray(0, 3);
    const { draws: _, ...smaller } = subtree(tree, kept);
    const places = new Map([...kept].sort((x, y) => x - y).map((node, place) => [node, place]));
    const draws = [...places.keys()].map((node) =>
      tree
        .draws!.at(node)
        ?.map(({ draftProb, children }) => ({
          draftProb,
          children: children.filter((child) => places.has(child)).map((child) => places.get(child)!),
        }))
        .filter(({ children }) => children.length > 0),
    );
    return { ...smaller, draws: new Draws(draws) };
  },
  'draws count only where all of them have been kept by their scores': (a, b) => {
    const tree = merged(sampler(a), drafterOf('rule', 'deterministic', b));
    return subtree(tree, bestFirst(jointScores(tree)).subarray(0, 3));
  },
  'nodes by rule count as drawn': (a, b) => {
    const tree = merged(sampler(a), drafterOf('rule', 'deterministic', b));
    if (!tree.draws) return tree;
    const siblings = (node: number) => [...tree.tokens.keys()].filter((child) => tree.parents[child] === node);
    const draws = Array.from(tree.tokens, (_, node) =>
      tree.draws!.at(node)?.map(({ draftProb }) => ({
        draftProb,
        children: Int32Array.from(siblings(node).filter((child) => draftProb[tree.tokens[child]!]! > 0)),
      })),
    );
    return { ...tree, draws: new Draws(draws) };
  },
};

for (const [fault, mix] of Object.entries(FAULTS)) {
  test(`a planted fault is seen: ${fault} (seed 3)`, () => {
    const largest = farthest(parentArrays(4), independently, tryIndependent, mix, 3);
    assert.ok(largest > 1e-3, `${largest}`);
  });
}

test.run();
