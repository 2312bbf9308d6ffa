import { PANEL } from '../../src/engine/opcodes.ts';
import { packHalves, packedBytes, packF32 } from '../../src/engine/packing.ts';
import { decodeBf16, decodeF16, encodeBf16, encodeF16 } from '../../src/formats/float16.ts';
import { assert, firstDifference, random, randomFloats, randomInt, test } from '../harness.ts';
import { guardedMatrix } from './guarded.ts';
import { BUILDS, type Build, kernelHost } from './kernel-host.ts';
import { type FloatProduct, matmulFloats } from './matmul-floats.twin.ts';
import { productShapes, splitPanels } from './products.ts';

type FloatType = 'f32' | HalfType;
type HalfType = 'bf16' | 'f16';

const KERNELS = { f32: 'matmulF32', bf16: 'matmulBf16', f16: 'matmulF16' } as const;
const HALVES = {
  bf16: { encode: encodeBf16, decode: decodeBf16 },
  f16: { encode: encodeF16, decode: decodeF16 },
} as const;

/** Weights that the type holds exactly; some of f16 are so small that it holds them as subnormal numbers. */
function randomWeight(dtype: FloatType, next: () => number, elements: number): Float32Array {
  const values = randomFloats(next, elements);
  if (dtype === 'f32') return values;
  for (let i = 0; i < elements; i += 5) values[i]! *= 2 ** -18;
  HALVES[dtype].decode(toHalves(dtype, values), values);
  return values;
}

function toHalves(dtype: HalfType, values: Float32Array): Uint16Array {
  const halves = new Uint16Array(values.length);
  HALVES[dtype].encode(values, halves);
  return halves;
}

function randomProduct(
  dtype: FloatType,
  next: () => number,
  rows: number,
  inDim: number,
  outDim: number,
): FloatProduct {
  const bias = next() < 0.5 ? randomFloats(next, outDim) : undefined;
  return { x: randomFloats(next, rows * inDim), weight: randomWeight(dtype, next, outDim * inDim), bias, inDim };
}

/** Runs the kernel over panel ranges that end at `cuts`, into rows that lie `gap` elements apart. */
function run(
  build: Build,
  dtype: FloatType,
  { x, weight, bias, inDim }: FloatProduct,
  { cuts, gap = 0 }: { cuts?: number[]; gap?: number } = {},
) {
  const host = kernelHost(build);
  const [rows, outDim] = [x.length / inDim, weight.length / inDim];
  const panels = new Uint8Array(packedBytes(outDim, inDim, dtype));
  if (dtype === 'f32') packF32(panels.buffer, 0, weight, 0, inDim);
  else packHalves(panels.buffer, 0, toHalves(dtype, weight), 0, inDim);
  const stride = outDim + gap;
  const out = guardedMatrix(host, rows, outDim, stride);
  const addresses = [out.address, host.place(x), host.place(panels), bias ? host.place(bias) : 0];
  let from = 0;
  for (const to of cuts ?? [Math.ceil(outDim / PANEL)]) {
    host.kernels[KERNELS[dtype]]!(...addresses, rows, inDim, outDim, stride, from, to);
    from = to;
  }
  return out;
}

/** Largest error against f64, in units of (inDim + 1) * 2^-24 * (sum of |terms|): the bound on a sum in order, each step rounded. */
function worstError({ x, weight, bias, inDim }: FloatProduct, out: Float32Array): number {
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

for (const dtype of ['f32', 'bf16', 'f16'] as const) {
  for (const build of BUILDS) {
    const title = (sentence: string) => `${dtype}, ${build}: ${sentence}`;

    test(
      title(
        'a product has the bits of its twin and touches nothing else, for n = 1..64, any panel ranges and strides (seed 1)',
      ),
      () => {
        const next = random(1);
        for (const [rows, outDim] of productShapes(next)) {
          const inDim = 1 + randomInt(next, 90);
          const product = randomProduct(dtype, next, rows, inDim, outDim);
          const out = run(build, dtype, product, { cuts: splitPanels(next, outDim), gap: randomInt(next, 3) * 5 });
          assert.is(firstDifference(out.values(), matmulFloats(product)), -1, `${rows} x ${inDim} -> ${outDim}`);
          assert.is(out.damage(), 0, `${rows} x ${inDim} -> ${outDim}`);
        }
      },
    );
  }

  test(`${dtype}: a token has the same bits alone and among 2..64 (seed 2)`, () => {
    const next = random(2);
    const [inDim, outDim] = [72, 61];
    const { x, weight } = randomProduct(dtype, next, 64, inDim, outDim);
    const tokens = (from: number, to: number) =>
      run('plain', dtype, { x: x.subarray(from * inDim, to * inDim), weight, inDim }).values();
    const alone = Array.from({ length: 64 }, (_, row) => tokens(row, row + 1));
    for (let rows = 2; rows <= 64; rows++) {
      const together = tokens(0, rows);
      for (let row = 0; row < rows; row++) {
        const first = firstDifference(together.subarray(row * outDim, (row + 1) * outDim), alone[row]!);
        assert.is(first, -1, `row ${row} of ${rows}`);
      }
    }
  });

  test(`${dtype}: a product is within (inDim + 1) * 2^-24 of the sum of its terms' sizes (seed 3)`, () => {
    const next = random(3);
    for (const inDim of [4, 256, 1536]) {
      const product = randomProduct(dtype, next, 5, inDim, 24);
      const out = run('plain', dtype, product).values();
      assert.ok(worstError(product, out) <= 1, `${inDim}`);
      const missing = product.x.map((value, i) => ((i + 1) % inDim === 0 ? 0 : value));
      const short = run('plain', dtype, { ...product, x: missing }).values();
      assert.ok(worstError(product, short) > 1, `${inDim}: a missing term is seen`);
    }
  });
}

test('planted faults are seen: another order, a product that is not rounded, one output too many (seed 4)', () => {
  const product = randomProduct('f32', random(4), 3, 64, 13);
  const { x, weight, inDim, bias } = product;
  const reversed = (rows: Float32Array) => rows.map((_, i) => rows[i - (i % inDim) + inDim - 1 - (i % inDim)]!);
  const got = run('plain', 'f32', product).values();
  assert.is.not(firstDifference(got, matmulFloats({ x: reversed(x), weight: reversed(weight), bias, inDim })), -1);

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

test('bf16: a bit of the other quad is seen (planted fault, seed 5)', () => {
  const product = randomProduct('bf16', random(5), 1, 8, 8);
  const got = run('plain', 'bf16', product).values();
  const changed = { ...product, weight: product.weight.map((value, i) => (i < 8 ? value + value * 2 ** -16 : value)) };
  assert.is.not(firstDifference(got, matmulFloats(changed)), -1);
});

test.run();
