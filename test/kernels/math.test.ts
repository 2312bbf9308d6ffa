import { assert, firstDifference, random, test } from '../harness.ts';
import { kernelHost } from './kernel-host.ts';
import { exp, tanh } from './math.twin.ts';
import { largestUlpError } from './ulp.ts';

const host = kernelHost();
const COUNT = 200_000;
const input = host.place(new Float32Array(COUNT));
const output = host.place(new Float32Array(COUNT));

function run(kernel: string, x: Float32Array): Float32Array {
  host.write(input, x);
  host.kernels[kernel]!(output, input, x.length);
  return host.floats(output, x.length);
}

/** Values from `low` to `high` at even distances that are no f32 multiple of anything, and the ends themselves. */
function sweep(low: number, high: number): Float32Array {
  return Float32Array.from({ length: COUNT }, (_, i) => low + ((high - low) * i) / (COUNT - 1));
}

test('exp has the bits of its twin over -104..88 and beyond', () => {
  for (const x of [sweep(-104, 88), sweep(-0.4, 0.4), sweep(-87.4, -87.2), Float32Array.of(-1e30, -1e4, 89, 1e30)]) {
    assert.is(firstDifference(run('exponential', x), x.map(exp)), -1);
  }
});

test('exp is within 1 ULP of the f64 value where that is at least exp(-87.33), and 0 below', () => {
  for (const x of [sweep(-87.33, 88), sweep(-0.7, 0.7)]) {
    const error = largestUlpError(run('exponential', x), Array.from(x, Math.exp));
    assert.ok(error < 1, `${error} ULP`);
  }
  assert.ok(run('exponential', sweep(-104, -87.331)).every((value) => value === 0));
});

test('exp stays finite above its range', () => {
  const [atTheEnd, beyond] = run('exponential', Float32Array.of(88, 1e30, 0, 0));
  assert.is(beyond, atTheEnd);
  assert.ok(Number.isFinite(beyond!));
});

test('tanh has the bits of its twin', () => {
  for (const x of [sweep(-12, 12), sweep(-0.63, 0.63), sweep(-1e-6, 1e-6), Float32Array.of(-1e30, 1e30, 50, -50)]) {
    assert.is(firstDifference(run('hyperbolicTangent', x), x.map(tanh)), -1);
  }
});

test('tanh is within 2 ULP of the f64 value', () => {
  for (const x of [sweep(-12, 12), sweep(-0.7, 0.7), sweep(1e-9, 1e-3)]) {
    const error = largestUlpError(run('hyperbolicTangent', x), Array.from(x, Math.tanh));
    assert.ok(error < 2, `${error} ULP`);
  }
});

test('a polynomial with one coefficient rounded differently is seen (planted fault, seed 1)', () => {
  const next = random(1);
  const x = Float32Array.from({ length: 1024 }, () => next() * 20 - 10);
  const faulty = x.map((value) => Math.fround(exp(value) * (1 + 2 ** -23)));
  assert.is.not(firstDifference(run('exponential', x), faulty), -1);
  assert.ok(largestUlpError(faulty, Array.from(x, Math.exp)) > 1);
});

test.run();
