import { decodeF16 } from '../../src/formats/float16.ts';
import { type Q8Matrix, quantizeQ8 } from '../../src/formats/q8.ts';
import { BLOCK, PANEL } from '../../src/engine/opcodes.ts';
import { packQ8, packedBytes } from '../../src/engine/packing.ts';
import { assert, firstDifference, random, randomFloats, randomInt, test } from '../harness.ts';
import { guardedMatrix } from './guarded.ts';
import { kernelHost } from './kernel-host.ts';
import { matmulQ8, type Q8Product } from './matmul-q8.twin.ts';
import { productShapes, splitPanels } from './products.ts';
import { quantize } from './quantize.twin.ts';

/** A weight as a file holds it, and activations as the kernel takes them. */
interface Operands {
  readonly x: Int16Array;
  readonly scales: Float32Array;
  readonly matrix: Q8Matrix;
  readonly bias: Float32Array | undefined;
  readonly inDim: number;
}

function randomOperands(next: () => number, rows: number, inDim: number, outDim: number): Operands {
  const { q: x, scales } = quantize(randomFloats(next, rows * inDim));
  const bias = next() < 0.5 ? randomFloats(next, outDim) : undefined;
  return { x, scales, matrix: quantizeQ8(randomFloats(next, outDim * inDim)), bias, inDim };
}

function forTwin({ matrix, ...rest }: Operands): Q8Product {
  const weightScales = new Float32Array(matrix.scale.length);
  decodeF16(matrix.scale, weightScales);
  return { ...rest, q: matrix.q, weightScales };
}

/** Runs the kernel over panel ranges that end at `cuts`, into rows that lie `gap` elements apart. */
function run({ x, scales, matrix, bias, inDim }: Operands, cuts?: number[], gap = 0) {
  const host = kernelHost();
  const [rows, outDim] = [x.length / inDim, matrix.q.length / inDim];
  const panels = new Uint8Array(packedBytes(outDim, inDim, 'q8'));
  packQ8(panels.buffer, 0, matrix, 0, inDim);
  const stride = outDim + gap;
  const out = guardedMatrix(host, rows, outDim, stride);
  const addresses = [out.address, host.place(x), host.place(scales), host.place(panels), bias ? host.place(bias) : 0];
  let from = 0;
  for (const to of cuts ?? [Math.ceil(outDim / PANEL)]) {
    host.kernels.matmulQ8!(...addresses, rows, inDim, outDim, stride, from, to);
    from = to;
  }
  return out;
}

test('a product has the bits of its twin and touches nothing else, for n = 1..64, any panel ranges and strides (seed 1)', () => {
  const next = random(1);
  for (const [rows, outDim] of productShapes(next)) {
    const inDim = BLOCK * (1 + randomInt(next, 4));
    const operands = randomOperands(next, rows, inDim, outDim);
    const out = run(operands, splitPanels(next, outDim), randomInt(next, 3) * 5);
    assert.is(firstDifference(out.values(), matmulQ8(forTwin(operands))), -1, `${rows} x ${inDim} -> ${outDim}`);
    assert.is(out.damage(), 0, `${rows} x ${inDim} -> ${outDim}`);
  }
});

test('a token has the same bits alone and among 2..64 (seed 2)', () => {
  const next = random(2);
  const [inDim, outDim] = [64, 61];
  const { x, scales, ...rest } = randomOperands(next, 64, inDim, outDim);
  const tokens = (from: number, to: number) =>
    run({
      ...rest,
      inDim,
      x: x.subarray(from * inDim, to * inDim),
      scales: scales.subarray(from * 2, to * 2),
    }).values();
  const alone = Array.from({ length: 64 }, (_, row) => tokens(row, row + 1));
  for (let rows = 2; rows <= 64; rows++) {
    const together = tokens(0, rows);
    for (let row = 0; row < rows; row++) {
      const first = firstDifference(together.subarray(row * outDim, (row + 1) * outDim), alone[row]!);
      assert.is(first, -1, `row ${row} of ${rows}`);
    }
  }
});

test('the largest sums are exact: -128 and 127 times 127, in every lane', () => {
  for (const [weight, activation] of [
    [-128, 127],
    [-128, -127],
    [127, 127],
    [127, -127],
  ] as const) {
    const matrix = { q: new Int8Array(16 * BLOCK).fill(weight), scale: new Uint16Array(16).fill(0x3c00) }; // scale 1
    const x = new Int16Array(5 * BLOCK).fill(activation);
    const out = run({ x, scales: new Float32Array(5).fill(1), matrix, bias: undefined, inDim: BLOCK });
    assert.ok(out.values().every((value) => value === BLOCK * weight * activation));
  }
});

/**
 * Largest error of the whole way from f32 weights and activations, against f64, in units of its bound. Per product: an activation is off by at
 * most half its scale; a weight by half its scale and by what rounding the scale to f16 moves 127 steps, 2^-11 of them; 1% covers f32 rounding.
 */
function worstError(x: Float32Array, weight: Float32Array, inDim: number, out: Float32Array): number {
  const outDim = weight.length / inDim;
  const scaleAt = (values: Float32Array, at: number) => {
    const start = at - (at % BLOCK);
    return values.subarray(start, start + BLOCK).reduce((most, value) => Math.max(most, Math.abs(value)), 0) / 127;
  };
  let worst = 0;
  for (let at = 0; at < out.length; at++) {
    const [row, output] = [Math.floor(at / outDim), at % outDim];
    let exact = 0;
    let bound = 0;
    for (let i = 0; i < inDim; i++) {
      const [a, b] = [row * inDim + i, output * inDim + i];
      const [errorX, errorWeight] = [0.5 * scaleAt(x, a), (0.5 + 127 * 2 ** -11) * scaleAt(weight, b)];
      exact += x[a]! * weight[b]!;
      bound += Math.abs(x[a]!) * errorWeight + Math.abs(weight[b]!) * errorX + errorX * errorWeight;
    }
    worst = Math.max(worst, Math.abs(out[at]! - exact) / (1.01 * bound));
  }
  return worst;
}

test('quantising both sides costs no more than half a step a factor, and a wrong scale is seen (seed 3)', () => {
  const next = random(3);
  for (const inDim of [32, 256, 576]) {
    const x = randomFloats(next, 3 * inDim);
    const weight = randomFloats(next, 16 * inDim);
    const { q, scales } = quantize(x);
    const operands = { x: q, scales, matrix: quantizeQ8(weight), bias: undefined, inDim };
    assert.ok(worstError(x, weight, inDim, run(operands).values()) <= 1, `${inDim}`);
    const wrong = { ...operands, scales: scales.map((scale, i) => (i === 0 ? 2 * scale : scale)) };
    assert.ok(worstError(x, weight, inDim, run(wrong).values()) > 1, `${inDim}: wrong scale`);
  }
});

test('planted faults are seen: blocks in another order, scales multiplied one after the other (seed 4)', () => {
  const operands = randomOperands(random(4), 3, 96, 13);
  const got = run(operands).values();
  const twin = forTwin(operands);
  const { x, scales, q, weightScales, bias, inDim } = twin;
  const turned = <T extends Float32Array | Int16Array | Int8Array>(values: T, length: number, part: number): T =>
    values.map((_, i) => values[i - (i % length) + length - part - ((i % length) - (i % part)) + (i % part)]!) as T;
  const backwards = {
    x: turned(x, inDim, BLOCK),
    scales: turned(scales, 3, 1),
    q: turned(q, inDim, BLOCK),
    weightScales: turned(weightScales, 3, 1),
    bias,
    inDim,
  };
  assert.is.not(firstDifference(got, matmulQ8(backwards)), -1);

  const oneByOne = got.map((_, at) => {
    const [row, output] = [Math.floor(at / 13), at % 13];
    let total = 0;
    for (let block = 0; block < 3; block++) {
      let sum = 0;
      for (let i = block * BLOCK; i < (block + 1) * BLOCK; i++) sum += q[output * inDim + i]! * x[row * inDim + i]!;
      total = Math.fround(
        total + Math.fround(Math.fround(sum * weightScales[output * 3 + block]!) * scales[row * 3 + block]!),
      );
    }
    return total + (bias?.[output] ?? 0);
  });
  assert.is.not(firstDifference(got, oneByOne), -1);
});

test.run();
