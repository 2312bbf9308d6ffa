import { assert, note, random, test } from '../harness.ts';
import { trainingHost } from '../kernels/kernel-host.ts';
import { ulp } from '../kernels/ulp.ts';

const { logarithm } = trainingHost().kernels;

/** Largest error over n numbers of 2^low..2^high, in units of the last place of the result, or of 1 where that is small. */
function largestError(seed: number, n: number, low: number, high: number): number {
  const next = random(seed);
  let largest = 0;
  for (let i = 0; i < n; i++) {
    const x = Math.fround(2 ** (low + (high - low) * next()));
    const want = Math.log(x);
    largest = Math.max(largest, Math.abs(logarithm!(x) - want) / ulp(want));
  }
  return largest;
}

test('the logarithm is within 2 ULP over all normal numbers, and near 1 (seeds 1, 2)', () => {
  const [all, near] = [largestError(1, 200_000, -126, 127), largestError(2, 100_000, -1, 1)];
  note(`logarithm: ${all.toFixed(2)} ULP at most, ${near.toFixed(2)} near 1`);
  assert.ok(all < 2 && near < 2, `${all}, ${near}`);
});

test('it is exact at 1, and finite at 0 and below the normal numbers', () => {
  assert.is(logarithm!(1), 0);
  for (const x of [0, 1e-45, 1.1e-38]) assert.ok(Math.abs(logarithm!(x) - Math.log(2 ** -126)) < 1e-4);
});

test.run();
