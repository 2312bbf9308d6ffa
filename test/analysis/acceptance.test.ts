/** Optimal acceptance against brute force and known answers, and the rules against it. */
import { compareSampling, optimalAcceptance, type RowPair, RULE_ACCEPTANCE } from '../../src/analysis/index.ts';
import type { DraftSampling } from '../../src/tree/draft-tree.ts';
import { type Chooser, drawDistinct } from '../../src/verify/chooser.ts';
import { kSeqTerms, tryKSeq } from '../../src/verify/k-seq.ts';
import { tryIndependent, tryWithoutReplacement } from '../../src/verify/recursive-rejection.ts';
import { normalise, type Trial } from '../../src/verify/rule.ts';
import { hasCode } from '../codes.ts';
import { assert, random, test } from '../harness.ts';
import { everyChoice } from '../verify/every-choice.ts';
import { distinct, independent, randomModel, type Siblings, topAndOne } from '../verify/laws.ts';

const row = (...values: readonly number[]) => Float64Array.from(values);
const pairOf = (targetProb: Float64Array, draftProb: Float64Array): RowPair => ({ targetProb, draftProb });

/** methods/optimal-mdsd: exact rationals, and K-SEQ to six places; with replacement, without, greedy. */
const E1 = pairOf(row(1 / 2, 3 / 10, 1 / 5), row(1 / 5, 3 / 10, 1 / 2));
const E2 = pairOf(row(0.4, 0.3, 0.2, 0.1), row(0.1, 0.2, 0.3, 0.4));
const E3 = pairOf(row(0.6, 0.1, 0.1, 0.1, 0.1), row(0.2, 0.2, 0.2, 0.2, 0.2));
const E4 = pairOf(row(1, 0), row(1 / 2, 1 / 2));
const E5 = pairOf(row(1 / 4, 1 / 20, 2 / 5, 3 / 10), row(1 / 2, 3 / 10, 3 / 20, 1 / 20));
const E6 = pairOf(row(1 / 2, 1 / 2, 0), row(1 / 2, 1 / 4, 1 / 4));
type Known = readonly [
  pair: RowPair,
  n: number,
  one: number,
  ...withReplacement: readonly [optimum: number, recursive: number, kSeq: number],
  ...without: readonly [optimum: number, recursive: number],
  greedy: number,
];
const KNOWN: Readonly<Record<string, Known>> = {
  'E1, 2': [E1, 2, 7 / 10, 43 / 50, 19 / 25, 0.791355, 69 / 70, 41 / 50, 9 / 10],
  'E1, 3': [E1, 3, 7 / 10, 247 / 250, 101 / 125, 0.858519, 1, 1, 1],
  'E2, 2': [E2, 2, 3 / 5, 79 / 100, 18 / 25, 0.75, 701 / 840, 107 / 140, 23 / 30],
  'E2, 3': [E2, 3, 3 / 5, 871 / 1000, 96 / 125, 0.79395, 1, 14117 / 16800, 14 / 15],
  'E3, 2': [E3, 2, 3 / 5, 19 / 25, 17 / 25, 0.708062, 4 / 5, 7 / 10, 1],
  'E3, 3': [E3, 3, 3 / 5, 111 / 125, 93 / 125, 0.789674, 1, 4 / 5, 1],
  'E4, 2': [E4, 2, 1 / 2, 3 / 4, 3 / 4, 0.75, 1, 1, 1],
  'E5, 2': [E5, 2, 1 / 2, 33 / 50, 3 / 5, 0.622829, 11 / 14, 47 / 70, 7 / 10],
  'E5, 3': [E5, 3, 1 / 2, 197 / 250, 17 / 25, 0.717381, 1, 7 / 8, 19 / 20],
  'E6, 2': [E6, 2, 3 / 4, 15 / 16, 13 / 16, 0.847597, 1, 5 / 6, 1],
};

const near = (actual: number, expected: number, tolerance = 1e-12, message = '') =>
  assert.ok(Math.abs(actual - expected) <= tolerance, `${message} ${actual}, expected ${expected}`);

/** Probability that the token emitted is a drafted one, by every draft and every choice of the rule itself. */
function accepted({ targetProb, draftProb }: RowPair, count: number, siblings: Siblings, trial: Trial): number {
  let total = 0;
  const run = (chooser: Chooser): boolean => {
    const { tokens, draw } = siblings(draftProb, [...Array(count).keys()], chooser);
    const weights = targetProb.slice();
    if (draw && trial(weights, draw, Int32Array.from(tokens), chooser) >= 0) return true;
    return tokens.includes(chooser.draw(weights));
  };
  everyChoice(run, (isDraft, probability) => (total += isDraft ? probability : 0));
  return total;
}

for (const [name, [pair, n, one, bound, recursive, k, boundDistinct, recursiveDistinct, greedy]] of Object.entries(
  KNOWN,
)) {
  test(`${name} drafts: optimum and acceptance of every rule are the known ones`, () => {
    for (const sampling of ['independent', 'withoutReplacement'] as const) {
      near(optimalAcceptance(pair, 1, sampling), one, 1e-10, sampling);
    }
    near(optimalAcceptance(pair, n, 'independent'), bound);
    near(optimalAcceptance(pair, n, 'withoutReplacement'), boundDistinct, 1e-10);
    near(optimalAcceptance(pair, n, 'topAndOne'), greedy);
    near(RULE_ACCEPTANCE.speculative(pair, n), recursive);
    near(RULE_ACCEPTANCE['k-seq'](pair, n), k, 5e-7);
    near(RULE_ACCEPTANCE['without-replacement'](pair, n), recursiveDistinct);
    // The rules themselves come to what the formulas say.
    near(accepted(pair, n, independent, tryIndependent), recursive);
    near(accepted(pair, n, independent, tryKSeq), k, 5e-7);
    near(accepted(pair, n, distinct, tryWithoutReplacement), recursiveDistinct);
    near(accepted(pair, n, topAndOne, tryIndependent), greedy);
  });
}

test('of equally likely tokens the lowest id is taken: with the highest E3 would have 13/20', () => {
  const last = pairOf(row(0.1, 0.1, 0.1, 0.1, 0.6), E3.draftProb);
  near(optimalAcceptance(last, 2, 'topAndOne'), 13 / 20);
  near(accepted(last, 2, topAndOne, tryIndependent), 13 / 20);
});

test('rho of K-SEQ is the known one', () => {
  const cases = [
    [E1, 2, 1.456776, 0.543224],
    [E1, 3, 1.792593, 0.478926],
    [E2, 2, 1.5, 0.5],
    [E2, 3, 1.9395, 0.409358],
    [E5, 2, 1.614143, 0.385857],
    [E4, 2, 1.5, 0.5],
    [E1, 1, 1, 0.7],
  ] as const;
  for (const [{ targetProb, draftProb }, k, rho, beta] of cases) {
    const terms = kSeqTerms(targetProb, draftProb, k);
    near(terms.rho, rho, 5e-7);
    near(terms.beta, beta, 5e-7);
    assert.ok(terms.accepted / terms.beta <= terms.rho + 1e-12);
  }
});

test('draws without replacement have the known law', () => {
  const expected: Readonly<Record<string, number>> = {
    ...{ '0,1': 0.3, '0,2': 0.2, '1,0': 3 / 14, '1,2': 6 / 70, '2,0': 0.125, '2,1': 0.075 },
  };
  const law: Record<string, number> = {};
  everyChoice(
    (chooser) => drawDistinct(chooser, row(0.5, 0.3, 0.2), 2).join(),
    (pair, probability) => (law[pair] = (law[pair] ?? 0) + probability),
  );
  assert.equal(Object.keys(law).sort(), Object.keys(expected));
  for (const [pair, probability] of Object.entries(expected)) near(law[pair]!, probability);
});

/** 1 + the least of p(H) - Q(H) over all sets of tokens, Q by every draft. */
function bruteForce({ targetProb, draftProb }: RowPair, count: number, siblings: Siblings): number {
  const drafts: [set: number, probability: number][] = [];
  const run = (chooser: Chooser) =>
    siblings(draftProb, [...Array(count).keys()], chooser).tokens.reduce((set, token) => set | (1 << token), 0);
  everyChoice(run, (set, probability) => drafts.push([set, probability]));
  let least = 0;
  for (let set = 0; set < 1 << targetProb.length; set++) {
    const p = targetProb.reduce((sum, prob, id) => sum + (set & (1 << id) ? prob : 0), 0);
    const q = drafts.reduce((sum, [held, probability]) => sum + ((held & set) === held ? probability : 0), 0);
    least = Math.min(least, p - q);
  }
  return 1 + least;
}

const SAMPLINGS: readonly [DraftSampling, Siblings][] = [
  ['independent', independent],
  ['withoutReplacement', distinct],
  ['topAndOne', topAndOne],
];

test('the optimum is that of all sets of tokens, grows with n, and no rule exceeds it: 60 random pairs (seed 2)', () => {
  const [targets, drafts] = [randomModel(20), randomModel(21)];
  for (let round = 0; round < 60; round++) {
    const pair = pairOf(targets([round]), drafts([round]));
    const bounds = SAMPLINGS.map(([sampling, siblings]) => {
      let before = 0;
      return [1, 2, 3].map((n) => {
        const bound = optimalAcceptance(pair, n, sampling);
        near(bound, bruteForce(pair, n, siblings), 1e-10, `${sampling} ${n} of ${round}`);
        if (sampling !== 'topAndOne') assert.ok(bound >= before - 1e-10);
        before = bound;
        return bound;
      });
    });
    [1, 2, 3].forEach((n, i) => {
      const [withReplacement, without, top] = bounds.map((bound) => bound[i]!) as [number, number, number];
      const { speculative, 'k-seq': k, 'without-replacement': distinctRule } = RULE_ACCEPTANCE;
      assert.ok(without >= withReplacement - 1e-10);
      assert.ok(speculative(pair, n) <= withReplacement + 1e-10);
      assert.ok(k(pair, n) <= withReplacement + 1e-10);
      assert.ok(k(pair, n) >= (1 - (1 - 1 / n) ** n) * withReplacement - 1e-10);
      assert.ok(distinctRule(pair, n) <= without + 1e-10);
      near(accepted(pair, n, topAndOne, tryIndependent), top, 1e-12, 'greedy reaches its optimum');
      near(accepted(pair, n, independent, tryKSeq), k(pair, n), 1e-9);
      near(accepted(pair, n, independent, tryIndependent), speculative(pair, n));
      near(accepted(pair, n, distinct, tryWithoutReplacement), distinctRule(pair, n));
    });
  }
});

test('a rule that accepts too much is seen: it exceeds the optimum', () => {
  const eager: Trial = (p, { draftProb, children }, tokens, chooser) =>
    chooser.accept(Math.min(1, (2 * p[tokens[0]!]!) / draftProb[tokens[0]!]!)) ? children[0]! : -1;
  assert.ok(accepted(E2, 1, independent, eager) > optimalAcceptance(E2, 1, 'independent') + 0.05);
});

test('a large vocabulary: the optimum without replacement agrees with a coarse sum over pairs (seed 3)', () => {
  const next = random(3);
  const vocab = 300;
  const law = () => {
    const weights = Float64Array.from({ length: vocab }, () => next() ** 8 + 1e-9);
    normalise(weights);
    return weights;
  };
  const pair = pairOf(law(), law());
  const order = [...pair.draftProb.keys()].sort(
    (a, b) => pair.draftProb[b]! / pair.targetProb[b]! - pair.draftProb[a]! / pair.targetProb[a]!,
  );
  // n = 2: Q(H) = q(H) A(H) - B(H), A = sum of q / (1 - q), B = sum of q² / (1 - q).
  let [p, q, a, b, least] = [0, 0, 0, 0, 0];
  for (const id of order) {
    const prob = pair.draftProb[id]!;
    p += pair.targetProb[id]!;
    q += prob;
    a += prob / (1 - prob);
    b += prob ** 2 / (1 - prob);
    least = Math.min(least, p - (q * a - b));
  }
  near(optimalAcceptance(pair, 2, 'withoutReplacement'), 1 + least, 1e-10);
  // Too many ways to follow: the rule is run instead, to about one in a hundred.
  const estimate = RULE_ACCEPTANCE['without-replacement'](pair, 3);
  assert.ok(estimate <= optimalAcceptance(pair, 3, 'withoutReplacement') + 0.03);
  assert.ok(estimate >= RULE_ACCEPTANCE['without-replacement'](pair, 1) - 0.03);
});

test('comparing: free nodes ask for many drafts, dear ones for none, and the best comes first', () => {
  const free = compareSampling([E1, E5], { costs: [0, 1, ...Array(31).fill(1)] });
  assert.is(free.length, 20);
  assert.is(free[0]!.count, 4);
  assert.ok(free[0]!.gain > 2 && free[0]!.depth > 2);
  for (const { acceptance, optimum, tokens, gain } of free) {
    assert.ok(acceptance <= optimum + 1e-9);
    near(gain, tokens);
  }
  for (let i = 1; i < free.length; i++) assert.ok(free[i]!.gain <= free[i - 1]!.gain);
  const dear = compareSampling([E1, E5], { costs: Array.from({ length: 32 }, (_, n) => 3 * n) });
  assert.ok(dear.every(({ gain, depth, nodes }) => gain === 1 && depth === 0 && nodes === 1));
  const slow = compareSampling([E1], { costs: Array(32).fill(1), draftCost: 5 });
  assert.ok(slow.every(({ gain }) => gain === 1));
});

test('rows that are no distributions are refused', () => {
  const refuse = (call: () => unknown) => assert.throws(call, hasCode('option.range'));
  refuse(() => optimalAcceptance(pairOf(row(0.5, 0.5), row(1)), 1, 'independent'));
  refuse(() => optimalAcceptance(pairOf(row(0.5, 0.6), row(1, 0)), 1, 'independent'));
  refuse(() => optimalAcceptance(pairOf(row(1.5, -0.5), row(1, 0)), 1, 'independent'));
  refuse(() => optimalAcceptance(E1, 0, 'independent'));
  refuse(() => optimalAcceptance(E1, 1, 'often' as DraftSampling));
  refuse(() => compareSampling([], { costs: [0, 1, 1] }));
  refuse(() => compareSampling([E1], { costs: [] }));
});

test.run();
