import { assert, firstDifference, random, randomFloats, randomInt, test } from '../harness.ts';
import { gelu, silu } from './activation.twin.ts';
import { kernelHost } from './kernel-host.ts';
import { randomShapes } from './rows.ts';

const GATES = { siluGate: silu, geluGate: gelu };

/** out (rows, dim) of a gate over rows of gate, up, and `gap` numbers of something else. */
function runGate(kernel: string, x: Float32Array, rows: number, dim: number, stride: number): Float32Array {
  const host = kernelHost();
  const gate = host.place(x);
  const out = host.place(new Float32Array(rows * dim));
  host.kernels[kernel]!(out, gate, gate + dim * 4, rows, dim, stride, 0, dim);
  return host.floats(out, rows * dim);
}

for (const [kernel, activation] of Object.entries(GATES)) {
  test(`${kernel} has the bits of its twin (seed 1)`, () => {
    const next = random(1);
    for (const [rows, dim] of randomShapes(1, 4, 30)) {
      const stride = 2 * dim + randomInt(next, 5);
      const x = randomFloats(next, rows * stride, 20);
      const want = Float32Array.from({ length: rows * dim }, (_, i) => {
        const from = Math.floor(i / dim) * stride + (i % dim);
        return activation(x[from]!) * x[from + dim]!;
      });
      assert.is(firstDifference(runGate(kernel, x, rows, dim, stride), want), -1, `${rows} x ${dim}`);
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

test('both activations are within 2e-7 of the f64 value, relative to max(1, |x|)', () => {
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
