import { assert, firstDifference, random, randomFloats, test } from '../harness.ts';
import { kernelHost } from './kernel-host.ts';
import { layerNorm, rmsNorm } from './norm.twin.ts';
import { mapRows, randomShapes } from './rows.ts';
import { relativeError } from './ulp.ts';

const EPSILON = Math.fround(1e-5);

/** Rows off centre, so that a mean matters. */
function randomMatrix(next: () => number, rows: number, dim: number): Float32Array {
  return randomFloats(next, rows * dim, 3).map((value) => value + 1);
}

function runRmsNorm(x: Float32Array, weight: Float32Array): Float32Array {
  const host = kernelHost();
  const address = host.place(x);
  const dim = weight.length;
  host.kernels.rmsNorm!(address, address, host.place(weight), dim, EPSILON, 0, x.length / dim);
  return host.floats(address, x.length);
}

function runLayerNorm(x: Float32Array, weight: Float32Array, bias: Float32Array): Float32Array {
  const host = kernelHost();
  const address = host.place(x);
  const dim = weight.length;
  host.kernels.layerNorm!(address, address, host.place(weight), host.place(bias), dim, EPSILON, 0, x.length / dim);
  return host.floats(address, x.length);
}

test('RMSNorm has the bits of its twin, in place (seed 1)', () => {
  const next = random(1);
  for (const [rows, dim] of [[3, 576] as const, ...randomShapes(1, 4, 20)]) {
    const x = randomMatrix(next, rows, dim);
    const weight = randomFloats(next, dim);
    const want = mapRows(x, dim, (row) => rmsNorm(row, weight, EPSILON));
    assert.is(firstDifference(runRmsNorm(x, weight), want), -1, `${rows} x ${dim}`);
  }
});

test('LayerNorm has the bits of its twin, in place (seed 2)', () => {
  const next = random(2);
  for (const [rows, dim] of [[3, 576] as const, ...randomShapes(2, 4, 20)]) {
    const x = randomMatrix(next, rows, dim);
    const weight = randomFloats(next, dim);
    const bias = randomFloats(next, dim);
    const want = mapRows(x, dim, (row) => layerNorm(row, weight, bias, EPSILON));
    assert.is(firstDifference(runLayerNorm(x, weight, bias), want), -1, `${rows} x ${dim}`);
  }
});

test('RMSNorm of heads has the bits of its twin, any stride, in place, and touches only the heads asked for (seed 5)', () => {
  const next = random(5);
  for (const [heads, headDim, gap] of [
    [1, 4, 0],
    [3, 12, 5],
    [9, 64, 70],
  ] as const) {
    const [rows, stride] = [4, heads * headDim + gap];
    const x = randomMatrix(next, rows, stride);
    const weight = randomFloats(next, headDim);
    const host = kernelHost();
    const address = host.place(x);
    host.kernels.headNorm!(address, host.place(weight), rows, headDim, stride, EPSILON, 0, heads - 1);
    const want = x.slice();
    for (let row = 0; row < rows; row++) {
      for (let head = 0; head < heads - 1; head++) {
        const from = row * stride + head * headDim;
        want.set(rmsNorm(x.subarray(from, from + headDim), weight, EPSILON), from);
      }
    }
    assert.is(firstDifference(host.floats(address, x.length), want), -1, `${heads} heads of ${headDim}`);
  }
});

test('both are within 1e-6 of the f64 value, relative to the largest element of the row (seed 3)', () => {
  const next = random(3);
  for (const dim of [4, 100, 576, 2048]) {
    const x = randomMatrix(next, 1, dim);
    const weight = randomFloats(next, dim);
    const bias = randomFloats(next, dim);
    const mean = x.reduce((sum, value) => sum + value, 0) / dim;
    const centred = Array.from(x, (value) => value - mean);
    const scaleOf = (values: Iterable<number>) =>
      1 / Math.sqrt(Array.from(values, (v) => v * v).reduce((a, b) => a + b) / dim + EPSILON);
    const rms = Array.from(x, (value, i) => value * scaleOf(x) * weight[i]!);
    const layer = centred.map((value, i) => value * scaleOf(centred) * weight[i]! + bias[i]!);
    assert.ok(relativeError(runRmsNorm(x, weight), rms) < 1e-6);
    assert.ok(relativeError(runLayerNorm(x, weight, bias), layer) < 1e-6);
  }
});

test('only the rows asked for are written', () => {
  const host = kernelHost();
  const x = Float32Array.from({ length: 5 * 4 }, (_, i) => i + 1);
  const weight = host.place(Float32Array.of(1, 1, 1, 1));
  for (const kernel of ['rmsNorm', 'layerNorm']) {
    const out = host.place(new Float32Array(5 * 4).fill(7));
    const operands = kernel === 'rmsNorm' ? [weight] : [weight, weight];
    host.kernels[kernel]!(out, host.place(x), ...operands, 4, EPSILON, 1, 3);
    const untouched = Array.from({ length: 5 }, (_, row) =>
      host.floats(out + row * 16, 4).every((value) => value === 7),
    );
    assert.equal(untouched, [true, false, false, true, true], kernel);
  }
});

test('a sum in plain order instead of lanes is seen (planted fault, seed 4)', () => {
  const next = random(4);
  const x = randomMatrix(next, 16, 100);
  const weight = randomFloats(next, 100);
  const inOrder = (n: number, term: (i: number) => number) => {
    let sum = 0;
    for (let i = 0; i < n; i++) sum = Math.fround(sum + term(i));
    return sum;
  };
  const faulty = mapRows(x, 100, (row) => rmsNorm(row, weight, EPSILON, inOrder));
  assert.is.not(firstDifference(runRmsNorm(x, weight), faulty), -1);
});

test.run();
