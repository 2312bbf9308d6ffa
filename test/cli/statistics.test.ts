import {
  bootstrap,
  bootstrapGroups,
  median,
  type Pair,
  quantile,
  speedUpOfRounds,
  speedUpOfTotals,
} from '../../src/cli/statistics.ts';
import { assert, random, test } from '../harness.ts';

test('median and quantiles are linear between neighbours and leave their input alone', () => {
  const values = [3, 1, 2, 10];
  assert.is(median(values), 2.5);
  assert.is(median([7]), 7);
  assert.is(quantile(values, 0), 1);
  assert.is(quantile(values, 1), 10);
  assert.is(quantile([0, 10], 0.25), 2.5);
  assert.equal(values, [3, 1, 2, 10]);
});

test('a speed-up is plain time over the other time', () => {
  const pairs: Pair[] = [
    { plainMs: 10, otherMs: 5 },
    { plainMs: 30, otherMs: 10 },
    { plainMs: 20, otherMs: 9 },
  ];
  assert.is(speedUpOfRounds(pairs), 20 / 9);
  assert.is(speedUpOfTotals(pairs), 60 / 24);
  // A machine that slows down in whole rounds, and once between the two ways.
  const drifting = [1, 4, 1, 4, 1].map((slower) => ({ plainMs: 10 * slower, otherMs: 5 * slower }));
  drifting[2] = { plainMs: 10, otherMs: 20 };
  assert.is(speedUpOfRounds(drifting), 2);
});

test('the bootstrap interval covers the true mean about as often as it says (seed 3)', () => {
  const next = random(3);
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  let covered = 0;
  for (let trial = 0; trial < 200; trial++) {
    const values = Array.from({ length: 30 }, () => next() + next() + next());
    const { low, high, estimate } = bootstrap(values, mean, { draws: 400, seed: trial });
    assert.ok(low <= estimate && estimate <= high);
    if (low <= 1.5 && 1.5 <= high) covered++;
  }
  assert.ok(covered >= 175 && covered <= 199, `${covered} of 200`); // 95% is 190; three deviations are 9, and 30 samples cost a little
});

test('the same measurements give the same interval, another seed another one', () => {
  const values = Array.from({ length: 9 }, (_, i) => i * i);
  const interval = (seed: number) => bootstrap(values, median, { seed });
  assert.equal(interval(1), interval(1));
  const sum = (list: readonly number[]) => list.reduce((total, value) => total + value, 0);
  assert.not.equal(bootstrap(values, sum, { seed: 1, draws: 50 }), bootstrap(values, sum, { seed: 2, draws: 50 }));
});

test('every draw of groups has samples of every group, and one group is what bootstrap draws', () => {
  const groups = [[1, 2, 3], [10], [100, 200]];
  const seen = new Set<string>();
  const first = (list: readonly number[]) => list[0]!;
  bootstrapGroups(groups, (drawn) => {
    assert.ok(drawn.every((samples, i) => samples.length === groups[i]!.length));
    assert.ok(drawn.every((samples, i) => samples.every((sample) => groups[i]!.includes(sample))));
    seen.add(drawn.map(first).join());
    return drawn.length;
  });
  assert.is(seen.size, 6, 'each first sample of each group comes with each of the others');
  const values = [3, 1, 4, 1, 5];
  assert.equal(
    bootstrapGroups([values], ([only]) => median(only!)),
    bootstrap(values, median),
  );
});

test.run();
