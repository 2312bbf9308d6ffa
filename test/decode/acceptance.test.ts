/** What drafters claim, corrected by what happened. */
import { Acceptance } from '../../src/decode/acceptance.ts';
import { chain, type DraftTree } from '../../src/tree/draft-tree.ts';
import { assert, random, test } from '../harness.ts';

const SOURCES = ['first', 'second'];

/** A root and one child that claims a score. */
const claim = (score: number, source = 0): DraftTree => ({
  ...chain([0, 1]),
  scores: Float32Array.of(1, score),
  sources: Uint8Array.of(0, source),
});
const right = Int32Array.of(1, 5);
const wrong = Int32Array.of(2);

test('at first the score itself is believed', () => {
  const estimates = new Acceptance().estimate(claim(0.75), SOURCES);
  assert.equal([...estimates], [1, 0.75]);
});

test('estimates come to the truth, source by source and score by score (seed 1)', () => {
  const next = random(1);
  const acceptance = new Acceptance();
  const truths: [score: number, source: number, truth: number][] = [
    [0.9, 0, 0.5],
    [0.4, 0, 0.1],
    [0.9, 1, 0.95],
  ];
  for (let i = 0; i < 3000; i++) {
    const [score, source, truth] = truths[i % 3]!;
    acceptance.observe(claim(score, source), SOURCES, next() < truth ? right : wrong);
  }
  for (const [score, source, truth] of truths) {
    const estimate = acceptance.estimate(claim(score, source), SOURCES)[1]!;
    assert.ok(Math.abs(estimate - truth) < 0.15, `${score} of ${source}: ${estimate}, truth ${truth}`);
  }
});

test('bad news is believed sooner than good news', () => {
  const acceptance = new Acceptance();
  for (let i = 0; i < 200; i++) acceptance.observe(claim(0.9), SOURCES, right);
  for (let i = 0; i < 24; i++) acceptance.observe(claim(0.9), SOURCES, wrong);
  assert.ok(acceptance.estimate(claim(0.9), SOURCES)[1]! < 0.5);
  for (let i = 0; i < 24; i++) acceptance.observe(claim(0.9), SOURCES, right);
  const estimate = acceptance.estimate(claim(0.9), SOURCES)[1]!;
  assert.ok(estimate > 0.6 && estimate < 0.9);
});

test('only nodes below an accepted parent count: the rest was never put to the test', () => {
  const acceptance = new Acceptance();
  const tree: DraftTree = {
    tokens: Int32Array.of(0, 1, 2, 3),
    parents: Int32Array.of(-1, 0, 1, 2),
    scores: Float32Array.of(1, 0.9, 0.6, 0.3),
  };
  for (let i = 0; i < 50; i++) acceptance.observe(tree, ['x'], Int32Array.of(1, 9));
  const [, first, second, third] = acceptance.estimate(tree, ['x']);
  assert.ok(first! > 0.95);
  assert.ok(second! < 0.1);
  assert.ok(Math.abs(third! - 0.3) < 1e-6);
});

test('of equal siblings one is accepted, not both', () => {
  const acceptance = new Acceptance();
  const twins = {
    tokens: Int32Array.of(0, 1, 1),
    parents: Int32Array.of(-1, 0, 0),
    scores: Float32Array.of(1, 0.9, 0.3),
  };
  for (let i = 0; i < 50; i++) acceptance.observe(twins, ['x'], right);
  const [, first, second] = acceptance.estimate(twins, ['x']);
  assert.ok(first! > 0.9 && second! < 0.1);
});

test('estimates go by name, so they outlive the numbering of one generation', () => {
  const acceptance = new Acceptance();
  for (let i = 0; i < 50; i++) acceptance.observe(claim(0.9, 1), SOURCES, wrong);
  assert.ok(acceptance.estimate(claim(0.9, 0), ['second'])[1]! < 0.2);
});

test.run();
