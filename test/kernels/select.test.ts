import { assert, random, randomFloats, randomInt, test } from '../harness.ts';
import { kernelHost } from './kernel-host.ts';
import { topK } from './select.twin.ts';

function runArgmax(x: Float32Array, dim: number): number[] {
  const host = kernelHost();
  const rows = x.length / dim;
  const ids = host.place(new Int32Array(rows));
  host.kernels.argmax!(ids, host.place(x), dim, 0, rows);
  return [...host.ints(ids, rows)];
}

function runTopK(x: Float32Array, dim: number, k: number): number[] {
  const host = kernelHost();
  const rows = x.length / dim;
  const ids = host.place(new Int32Array(rows * k));
  host.kernels.topK!(ids, host.place(x), dim, k, 0, rows);
  return [...host.ints(ids, rows * k)];
}

/** Rows laid one after the other. */
function rowsOf(x: Float32Array, dim: number): Float32Array[] {
  return Array.from({ length: x.length / dim }, (_, row) => x.subarray(row * dim, (row + 1) * dim));
}

/** Values in small whole steps, so that many are equal. */
function coarse(next: () => number, n: number): Float32Array {
  return randomFloats(next, n, 3).map(Math.round);
}

test('argmax and top-k agree with sorting, at every length from 1 to 70, ties included (seed 1)', () => {
  const next = random(1);
  for (let dim = 1; dim <= 70; dim++) {
    for (const x of [randomFloats(next, 3 * dim), coarse(next, 3 * dim)]) {
      const k = 1 + randomInt(next, Math.min(dim, 64));
      assert.equal(
        runArgmax(x, dim),
        rowsOf(x, dim).flatMap((row) => topK(row, 1)),
        `argmax of ${dim}`,
      );
      assert.equal(
        runTopK(x, dim, k),
        rowsOf(x, dim).flatMap((row) => topK(row, k)),
        `top ${k} of ${dim}`,
      );
    }
  }
});

test('a whole vocabulary: random, rising, falling, all equal (seed 2)', () => {
  const next = random(2);
  const dim = 49_153;
  const rising = Float32Array.from({ length: dim }, (_, id) => id / 7);
  for (const x of [
    randomFloats(next, dim),
    coarse(next, dim),
    rising,
    rising.map((value) => -value),
    new Float32Array(dim),
  ]) {
    assert.equal(runArgmax(x, dim), topK(x, 1));
    for (const k of [1, 2, 8, 64]) assert.equal(runTopK(x, dim, k), topK(x, k));
  }
});

test('negative and masked (-Infinity) rows have a largest value too', () => {
  const x = Float32Array.of(-Infinity, -9, -Infinity, -5, -7, -Infinity);
  assert.equal(runArgmax(x, 6), [3]);
  assert.equal(runTopK(x, 6, 6), [3, 4, 1, 0, 2, 5]);
  assert.equal(runArgmax(new Float32Array(9).fill(-Infinity), 9), [0]);
});

test('a tie given to the highest id is seen (planted fault)', () => {
  const x = Float32Array.of(1, 4, 0, 4, 2, 4);
  const highest = [...x].lastIndexOf(4);
  assert.is.not(runArgmax(x, 6)[0], highest);
  assert.equal(runTopK(x, 6, 3), [1, 3, 5]);
});

test('argmax of a row of NaN stays inside the row', () => {
  const [id] = runArgmax(new Float32Array(10).fill(NaN), 10);
  assert.ok(id! >= 0 && id! < 10);
});

test.run();
