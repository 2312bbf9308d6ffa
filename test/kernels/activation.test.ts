import { assert, firstDifference, random, randomFloats, randomInt, test } from '../harness.ts';
import { gelu, geluErf, silu, softCap } from './activation.twin.ts';
import { kernelHost } from './kernel-host.ts';
import { randomShapes } from './rows.ts';

const GATES = { siluGate: silu, geluGate: gelu, geluErfGate: geluErf };

/** out (rows, dim) of a gate over rows of gate, up, and `gap` numbers of something else. */
function runGate(
  kernel: string,
  x: Float32Array,
  rows: number,
  dim: number,
  stride: number,
  gated = true,
): Float32Array {
  const host = kernelHost();
  const gate = host.place(x);
  const out = host.place(new Float32Array(rows * dim));
  host.kernels[kernel]!(out, gate, gated ? gate + dim * 4 : 0, rows, dim, stride, 0, dim);
  return host.floats(out, rows * dim);
}

for (const [kernel, activation] of Object.entries(GATES)) {
  test(`${kernel} has the bits of its twin, with a gate and without (seed 1)`, () => {
    const next = random(1);
    for (const [rows, dim] of randomShapes(1, 4, 30)) {
      const stride = 2 * dim + randomInt(next, 5);
      const x = randomFloats(next, rows * stride, 20);
      for (const gated of [true, false]) {
        const want = Float32Array.from({ length: rows * dim }, (_, i) => {
          const from = Math.floor(i / dim) * stride + (i % dim);
          return activation(x[from]!) * (gated ? x[from + dim]! : 1);
        });
        assert.is(firstDifference(runGate(kernel, x, rows, dim, stride, gated), want), -1, `${rows} x ${dim} ${gated}`);
      }
    }
  });
}

/** The largest error of an activation over -30..30, relative to max(1, |x|). */
function largestError(kernel: string, exact: (x: number) => number): number {
  const COUNT = 12_000;
  const x = Float32Array.from({ length: COUNT }, (_, i) => (i / COUNT - 0.5) * 60);
  const got = runGate(kernel, Float32Array.from([...x, ...new Float32Array(COUNT).fill(1)]), 1, COUNT, 2 * COUNT);
  return Math.max(...Array.from(got, (value, i) => Math.abs(value - exact(x[i]!)) / Math.max(1, Math.abs(x[i]!))));
}

/** erf x by its Taylor series, in f64; |x| up to 5. */
function erf(x: number): number {
  let [sum, term] = [0, x];
  for (let n = 0; n < 200; n++) {
    sum += term / (2 * n + 1);
    term *= (-x * x) / (n + 1);
  }
  return (sum * 2) / Math.sqrt(Math.PI);
}

/** Below -6 it is 0 to 1e-9, and above 6 it is x. */
const exactGelu = (x: number) => (Math.abs(x) > 6 ? Math.max(x, 0) : (x / 2) * (1 + erf(x / Math.SQRT2)));

test('GELU by the error function is within 3e-7 of the f64 value, relative to max(1, |x|)', () => {
  const error = largestError('geluErfGate', exactGelu);
  assert.ok(error < 3e-7, String(error));
});

test('the tanh form of GELU in place of the exact one is seen (planted fault)', () => {
  assert.ok(largestError('geluGate', exactGelu) > 1e-4);
});

test('the soft cap has the bits of its twin, any count, and only from one bound to the other (seed 3)', () => {
  const next = random(3);
  for (const [count, from, to] of [
    [1, 0, 1],
    [7, 0, 7],
    [40, 8, 33],
    [61, 60, 61],
  ] as const) {
    for (const cap of [0.5, 30, 50]) {
      const host = kernelHost();
      const x = randomFloats(next, count, 60);
      const address = host.place(x);
      host.kernels.softCap!(address, cap, from, to);
      const want = x.map((value, i) => (i >= from && i < to ? softCap(value, cap) : value));
      assert.is(firstDifference(host.floats(address, count), want), -1, `${count} ${cap}`);
    }
  }
});

test('the soft cap is within 2e-7 of cap * tanh(x / cap), relative to the cap, and never beyond it', () => {
  const host = kernelHost();
  const cap = 30;
  const x = Float32Array.from({ length: 8001 }, (_, i) => (i - 4000) * (i % 7 === 0 ? 1e3 : 0.05));
  const address = host.place(x);
  host.kernels.softCap!(address, cap, 0, x.length);
  const got = host.floats(address, x.length);
  const errors = Array.from(got, (value, i) => Math.abs(value - cap * Math.tanh(x[i]! / cap)) / cap);
  assert.ok(Math.max(...errors) < 2e-7, String(Math.max(...errors)));
  assert.ok(got.every((value) => Math.abs(value) <= cap));
});

test('silu and the tanh form of GELU are within 2e-7 of the f64 value, relative to max(1, |x|)', () => {
  assert.ok(largestError('siluGate', (x) => x / (1 + Math.exp(-x))) < 2e-7);
  assert.ok(
    largestError('geluGate', (x) => (x / 2) * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)))) < 2e-7,
  );
});

test('the exact GELU in place of its tanh form is seen (planted fault)', () => {
  const erfLike = (x: number) => x / (1 + Math.exp(-1.702 * x)); // another common approximation
  assert.ok(largestError('geluGate', erfLike) > 1e-3);
});

test('only the columns asked for are written', () => {
  const host = kernelHost();
  const gate = host.place(new Float32Array(32).fill(1));
  for (const kernel of Object.keys(GATES)) {
    const out = host.place(new Float32Array(16).fill(7));
    host.kernels[kernel]!(out, gate, gate + 32, 2, 8, 16, 4, 8);
    const written = Array.from(host.floats(out, 16), (value) => value !== 7);
    const right = [false, false, false, false, true, true, true, true];
    assert.equal(written, [...right, ...right], kernel);
  }
});

test('add adds element by element from one bound to the other, in place (seed 2)', () => {
  const next = random(2);
  const host = kernelHost();
  const [a, b] = [randomFloats(next, 40), randomFloats(next, 40)];
  const address = host.place(a);
  host.kernels.add!(address, address, host.place(b), 8, 36);
  const want = a.map((value, i) => (i >= 8 && i < 36 ? value + b[i]! : value));
  assert.is(firstDifference(host.floats(address, 40), want), -1);
});

test.run();
