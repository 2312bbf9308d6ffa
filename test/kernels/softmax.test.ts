import { assert, firstDifference, random, randomFloats, test } from '../harness.ts';
import { kernelHost } from './kernel-host.ts';
import { mapRows } from './rows.ts';
import { softmax } from './softmax.twin.ts';
import { relativeError } from './ulp.ts';

function topOf(x: Float32Array): number {
  return x.reduce((a, b) => Math.max(a, b));
}

function run(x: Float32Array, dim: number): Float32Array {
  const host = kernelHost();
  const address = host.place(x);
  host.kernels.softmax!(address, dim, 0, x.length / dim);
  return host.floats(address, x.length);
}

test('softmax has the bits of its twin at every length from 1 to 40, rows side by side (seed 1)', () => {
  const next = random(1);
  for (let dim = 1; dim <= 40; dim++) {
    const x = randomFloats(next, 3 * dim, 10);
    assert.is(firstDifference(run(x, dim), mapRows(x, dim, softmax)), -1, `length ${dim}`);
  }
  const long = randomFloats(next, 49_155, 4);
  assert.is(firstDifference(run(long, long.length), softmax(long)), -1);
});

test('softmax is within 1e-6 of the f64 value, relative to the largest, up to 1000 elements, and 3e-5 at 50000 (seed 2)', () => {
  const next = random(2);
  for (const dim of [1, 7, 1000, 50_000]) {
    const x = randomFloats(next, dim, 5);
    const top = topOf(x);
    const terms = Array.from(x, (value) => Math.exp(value - top));
    const sum = terms.reduce((a, b) => a + b);
    const error = relativeError(
      run(x, dim),
      terms.map((term) => term / sum),
    );
    assert.ok(error < (dim <= 1000 ? 1e-6 : 3e-5), `${error} at length ${dim}`);
  }
});

test('a value far below the largest becomes exactly 0', () => {
  assert.equal(Array.from(run(Float32Array.of(0, -88, -1e30, 0, -1e4), 5)), [0.5, 0, 0, 0.5, 0]);
});

test('only the rows asked for change', () => {
  const host = kernelHost();
  const address = host.place(new Float32Array(15).fill(2));
  host.kernels.softmax!(address, 5, 1, 2);
  const changed = Array.from({ length: 3 }, (_, row) =>
    host.floats(address + row * 20, 5).some((value) => value !== 2),
  );
  assert.equal(changed, [false, true, false]);
});

test('a sum in plain order instead of lanes is seen (planted fault, seed 3)', () => {
  const x = randomFloats(random(3), 1001, 3);
  const inOrder = (n: number, term: (i: number) => number) => {
    let sum = 0;
    for (let i = 0; i < n; i++) sum = Math.fround(sum + term(i));
    return sum;
  };
  assert.is.not(firstDifference(run(x, 1001), softmax(x, inOrder)), -1);
});

test.run();
