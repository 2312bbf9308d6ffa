/** Shapes of sampled trees: their size, what they tell of their draws, and their law together with the rules they are for. */
import {
  beam,
  branches,
  chains,
  depthWithin,
  likeliest,
  SampledTree,
  topAndOne,
  type TreeShape,
} from '../../src/draft/sampled-tree.ts';
import { checkTree } from '../../src/tree/check-tree.ts';
import type { DraftSampling, DraftTree } from '../../src/tree/draft-tree.ts';
import { type Chooser, type Sampler, SeededChooser } from '../../src/verify/chooser.ts';
import { tryKSeq } from '../../src/verify/k-seq.ts';
import { tryIndependent, tryWithoutReplacement } from '../../src/verify/recursive-rejection.ts';
import { drawsAt, TargetWeights, type Trial, trialVerifier } from '../../src/verify/rule.ts';
import { hasCode } from '../codes.ts';
import { assert, test } from '../harness.ts';
import { everyChoice } from '../verify/every-choice.ts';
import { distance, logitsOf, type Model, randomPair, rowsOf, VOCAB } from '../verify/laws.ts';

const NEUTRAL = { temperature: 1, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1 };
const ROOT = 0;

/** A whole tree, every level of it. */
function grown(shape: TreeShape<DraftSampling>, draft: Model, sampler: Sampler): DraftTree {
  const tree = new SampledTree(ROOT);
  const grow = shape.start();
  const probAt = (node: number) => draft(pathOf(tree, node)).slice();
  let frontier = [0];
  for (let level = 0; level < shape.depth && frontier.length > 0; level++)
    frontier = grow(tree, frontier, probAt, sampler);
  return tree.build();
}

/** Tokens below the root on the way to a node. */
function pathOf(
  { tokens, parents }: { tokens: ArrayLike<number>; parents: ArrayLike<number> },
  node: number,
): number[] {
  return node === 0 ? [] : [...pathOf({ tokens, parents }, parents[node]!), tokens[node]!];
}

const SHAPES = [
  chains(1, 3),
  chains(3, 2),
  branches([2, 1]),
  branches([3]),
  topAndOne([3, 2]),
  likeliest([2, 2]),
] as const;

test('trees of every shape fit the loop, keep to their size, and tell draws that can have been (seeds 0 to 39)', () => {
  for (const shape of [...SHAPES, beam(3, 3)]) {
    const most = Array.from({ length: shape.depth }, (_, level) => shape.most(level)).reduce((a, b) => a + b, 1);
    for (let seed = 0; seed < 40; seed++) {
      const tree = grown(shape, randomPair(seed).draft, new SeededChooser(seed, 1).at(0));
      checkTree(tree, { vocab: VOCAB, nodes: most, root: ROOT, sources: 1 });
      for (let node = 0; node < tree.tokens.length; node++) {
        const [draw] = drawsAt(tree, node, VOCAB);
        assert.is(draw !== undefined && shape.sampling === 'deterministic', false);
        const siblings = [...tree.tokens.keys()].filter((child) => tree.parents[child] === node);
        assert.is(new Set(siblings.map((child) => tree.tokens[child])).size, siblings.length, 'no child twice');
        if (draw && shape.sampling !== 'topAndOne') assert.equal([...new Set(draw.children)], siblings);
      }
    }
  }
});

test('a shape is cut to the levels that fit', () => {
  assert.equal(
    [1, 3, 4, 6, 7, 9, 10, 99].map((nodes) => depthWithin(chains(3, 3), nodes)),
    [0, 0, 1, 1, 2, 2, 3, 3],
  );
  assert.equal(
    [1, 2, 3, 4, 5, 7, 8].map((nodes) => depthWithin(branches([2, 2]), nodes)),
    [0, 0, 1, 1, 1, 2, 2],
  );
});

/** The law of a pass over trees that a shape draws, by every choice of drafter and rule. */
function passLaw(shape: TreeShape<DraftSampling>, seed: number, trial: Trial): number {
  const { target, draft } = randomPair(seed);
  const weights = new TargetWeights(VOCAB, NEUTRAL);
  const law = new Map<string, number>();
  const run = (chooser: Chooser): string => {
    const tree = grown(shape, draft, chooser as Sampler);
    const verifier = trialVerifier({ name: 'test', guarantee: 'sameDistribution' }, trial, weights, () => chooser);
    const rows = rowsOf((node) => logitsOf(target(pathOf(tree, node))));
    const emitted: number[] = [];
    for (let node = 0; node >= 0; ) {
      const decision = verifier.decide(tree, node, rows, [ROOT, ...emitted]);
      emitted.push(decision.token);
      node = decision.child;
    }
    return emitted.join();
  };
  everyChoice(run, (outcome, probability) => law.set(outcome, (law.get(outcome) ?? 0) + probability));
  return distance(law, target);
}

test('trees with shared nodes and their rules emit the target’s law exactly (seeds 1 to 4)', () => {
  const pairs: readonly (readonly [TreeShape<DraftSampling>, Trial])[] = [
    [chains(1, 3), tryIndependent],
    [chains(2, 2), tryIndependent],
    [chains(2, 2), tryKSeq],
    [chains(3, 1), tryKSeq],
    [chains(2, 2), tryWithoutReplacement],
    [branches([2, 1]), tryWithoutReplacement],
    [topAndOne([3, 2]), tryIndependent],
    [likeliest([2, 2]), tryIndependent],
  ];
  for (const [shape, trial] of pairs) {
    for (const seed of [1, 2, 3, 4]) assert.ok(passLaw(shape, seed, trial) < 1e-12, `${shape.name}, seed ${seed}`);
  }
});

test('k-seq over chains whose shared nodes count once would be seen', () => {
  const once: Trial = (p, { draftProb, children }, tokens, chooser) =>
    tryKSeq(p, { draftProb, children: Int32Array.from(new Set(children)) }, tokens, chooser);
  assert.ok(Math.max(...[1, 2, 3, 4].map((seed) => passLaw(chains(3, 1), seed, once))) > 1e-3);
});

/** Probability of two sequences, one after the other, without replacement. */
function pairLaw(probabilities: ReadonlyMap<string, number>): Map<string, number> {
  const law = new Map<string, number>();
  for (const [first, p] of probabilities) {
    for (const [second, q] of probabilities) if (first !== second) law.set(`${first} ${second}`, (p * q) / (1 - p));
  }
  return law;
}

test('beams are sequences drawn without replacement: chi-square of 30 000 pairs of two tokens each (seed 1)', () => {
  const laws = [0.5, 0.3, 0.2].map((p) => Float64Array.of(p, 0.9 - p, 0.1));
  const draft: Model = (path) => laws[path[0] ?? 2]!;
  const sequences = new Map<string, number>();
  draft([]).forEach((p, a) => {
    draft([a]).forEach((q, b) => {
      sequences.set(`${a}${b}`, p * q);
    });
  });
  const counts = new Map<string, number>();
  const runs = 30_000;
  const chooser = new SeededChooser(1, 1);
  for (let run = 0; run < runs; run++) {
    const tree = grown(beam(2, 2), draft, chooser.at(run));
    const leaves = [...tree.tokens.keys()].slice(-2);
    const pair = leaves.map((leaf) => pathOf(tree, leaf).join('')).join(' ');
    counts.set(pair, (counts.get(pair) ?? 0) + 1);
  }
  let chiSquare = 0;
  for (const [pair, p] of pairLaw(sequences)) chiSquare += ((counts.get(pair) ?? 0) - runs * p) ** 2 / (runs * p);
  // 71 degrees of freedom: more than 112 comes once in a thousand times; the seed is always the same.
  assert.ok(chiSquare < 112, `${chiSquare}`);
});

test('sizes out of range are refused', () => {
  for (const make of [
    () => chains(0, 1),
    () => chains(1, 65),
    () => branches([]),
    () => beam(1.5, 2),
    () => topAndOne([0]),
  ]) {
    assert.throws(make, hasCode('option.range'));
  }
});

test.run();
