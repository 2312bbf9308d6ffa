/** Lossy rules: what they accept beyond the target's distribution, and the setting at which they accept nothing more. */
import type { TargetRows } from '../../src/model/target.ts';
import { chain, type DraftTree } from '../../src/tree/draft-tree.ts';
import { Draws } from '../../src/tree/draws.ts';
import { exactDraw, lossyJudge, lossyLenience, lossyTypical, speculativeSampling } from '../../src/verify/index.ts';
import type { Verifier } from '../../src/verify/verifier.ts';
import { rejection } from '../codes.ts';
import { assert, random, test } from '../harness.ts';
import { rowsOf } from '../draft/steps.ts';

const NEUTRAL = { temperature: 1, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1 };
const SETTINGS = { sampling: NEUTRAL, seed: 1, draft: ['auto'] } as const;

function emitted(verifier: Verifier, tree: DraftTree, rows: TargetRows): number[] {
  const history = [tree.tokens[0]!];
  for (let node = 0; node >= 0; ) {
    const { token, child } = verifier.decide(tree, node, rows, history);
    history.push(token);
    node = child;
  }
  return history.slice(1);
}
const logs = (...probabilities: readonly number[]) => Float32Array.from(probabilities, (p) => Math.log(p));

test('typical acceptance takes what is over min(0.09, 0.3 exp(-entropy)): Medusa’s known answer', () => {
  // p = (.5, .3, .15, .05): entropy 1.1421, exp(-entropy) .3192, threshold .09; tokens 0 to 2 pass.
  const rows = rowsOf([0, 1, 2].map(() => logs(0.5, 0.3, 0.15, 0.05)));
  for (const token of [0, 1, 2, 3]) {
    const verifier = lossyTypical().create(SETTINGS, 4);
    const { child } = verifier.decide(chain([0, token]), 0, rows, [0]);
    // Seed 1 draws token 0 here, so 3 is not accepted by chance either.
    assert.is(child, token < 3 ? 1 : -1, `token ${token}`);
  }
  const even = rowsOf([new Float32Array(1000), new Float32Array(1000)]);
  assert.is(
    lossyTypical()
      .create(SETTINGS, 1000)
      .decide(chain([0, 999]), 0, even, [0]).child,
    1,
  );
});

test('typical acceptance follows the longest path, of equally long ones the most likely, and at temperature 0 the largest logit', () => {
  //   0 ── 1 (a: .5) ── 3 (.05, not typical)      the path over b is longer, though a is likelier
  //   └─── 2 (b: .3) ── 4 (.5)
  const tree = { tokens: Int32Array.of(0, 0, 1, 3, 0), parents: Int32Array.of(-1, 0, 0, 1, 2) };
  const rows = rowsOf([0, 1, 2, 3, 4].map(() => logs(0.5, 0.3, 0.15, 0.05)));
  const { token, child } = lossyTypical().create(SETTINGS, 4).decide(tree, 0, rows, [0]);
  assert.equal([token, child], [1, 2]);
  const likelier = { tokens: Int32Array.of(0, 1, 0), parents: Int32Array.of(-1, 0, 0) };
  assert.is(lossyTypical().create(SETTINGS, 4).decide(likelier, 0, rows, [0]).child, 2);
  const greedy = { ...SETTINGS, sampling: { ...NEUTRAL, temperature: 0 } };
  assert.equal(emitted(lossyTypical().create(greedy, 4), chain([0, 1]), rows), [0]);
});

/** A chain of random tokens with random rows, drawn from another random distribution. */
function sampledChain(seed: number): { tree: DraftTree; rows: TargetRows } {
  const next = random(seed);
  const law = () => {
    const weights = Float64Array.from({ length: 4 }, () => next() ** 2 + 0.01);
    const sum = weights.reduce((a, b) => a + b, 0);
    return weights.map((weight) => weight / sum);
  };
  const laws = Array.from({ length: 5 }, law);
  const tokens = [0, ...laws.map((q) => (next() < 0.7 ? q.indexOf(Math.max(...q)) : Math.floor(4 * next())))];
  const draws = tokens.map((_, node) =>
    node < 5 ? [{ draftProb: laws[node]!, children: Int32Array.of(node + 1) }] : undefined,
  );
  return { tree: { ...chain(tokens), draws: new Draws(draws) }, rows: rowsOf(tokens.map(() => logs(...law()))) };
}

test('lenience 1 is speculative sampling, less accepts more (seeds 1 to 200)', () => {
  let [strict, lenient] = [0, 0];
  for (let seed = 1; seed <= 200; seed++) {
    const { tree, rows } = sampledChain(seed);
    const settings = { ...SETTINGS, seed };
    const expected = emitted(speculativeSampling.create(settings, 4), tree, rows);
    assert.equal(emitted(lossyLenience(1).create(settings, 4), tree, rows), expected);
    strict += expected.length;
    lenient += emitted(lossyLenience(0.3).create(settings, 4), tree, rows).length;
  }
  assert.ok(lenient > 1.3 * strict, `${lenient}, ${strict}`);
});

/** Hidden states in which a planted direction tells good tokens. */
function withHidden(rows: TargetRows, scores: readonly number[]): TargetRows {
  return { ...rows, hidden: (node) => Float32Array.of(scores[node]!, 1) };
}

test('a judge of threshold 1 changes no token, one below 0 accepts every draft, and between them what passes shrinks (seed 1)', () => {
  const head = { weights: [1, 0.5], bias: -0.5 };
  for (let seed = 1; seed <= 40; seed++) {
    const { tree, rows } = sampledChain(seed);
    const next = random(seed + 500);
    const judged = withHidden(
      rows,
      Array.from(tree.tokens, () => 6 * next() - 3),
    );
    for (const rule of [speculativeSampling, exactDraw]) {
      const settings = { ...SETTINGS, seed };
      const base = emitted(rule.create(settings, 4), tree, rows);
      const run = (threshold: number) =>
        emitted(lossyJudge(rule, head, { threshold }).create(settings, 4), tree, judged);
      assert.equal(run(1), base);
      assert.equal(run(-1).slice(0, 5), [...tree.tokens.slice(1)]);
      const lengths = [-1, 0.1, 0.3, 0.5, 0.7, 0.9, 1].map((threshold) => run(threshold).length);
      for (let i = 1; i < lengths.length; i++) assert.ok(lengths[i]! <= lengths[i - 1]!);
      assert.is(lengths.at(-1), base.length);
    }
  }
});

test('the judge reads the state of the token itself, folds standardisation in, and leaves tokens alone that it must not accept', () => {
  const rows = rowsOf([logs(1, 0, 0, 0), logs(1, 0, 0, 0)]);
  const tree = chain([0, 2]);
  const child = (scores: readonly number[], head: object, never: readonly number[] = []) =>
    lossyJudge(exactDraw, { weights: [1, 0], bias: 0, ...head }, { never })
      .create(SETTINGS, 4)
      .decide(tree, 0, withHidden(rows, scores), [0]).child;
  assert.is(child([-9, 9], {}), 1);
  // A fault that reads the parent's state would answer the other way round.
  assert.is(child([9, -9], {}), -1);
  assert.is(child([0, 9], {}, [2]), -1);
  assert.is(child([0, 4], { mean: [5, 0], scale: [2, 1] }), -1);
  assert.is(child([0, 6], { mean: [5, 0], scale: [2, 1] }), 1);
});

test('a judge refuses a target without hidden states, and states of another width', async () => {
  const rows = rowsOf([logs(1, 0, 0, 0), logs(1, 0, 0, 0)]);
  const verifier = lossyJudge(exactDraw, { weights: [1, 2, 3], bias: 0 }).create(SETTINGS, 4);
  for (const given of [rows, withHidden(rows, [1, 1])]) {
    const decide = async () => verifier.decide(chain([0, 2]), 0, given, [0]);
    assert.is(await rejection(decide()), 'option.verifier');
  }
});

test('lossy rules say so', () => {
  const rules = [lossyTypical(), lossyLenience(0.5), lossyJudge(speculativeSampling, { weights: [1], bias: 0 })];
  for (const rule of rules) {
    assert.is(rule.guarantee, 'lossy');
    assert.is(rule.create(SETTINGS, 4).guarantee, 'lossy');
    assert.match(rule.name, /^lossy-/);
  }
});

test.run();
