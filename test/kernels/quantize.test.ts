import { assert, firstDifference, random, randomFloats, test } from '../harness.ts';
import { kernelHost } from './kernel-host.ts';
import { quantize } from './quantize.twin.ts';
import { randomShapes } from './rows.ts';

/** Quantises rows from..to - 1 of x over sentinels. */
function run(x: Float32Array, dim: number, from = 0, to = x.length / dim): { q: Int16Array; scales: Float32Array } {
  const host = kernelHost();
  const q = host.place(new Int16Array(x.length).fill(999));
  const scales = host.place(new Float32Array(x.length / 32).fill(999));
  host.kernels.quantizeRows!(q, scales, host.place(x), dim, from, to);
  return { q: host.shorts(q, x.length), scales: host.floats(scales, x.length / 32) };
}

/** A block of 32 that begins with the values given. */
function block(...values: number[]): Float32Array {
  const x = new Float32Array(32);
  x.set(values);
  return x;
}

test('rows have the bits of the twin, whatever their scale (seed 1)', () => {
  const next = random(1);
  for (const [rows, dim] of randomShapes(1, 32, 8)) {
    const x = randomFloats(next, rows * dim).map((value) => value * 10 ** (20 * next() - 10));
    const got = run(x, dim);
    const want = quantize(x);
    assert.equal(got.q, want.q, `${rows} x ${dim}`);
    assert.is(firstDifference(got.scales, want.scales), -1, `${rows} x ${dim}`);
  }
});

test('the largest value becomes 127 and halves go to the even neighbour', () => {
  const { q, scales } = run(block(127, 0.5, -0.5, 1.5, -1.5, 2.5, -2.5, 126.5, -126.5, 0.49, -127), 32);
  assert.equal([...q.subarray(0, 12)], [127, 0, 0, 2, -2, 2, -2, 126, -126, 0, -127, 0]);
  assert.equal([...scales], [1]);
});

test('a block of zeros, or of values below 2^-100, has the scale 0', () => {
  for (const x of [block(0), block(-0, 0), block(2 ** -101, -(2 ** -149)), block(2 ** -100 - 2 ** -124)]) {
    const { q, scales } = run(x, 32);
    assert.ok(q.every((value) => value === 0));
    assert.equal([...scales], [0]);
  }
  assert.is(run(block(2 ** -100), 32).q[0], 127);
});

test('the largest finite values stay within -127..127', () => {
  const { q, scales } = run(block(3.4028234663852886e38, -3.4028234663852886e38), 32);
  assert.equal([...q.subarray(0, 3)], [127, -127, 0]);
  assert.ok(Number.isFinite(scales[0]!));
});

test('every value is within half a scale, and a step more is seen (seed 2)', () => {
  const x = randomFloats(random(2), 32 * 200);
  const { q, scales } = run(x, 64);
  const worst = () => Math.max(...x.map((value, i) => Math.abs(value / scales[i >> 5]! - q[i]!)));
  assert.ok(worst() <= 0.5 + 127 * 2 ** -22, `${worst()}`); // two roundings of values up to 127
  q[77]! += 1;
  assert.ok(worst() > 0.5 + 127 * 2 ** -22);
});

test('only the rows asked for are written, and a row does not see its neighbours (seed 3)', () => {
  const x = randomFloats(random(3), 5 * 64);
  const all = run(x, 64);
  const some = run(x, 64, 1, 3);
  for (let row = 0; row < 5; row++) {
    const asked = row === 1 || row === 2;
    assert.equal(
      some.q.subarray(row * 64, row * 64 + 64),
      asked ? all.q.subarray(row * 64, row * 64 + 64) : new Int16Array(64).fill(999),
    );
    assert.equal(
      [...some.scales.subarray(row * 2, row * 2 + 2)],
      asked ? [...all.scales.subarray(row * 2, row * 2 + 2)] : [999, 999],
    );
  }
});

test('rounding halves away from zero is seen (planted fault)', () => {
  const x = block(127, 0.5, 2.5);
  const away = quantize(x).q.map((_, i) => Math.sign(x[i]!) * Math.floor(Math.abs(x[i]!) + 0.5));
  assert.not.equal(run(x, 32).q, away);
});

test.run();
