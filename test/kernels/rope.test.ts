import { assert, firstDifference, random, randomFloats, randomInt, test } from '../harness.ts';
import { type KernelHost, kernelHost } from './kernel-host.ts';
import { type Pairing, rope, ropeTable } from './rope.twin.ts';
import { largestUlpError, relativeError } from './ulp.ts';

const PAIRINGS: Pairing[] = ['halves', 'interleaved'];

/** @returns address of the table (rows, 2, half) of these positions */
function placeTable(host: KernelHost, positions: Int32Array, frequencies: Float32Array, scale = 1): number {
  const rows = positions.length;
  const half = frequencies.length;
  const table = host.place(new Float32Array(rows * 2 * half));
  host.kernels.ropeTable!(table, host.place(positions), host.place(frequencies), half, scale, 0, rows);
  return table;
}

test('the table has the bits of its twin for positions up to 100000 (seed 1)', () => {
  const next = random(1);
  const host = kernelHost();
  const positions = Int32Array.from({ length: 64 }, (_, i) => (i < 8 ? i : randomInt(next, 100_000)));
  const frequencies = Float32Array.from({ length: 40 }, (_, i) => (i === 0 ? 1 : next() ** 4));
  const got = host.floats(placeTable(host, positions, frequencies), 64 * 80);
  const want = Float32Array.from([...positions].flatMap((position) => [...ropeTable(position, frequencies)]));
  assert.is(firstDifference(got, want), -1);
});

test('a scaled table has the bits of its twin, whatever the number of pairs (seed 6)', () => {
  const next = random(6);
  const scale = Math.fround(1.19);
  for (const half of [1, 3, 6, 40]) {
    const host = kernelHost();
    const frequencies = randomFloats(next, half, 0.3);
    const got = host.floats(placeTable(host, Int32Array.of(3, 900), frequencies, scale), 4 * half);
    const want = Float32Array.from([3, 900].flatMap((position) => [...ropeTable(position, frequencies, scale)]));
    assert.is(firstDifference(got, want), -1);
  }
});

test('cosine and sine are within 0.51 ULP of the f64 value for angles up to 100000', () => {
  const host = kernelHost();
  for (const frequency of [1, 0.7, 1e-3, Math.PI / 2, Math.PI]) {
    const positions = Int32Array.from({ length: 20_000 }, (_, i) => i * 5);
    const frequencies = Float32Array.of(frequency);
    const table = host.floats(placeTable(host, positions, frequencies), positions.length * 2);
    const angles = [...positions].map((position) => Math.fround(position * frequencies[0]!));
    const want = angles.flatMap((angle) => [Math.cos(angle), Math.sin(angle)]);
    const error = largestUlpError(table, want);
    assert.ok(error < 0.51, `${error} ULP at frequency ${frequency}`);
  }
});

test('heads turn with the bits of the twin, both pairings, full and partial, any stride (seed 2)', () => {
  const next = random(2);
  for (let round = 0; round < 40; round++) {
    const host = kernelHost();
    const [rows, heads, headDim] = [1 + randomInt(next, 9), 1 + randomInt(next, 5), 4 * (1 + randomInt(next, 9))];
    const half = 1 + randomInt(next, headDim / 2);
    const stride = heads * headDim + randomInt(next, 7);
    const pairing = PAIRINGS[round % 2]!;
    const positions = Int32Array.from({ length: rows }, () => randomInt(next, 5000));
    const frequencies = randomFloats(next, half, 0.3);
    const x = randomFloats(next, rows * stride);
    const address = host.place(x);
    host.kernels.rope!(
      address,
      placeTable(host, positions, frequencies),
      rows,
      headDim,
      half,
      stride,
      round % 2,
      0,
      heads,
    );

    const want = x.slice(); // what lies between the rows stays as it is
    positions.forEach((position, row) => {
      for (let head = 0; head < heads; head++) {
        const from = row * stride + head * headDim;
        want.set(rope(x.subarray(from, from + headDim), ropeTable(position, frequencies), pairing), from);
      }
    });
    assert.is(
      firstDifference(host.floats(address, x.length), want),
      -1,
      `${rows} x ${heads} x ${headDim}, half ${half}, ${pairing}`,
    );
  }
});

test('a turned pair is within 2e-7 of complex multiplication in f64 (seed 3)', () => {
  const next = random(3);
  const host = kernelHost();
  const frequencies = Float32Array.of(1, 0.1, 0.01, 0.001);
  const x = randomFloats(next, 8);
  const address = host.place(x);
  host.kernels.rope!(address, placeTable(host, Int32Array.of(777), frequencies), 1, 8, 4, 8, 1, 0, 1);
  const want = Array.from(frequencies).flatMap((frequency, i) => {
    const [a, b] = [x[2 * i]!, x[2 * i + 1]!];
    const angle = Math.fround(777 * frequency);
    return [a * Math.cos(angle) - b * Math.sin(angle), b * Math.cos(angle) + a * Math.sin(angle)];
  });
  assert.ok(relativeError(host.floats(address, 8), want) < 2e-7);
});

test('only the heads asked for turn', () => {
  const host = kernelHost();
  const address = host.place(new Float32Array(3 * 4).fill(1));
  host.kernels.rope!(address, placeTable(host, Int32Array.of(9), Float32Array.of(1, 0.5)), 1, 4, 2, 12, 0, 1, 2);
  const turned = Array.from(host.floats(address, 12), (value) => value !== 1);
  assert.equal(turned, [...[false, false, false, false], ...[true, true, true, true], ...[false, false, false, false]]);
});

test('the other pairing, and a slot in place of the position, are seen (planted faults, seed 4)', () => {
  const next = random(4);
  const host = kernelHost();
  const head = randomFloats(next, 8);
  const frequencies = Float32Array.of(1, 0.1, 0.01, 0.001);
  const address = host.place(head);
  host.kernels.rope!(address, placeTable(host, Int32Array.of(12), frequencies), 1, 8, 4, 8, 0, 0, 1);
  const got = host.floats(address, 8);
  assert.is(firstDifference(got, rope(head, ropeTable(12, frequencies), 'halves')), -1);
  assert.is.not(firstDifference(got, rope(head, ropeTable(12, frequencies), 'interleaved')), -1);
  assert.is.not(firstDifference(got, rope(head, ropeTable(13, frequencies), 'halves')), -1);
});

test.run();
