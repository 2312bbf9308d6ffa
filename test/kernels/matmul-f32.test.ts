import { PANEL } from '../../src/engine/opcodes.ts';
import { packF32, packedBytes } from '../../src/engine/packing.ts';
import { assert, firstDifference, random, randomFloats, randomInt, test } from '../harness.ts';
import { guardedMatrix } from './guarded.ts';
import { kernelHost } from './kernel-host.ts';
import { type F32Product, matmulF32 } from './matmul-f32.twin.ts';
import { productShapes, splitPanels } from './products.ts';

function randomProduct(next: () => number, rows: number, inDim: number, outDim: number): F32Product {
  const bias = next() < 0.5 ? randomFloats(next, outDim) : undefined;
  return { x: randomFloats(next, rows * inDim), weight: randomFloats(next, outDim * inDim), bias, inDim };
}

/** Runs the kernel over panel ranges that end at `cuts`, into rows that lie `gap` elements apart. */
function run({ x, weight, bias, inDim }: F32Product, cuts?: number[], gap = 0) {
  const host = kernelHost();
  const [rows, outDim] = [x.length / inDim, weight.length / inDim];
  const panels = new Float32Array(packedBytes(outDim, inDim, 'f32') / 4);
  packF32(panels.buffer, 0, weight, 0, inDim);
  const stride = outDim + gap;
  const out = guardedMatrix(host, rows, outDim, stride);
  const operands = [
    out.address,
    host.place(x),
    host.place(panels),
    bias ? host.place(bias) : 0,
    rows,
    inDim,
    outDim,
    stride,
  ];
  let from = 0;
  for (const to of cuts ?? [Math.ceil(outDim / PANEL)]) {
    host.kernels.matmulF32!(...operands, from, to);
    from = to;
  }
  return out;
}

test('a product has the bits of its twin and touches nothing else, for n = 1..64, any panel ranges and strides (seed 1)', () => {
  const next = random(1);
  for (const [rows, outDim] of productShapes(next)) {
    const inDim = 1 + randomInt(next, 90);
    const product = randomProduct(next, rows, inDim, outDim);
    const out = run(product, splitPanels(next, outDim), randomInt(next, 3) * 5);
    assert.is(firstDifference(out.values(), matmulF32(product)), -1, `${rows} x ${inDim} -> ${outDim}`);
    assert.is(out.damage(), 0, `${rows} x ${inDim} -> ${outDim}`);
  }
});

test('a token has the same bits alone and among 2..64 (seed 2)', () => {
  const next = random(2);
  const [inDim, outDim] = [72, 61];
  const { x, weight } = randomProduct(next, 64, inDim, outDim);
  const alone = Array.from({ length: 64 }, (_, row) =>
    run({ x: x.subarray(row * inDim, (row + 1) * inDim), weight, inDim }).values(),
  );
  for (let rows = 2; rows <= 64; rows++) {
    const together = run({ x: x.subarray(0, rows * inDim), weight, inDim }).values();
    for (let row = 0; row < rows; row++) {
      const first = firstDifference(together.subarray(row * outDim, (row + 1) * outDim), alone[row]!);
      assert.is(first, -1, `row ${row} of ${rows}`);
    }
  }
});

/** Largest error against f64, in units of (inDim + 1) * 2^-24 * (sum of |terms|): the bound on a sum in order, each step rounded. */
function worstError({ x, weight, bias, inDim }: F32Product, out: Float32Array): number {
  const outDim = weight.length / inDim;
  let worst = 0;
  for (let at = 0; at < out.length; at++) {
    const [row, output] = [Math.floor(at / outDim), at % outDim];
    let exact = bias?.[output] ?? 0;
    let size = Math.abs(exact);
    for (let i = 0; i < inDim; i++) {
      const term = weight[output * inDim + i]! * x[row * inDim + i]!;
      exact += term;
      size += Math.abs(term);
    }
    worst = Math.max(worst, Math.abs(out[at]! - exact) / ((inDim + 1) * 2 ** -24 * size));
  }
  return worst;
}

test("a product is within (inDim + 1) * 2^-24 of the sum of its terms' sizes (seed 3)", () => {
  const next = random(3);
  for (const inDim of [4, 256, 1536]) {
    const product = randomProduct(next, 5, inDim, 24);
    const out = run(product).values();
    assert.ok(worstError(product, out) <= 1, `${inDim}`);
    const missing = product.x.map((value, i) => ((i + 1) % inDim === 0 ? 0 : value));
    assert.ok(worstError(product, run({ ...product, x: missing }).values()) > 1, `${inDim}: a missing term is seen`);
  }
});

test('planted faults are seen: another order, a product that is not rounded, one output too many (seed 4)', () => {
  const product = randomProduct(random(4), 3, 64, 13);
  const { x, weight, inDim, bias } = product;
  const reversed = (rows: Float32Array) => rows.map((_, i) => rows[i - (i % inDim) + inDim - 1 - (i % inDim)]!);
  const got = run(product).values();
  assert.is.not(firstDifference(got, matmulF32({ x: reversed(x), weight: reversed(weight), bias, inDim })), -1);

  const fused = got.map((_, at) => {
    const [row, output] = [Math.floor(at / 13), at % 13];
    let sum = 0;
    for (let i = 0; i < inDim; i++) sum = Math.fround(sum + weight[output * inDim + i]! * x[row * inDim + i]!);
    return sum + (bias?.[output] ?? 0);
  });
  assert.is.not(firstDifference(got, fused), -1);

  const host = kernelHost();
  const out = guardedMatrix(host, 1, 13, 13);
  const zeros = host.place(new Float32Array(16 * 64));
  host.kernels.matmulF32!(out.address, zeros, zeros, 0, 1, 64, 14, 14, 0, 2);
  assert.is(out.damage(), 1);
});

test.run();
