/** The cost curve: scaled, corrected, undisturbed. */
import { fixedCosts, PassCosts } from '../../src/decode/pass-costs.ts';
import { SteadyMean } from '../../src/decode/steady-mean.ts';
import { assert, random, test } from '../harness.ts';

const rising = (curve: Float64Array): boolean => curve.every((cost, n) => n < 2 || cost >= curve[n - 1]!);

test('before any measurement the curve is the shipped shape with T(1) = 1, and times mean nothing', () => {
  const costs = new PassCosts(64);
  assert.is(costs.curve[1], 1);
  assert.ok(rising(costs.curve));
  costs.observeDraft(5);
  assert.is(costs.draftShare, 0);
});

test('one measured pass scales the whole curve', () => {
  const shape = new PassCosts(64).curve.slice();
  for (const n of [1, 7, 16, 64]) {
    const costs = new PassCosts(64);
    costs.observe(n, 3 * shape[n]!);
    for (let i = 1; i <= 64; i++) assert.ok(Math.abs(costs.curve[i]! / shape[i]! - 3) < 1e-9, `T(${i})`);
  }
});

test('measured passes bring the curve to the truth, also where none were measured (seed 1)', () => {
  const next = random(1);
  const truth = (n: number) => 4 + n;
  const costs = new PassCosts(64);
  for (let i = 0; i < 300; i++) {
    const n = [1, 2, 4, 8, 24, 40][i % 6]!;
    costs.observe(n, truth(n) * (0.95 + 0.1 * next()));
  }
  for (const n of [1, 2, 4, 8, 24, 40]) assert.ok(Math.abs(costs.curve[n]! / truth(n) - 1) < 0.12, `T(${n})`);
  for (const n of [3, 6, 16, 32, 64]) assert.ok(Math.abs(costs.curve[n]! / truth(n) - 1) < 0.3, `T(${n})`);
  assert.ok(rising(costs.curve));
});

test('a disturbed measurement moves the curve little, a changed machine moves it in the end', () => {
  const costs = new PassCosts(64);
  for (let i = 0; i < 10; i++) costs.observe(1, 2);
  costs.observe(1, 200);
  assert.ok(costs.curve[1]! < 2.2);
  for (let i = 0; i < 40; i++) costs.observe(1, 6);
  assert.ok(Math.abs(costs.curve[1]! - 6) < 0.2);
});

test('a clock that stands still teaches nothing', () => {
  const costs = new PassCosts(8);
  const before = costs.curve.slice();
  assert.is(costs.observe(4, 0), before[4]);
  assert.equal(costs.curve, before);
  assert.is(costs.draftShare, 0);
});

test('drafting is measured in plain steps', () => {
  const costs = new PassCosts(8);
  costs.observe(1, 4);
  costs.observeDraft(0.5);
  assert.is(costs.draftShare, 0.125);
});

test('an injected table is taken as it is, its last step goes on, and time changes nothing', () => {
  const { curve, ...costs } = fixedCosts([NaN, 1, 1.5, 2.5], 6);
  assert.equal([...curve], [0, 1, 1.5, 2.5, 3.5, 4.5, 5.5]);
  assert.is(costs.observe(2, 1000), 1.5);
  assert.is(costs.draftShare, 0);
  assert.equal([...fixedCosts([0, 2], 3).curve], [0, 2, 4, 6]);
  assert.equal([...fixedCosts([0, 3, 2, 1], 4).curve], [0, 3, 2, 1, 1]);
});

test('a steady mean believes the least of its first samples and is not carried away by single ones', () => {
  const mean = new SteadyMean();
  assert.is(mean.value, 0);
  for (const sample of [50, 2, 9]) mean.add(sample);
  assert.is(mean.value, 2);
  mean.add(1000);
  assert.is(mean.value, 2 + (3 - 2) / 4);
  assert.is(mean.weight, 4);
});

test.run();
