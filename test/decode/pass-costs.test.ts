/** The cost curve: scaled, corrected, undisturbed. */
import { fixedCosts, PassCosts } from '../../src/decode/pass-costs.ts';
import { SteadyMean } from '../../src/decode/steady-mean.ts';
import { assert, random, test } from '../harness.ts';

const rising = (curve: Float64Array): boolean => curve.every((cost, n) => n < 2 || cost >= curve[n - 1]!);

test('before any measurement the curve is near the shipped shape in units of T(1), and times mean nothing', () => {
  const costs = new PassCosts(64);
  assert.ok(Math.abs(costs.curve[1]! - 1) < 0.2);
  assert.ok(rising(costs.curve));
  assert.is(costs.share(5), 0);
});

test('one measured pass scales the whole curve', () => {
  const shape = new PassCosts(64).curve.slice();
  for (const n of [1, 7, 16, 64]) {
    const costs = new PassCosts(64);
    costs.observe(n, 3 * shape[n]!);
    for (let i = 1; i <= 64; i++) assert.ok(Math.abs(costs.curve[i]! / shape[i]! - 3) < 0.3, `T(${i}) after T(${n})`);
  }
});

/** How far the ratios T(n) / T(1) of the curve are from the true ones at worst, up to twice the largest size that was measured. */
function worstRatio(costs: PassCosts, truth: (n: number) => number): number {
  let worst = 1;
  for (const n of [2, 3, 4, 6, 8, 12, 16, 24]) {
    const ratio = costs.curve[n]! / costs.curve[1]! / (truth(n) / truth(1));
    worst = Math.max(worst, ratio, 1 / ratio);
  }
  return worst;
}

test('a few sizes measured bring the whole curve to the truth, flatter or steeper than shipped (seed 1)', () => {
  const next = random(1);
  for (const truth of [(n: number) => 2 + 0.1 * n, (n: number) => 1 + n, (n: number) => 3 * n]) {
    const costs = new PassCosts(64);
    for (let i = 0; i < 200; i++) {
      const n = [1, 1, 1, 2, 6, 12][i % 6]!;
      costs.observe(n, truth(n) * (0.9 + 0.2 * next()));
    }
    assert.ok(worstRatio(costs, truth) < 1.3, `${worstRatio(costs, truth)}`);
    assert.ok(Math.abs(costs.curve[1]! / truth(1) - 1) < 0.15);
    assert.ok(rising(costs.curve));
  }
});

test('a machine that becomes slower changes the pace, and the ratios little', () => {
  const truth = (n: number) => 1 + 0.5 * n;
  const costs = new PassCosts(64);
  for (let i = 0; i < 200; i++) costs.observe([1, 4, 12][i % 3]!, truth([1, 4, 12][i % 3]!));
  for (let i = 0; i < 200; i++) costs.observe(1, 3 * truth(1));
  assert.ok(Math.abs(costs.curve[1]! / truth(1) - 3) < 0.3);
  assert.ok(worstRatio(costs, truth) < 1.6, `${worstRatio(costs, truth)}`);
});

test('a size that was measured in a bad moment is believed cheaper again in time', () => {
  const truth = (n: number) => 1 + 0.4 * n;
  const costs = new PassCosts(64);
  for (let i = 0; i < 50; i++) costs.observe(1, truth(1));
  const before = costs.curve[8]!;
  costs.observe(8, 10 * truth(8));
  assert.ok(costs.curve[8]! > 1.5 * before);
  const after = costs.curve[8]!;
  for (let i = 0; i < 200; i++) costs.observe(1, truth(1));
  assert.ok(costs.curve[8]! - before < (after - before) / 4);
});

test('a clock that stands still teaches nothing', () => {
  const costs = new PassCosts(8);
  const before = costs.curve.slice();
  assert.is(costs.observe(4, 0), before[4]);
  assert.equal(costs.curve, before);
  assert.is(costs.share(5), 0);
});

test('times are told in plain steps', () => {
  const costs = new PassCosts(8);
  costs.observe(1, 4);
  assert.ok(Math.abs(costs.share(0.5) - 0.125) < 1e-9);
});

test('an injected table is taken as it is, its last step goes on, and time changes nothing', () => {
  const { curve, ...costs } = fixedCosts([NaN, 1, 1.5, 2.5], 6);
  assert.equal([...curve], [0, 1, 1.5, 2.5, 3.5, 4.5, 5.5]);
  assert.is(costs.observe(2, 1000), 1.5);
  assert.is(costs.share(5), 0);
  assert.equal([...fixedCosts([0, 2], 3).curve], [0, 2, 4, 6]);
  assert.equal([...fixedCosts([0, 3, 2, 1], 4).curve], [0, 3, 2, 1, 1]);
});

test('a steady mean believes the least of its first samples and is not carried away by single ones', () => {
  const mean = new SteadyMean();
  assert.is(mean.value, 0);
  for (const sample of [50, 2, 9]) mean.add(sample);
  assert.is(mean.value, 2);
  mean.add(1000);
  assert.is(mean.value, 2 + (8 - 2) / 4);
});

test.run();
