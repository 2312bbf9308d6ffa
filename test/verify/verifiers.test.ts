/** Acceptance rules: what they choose at each node, and the identity of deterministic trees. */
import { LogitsProcessor } from '../../src/decode/sampling.ts';
import type { TargetRows } from '../../src/model/target.ts';
import type { DraftTree } from '../../src/tree/draft-tree.ts';
import { exactMatch } from '../../src/verify/exact-match.ts';
import { seedCoupled } from '../../src/verify/seed-coupled.ts';
import type { Verifier } from '../../src/verify/verifier.ts';
import { assert, random, randomInt, test } from '../harness.ts';
import { rowsOf } from '../draft/steps.ts';

const NEUTRAL = { temperature: 1, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1 };

/** Tokens that a tree walk emits: those of accepted nodes, then the target's own. */
function emitted(verifier: Verifier, tree: DraftTree, rows: TargetRows, prompt: readonly number[]): number[] {
  const history = [...prompt];
  for (let node = 0; node >= 0; ) {
    const decision = verifier.decide(tree, node, rows, history);
    history.push(decision.token);
    node = decision.child;
  }
  return history.slice(prompt.length);
}

/** A tree over tokens 0..vocab - 1 whose siblings differ. */
function randomTree(next: () => number, nodes: number, vocab: number): DraftTree {
  const tokens = [0];
  const parents = [-1];
  while (tokens.length < nodes) {
    const parent = randomInt(next, tokens.length);
    const token = randomInt(next, vocab);
    if (tokens.some((other, node) => parents[node] === parent && other === token)) continue;
    tokens.push(token);
    parents.push(parent);
  }
  return { tokens: Int32Array.from(tokens), parents: Int32Array.from(parents) };
}

const randomRow = (next: () => number, vocab: number): Float32Array =>
  Float32Array.from({ length: vocab }, () => 3 * next());

test('exact match takes the largest logit, ties to the lowest id, and the child that carries it', () => {
  const tree = { tokens: Int32Array.of(0, 2, 1, 2), parents: Int32Array.of(-1, 0, 0, 2) };
  const rows = rowsOf(
    [
      [0, 5, 5],
      [9, 1, 1],
      [1, 2, 3],
      [4, 4, 4],
    ].map((row) => Float32Array.from(row)),
  );
  const verifier = exactMatch();
  assert.equal(verifier.decide(tree, 0, rows, [0]), { token: 1, child: 2 });
  assert.equal(verifier.decide(tree, 1, rows, [0, 2]), { token: 0, child: -1 });
  assert.equal(emitted(verifier, tree, rows, [0]), [1, 2, 0]);
});

test('the highest id among ties would be seen: it leads to another child', () => {
  const tree = { tokens: Int32Array.of(0, 2, 1, 2), parents: Int32Array.of(-1, 0, 0, 2) };
  const rows = rowsOf(
    [
      [0, 5, 5],
      [9, 1, 1],
      [1, 2, 3],
      [4, 4, 4],
    ].map((row) => Float32Array.from(row)),
  );
  const wrong = { ...rows, argmax: (node: number) => rows.logits(node).lastIndexOf(Math.max(...rows.logits(node))) };
  assert.equal(emitted(exactMatch(), tree, wrong, [0]), [2, 0]);
});

test('with a processor, exact match decides after the penalty on the history of the path', () => {
  const processor = new LogitsProcessor(3, { ...NEUTRAL, repetitionPenalty: 2 });
  const tree = { tokens: Int32Array.of(0, 1), parents: Int32Array.of(-1, 0) };
  const rows = rowsOf(
    [
      [3, 4, 2.5],
      [3, 4, 2.5],
    ].map((row) => Float32Array.from(row)),
  );
  assert.equal(emitted(exactMatch(processor), tree, rows, [0]), [1, 2]);
});

/** Probability of the path to each node, given the rows above it. */
function pathProbabilities(tree: DraftTree, rows: readonly Float32Array[]): number[] {
  const probabilities = [1];
  for (let node = 1; node < tree.tokens.length; node++) {
    const parent = tree.parents[node]!;
    const weights = Array.from(rows[parent]!, Math.exp);
    const share = weights[tree.tokens[node]!]! / weights.reduce((a, b) => a + b, 0);
    probabilities.push(probabilities[parent]! * share);
  }
  return probabilities;
}

test('seed-coupled sampling emits 1 + the sum of path probabilities in the mean, for any deterministic tree (seed 1)', () => {
  const next = random(1);
  const vocab = 4;
  const runs = 20_000;
  for (let round = 0; round < 4; round++) {
    const tree = randomTree(next, 10, vocab);
    const logits = Array.from({ length: 10 }, () => randomRow(next, vocab));
    const rows = rowsOf(logits);
    const processor = new LogitsProcessor(vocab, NEUTRAL);
    const lengths = Array.from(
      { length: runs },
      (_, seed) => emitted(seedCoupled(processor, seed), tree, rows, [0]).length,
    );
    const mean = lengths.reduce((a, b) => a + b, 0) / runs;
    const variance = lengths.reduce((sum, length) => sum + (length - mean) ** 2, 0) / runs;
    const expected = pathProbabilities(tree, logits).reduce((a, b) => a + b, 0);
    assert.ok(Math.abs(mean - expected) < 4 * Math.sqrt(variance / runs), `${mean}, expected ${expected}`);
  }
});

test('the emitted law is the target law: chi-square of the first two tokens, with a tree and without (seed 2)', () => {
  const next = random(2);
  const vocab = 3;
  const first = randomRow(next, vocab);
  const second = Array.from({ length: vocab }, () => randomRow(next, vocab));
  const law = (row: Float32Array) => {
    const weights = Array.from(row, Math.exp);
    const sum = weights.reduce((a, b) => a + b, 0);
    return weights.map((weight) => weight / sum);
  };
  const processor = new LogitsProcessor(vocab, NEUTRAL);
  // Root, then two of the three tokens that can follow; the third ends the walk after one token.
  const tree = { tokens: Int32Array.of(0, 0, 2), parents: Int32Array.of(-1, 0, 0) };
  const rows = rowsOf([first, second[0]!, second[2]!]);
  const runs = 30_000;
  const counts = new Float64Array(vocab * vocab);
  for (let seed = 0; seed < runs; seed++) {
    const verifier = seedCoupled(processor, seed);
    const tokens = emitted(verifier, tree, rows, [0]);
    // Where the tree had no child, the next pass starts from the token itself: a plain step.
    if (tokens.length === 1) {
      const plain = { tokens: Int32Array.of(tokens[0]!), parents: Int32Array.of(-1) };
      tokens.push(verifier.decide(plain, 0, rowsOf([second[tokens[0]!]!]), [0, tokens[0]!]).token);
    }
    counts[tokens[0]! * vocab + tokens[1]!]!++;
  }
  let chiSquare = 0;
  law(first).forEach((p, a) => {
    law(second[a]!).forEach((q, b) => {
      chiSquare += (counts[a * vocab + b]! - runs * p * q) ** 2 / (runs * p * q);
    });
  });
  // 8 degrees of freedom: more than 26.1 comes once in a thousand times; the seeds are always the same.
  assert.ok(chiSquare < 26.1, `${chiSquare}`);
});

test('the order of nodes changes nothing in what is emitted (seed 3)', () => {
  const next = random(3);
  for (let round = 0; round < 50; round++) {
    const vocab = 4;
    const tree = randomTree(next, 12, vocab);
    const logits = Array.from({ length: 12 }, () => randomRow(next, vocab));
    const [other, places] = reordered(next, tree);
    const otherRows = rowsOf(places.map((node) => logits[node]!));
    for (const verifier of [exactMatch(), seedCoupled(new LogitsProcessor(vocab, NEUTRAL), round)]) {
      assert.equal(emitted(verifier, other, otherRows, [0]), emitted(verifier, tree, rowsOf(logits), [0]));
    }
  }
});

/** The same tree in another topological order, and which old node stands at each new place. */
function reordered(next: () => number, tree: DraftTree): [DraftTree, number[]] {
  const places = [0];
  while (places.length < tree.tokens.length) {
    const ready = [...tree.parents.keys()].filter(
      (node) => !places.includes(node) && places.includes(tree.parents[node]!),
    );
    places.push(ready[randomInt(next, ready.length)]!);
  }
  const tokens = Int32Array.from(places, (node) => tree.tokens[node]!);
  return [{ tokens, parents: Int32Array.from(places, (node) => places.indexOf(tree.parents[node]!)) }, places];
}

test('both rules say what they promise', () => {
  for (const verifier of [exactMatch(), seedCoupled(new LogitsProcessor(2, NEUTRAL), 0)]) {
    assert.is(verifier.guarantee, 'sameBits');
  }
});

test.run();
