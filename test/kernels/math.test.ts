import { assert, firstDifference, random, test } from '../harness.ts';
import { kernelHost } from './kernel-host.ts';
import { exp, laneSum } from './math.twin.ts';
import { largestUlpError } from './ulp.ts';

const host = kernelHost();
const COUNT = 200_000;
const input = host.place(new Float32Array(COUNT));
const output = host.place(new Float32Array(COUNT));

function runExp(x: Float32Array, shift = 0): Float32Array {
  host.write(input, x);
  host.kernels.exponentials!(output, input, x.length, shift);
  return host.floats(output, x.length);
}

/** COUNT values from `low` to `high`, both included. */
function sweep(low: number, high: number): Float32Array {
  return Float32Array.from({ length: COUNT }, (_, i) => low + ((high - low) * i) / (COUNT - 1));
}

test('exp has the bits of its twin over -104..88 and beyond', () => {
  for (const x of [sweep(-104, 88), sweep(-0.4, 0.4), sweep(-87.4, -87.2), Float32Array.of(-1e30, -1e4, 89, 1e30)]) {
    assert.is(firstDifference(runExp(x), x.map(exp)), -1);
  }
});

test('exp is within 1 ULP of the f64 value where that is at least exp(-87.33), and 0 below', () => {
  for (const x of [sweep(-87.33, 88), sweep(-0.7, 0.7)]) {
    const error = largestUlpError(runExp(x), Array.from(x, Math.exp));
    assert.ok(error < 1, `${error} ULP`);
  }
  assert.ok(runExp(sweep(-104, -87.331)).every((value) => value === 0));
});

test('exp stays finite above its range', () => {
  const [atTheEnd, beyond] = runExp(Float32Array.of(88, 1e30));
  assert.is(beyond, atTheEnd);
  assert.ok(Number.isFinite(beyond!));
});

test('a shift is subtracted first, and the sum of all elements is returned, at any length (seed 1)', () => {
  const next = random(1);
  for (let length = 1; length <= 21; length++) {
    const x = Float32Array.from({ length }, () => next() * 20 - 10);
    const want = x.map((value) => exp(Math.fround(value - 3.5)));
    assert.is(firstDifference(runExp(x, 3.5), want), -1, `length ${length}`);
    host.write(input, x);
    const sum = host.kernels.exponentials!(input, input, length, 3.5);
    assert.is(
      sum,
      laneSum(length, (i) => want[i]!),
    );
    assert.is(firstDifference(host.floats(input, length), want), -1, 'in place');
  }
});

test('an error of one unit in the last place is seen (planted fault, seed 2)', () => {
  const next = random(2);
  const x = Float32Array.from({ length: 1024 }, () => next() * 20 - 10);
  const faulty = x.map((value) => exp(value) * (1 + 2 ** -23));
  assert.is.not(firstDifference(runExp(x), faulty), -1);
  assert.ok(largestUlpError(faulty, Array.from(x, Math.exp)) > 1);
});

test.run();
