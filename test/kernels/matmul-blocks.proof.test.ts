import { BLOCK, PANEL } from '../../src/engine/opcodes.ts';
import { packedBytes, packQ4, packQ8 } from '../../src/engine/packing.ts';
import { decodeF16, encodeF16 } from '../../src/formats/float16.ts';
import { quantizeQ4 } from '../../src/formats/q4.ts';
import { quantizeQ8 } from '../../src/formats/q8.ts';
import { assert, firstDifference, random, randomFloats, randomInt, test } from '../harness.ts';
import { type BlockType, MOST, storedActivations, storedScales } from './activations.ts';
import { guardedMatrix } from './guarded.ts';
import { BUILDS, type Build, kernelHost } from './kernel-host.ts';
import { type BlockProduct, matmulBlocks } from './matmul-blocks.twin.ts';
import { productShapes, splitPanels } from './products.ts';
import { quantize } from './quantize.twin.ts';

/** Integers as a file holds two of them: value j of a block and value j + 16 in one byte. */
function pairsOf(q: Int8Array): Uint8Array {
  return Uint8Array.from({ length: q.length / 2 }, (_, at) => {
    const low = Math.floor(at / 16) * 32 + (at % 16);
    return (q[low]! + 8) | ((q[low + 16]! + 8) << 4);
  });
}

/** A weight as integers and scales, from floats in the rounding of its file format. */
function quantizeWeight(dtype: BlockType, values: Float32Array): { q: Int8Array; weightScales: Float32Array } {
  const { q: stored, scale } = dtype === 'q8' ? quantizeQ8(values) : quantizeQ4(values);
  const weightScales = new Float32Array(scale.length);
  decodeF16(scale, weightScales);
  if (stored instanceof Int8Array) return { q: stored, weightScales };
  const q = new Int8Array(values.length);
  stored.forEach((byte, at) => {
    const low = Math.floor(at / 16) * 32 + (at % 16);
    q[low] = (byte & 15) - 8;
    q[low + 16] = (byte >> 4) - 8;
  });
  return { q, weightScales };
}

function randomProduct(
  dtype: BlockType,
  next: () => number,
  rows: number,
  inDim: number,
  outDim: number,
): BlockProduct {
  const { q: x, scales } = quantize(randomFloats(next, rows * inDim), MOST[dtype]);
  const bias = next() < 0.5 ? randomFloats(next, outDim) : undefined;
  return { x, scales, ...quantizeWeight(dtype, randomFloats(next, outDim * inDim)), bias, inDim };
}

/** Runs the kernel over panel ranges that end at `cuts`, into rows that lie `gap` elements apart. */
function run(
  build: Build,
  dtype: BlockType,
  { x, scales, q, weightScales, bias, inDim }: BlockProduct,
  { cuts, gap = 0 }: { cuts?: number[]; gap?: number } = {},
) {
  const host = kernelHost(build);
  const [rows, outDim] = [x.length / inDim, q.length / inDim];
  const panels = new Uint8Array(packedBytes(outDim, inDim, dtype));
  const scale = new Uint16Array(weightScales.length);
  encodeF16(weightScales, scale); // exact: they came from f16
  if (dtype === 'q8') packQ8(panels.buffer, 0, { q, scale }, 0, inDim);
  else packQ4(panels.buffer, 0, { q: pairsOf(q), scale }, 0, inDim);
  const stride = outDim + gap;
  const out = guardedMatrix(host, rows, outDim, stride);
  const addresses = [
    out.address,
    host.place(storedActivations(build, dtype, x)),
    host.place(storedScales(build, dtype, scales, x)),
    host.place(panels),
    bias ? host.place(bias) : 0,
  ];
  let from = 0;
  for (const to of cuts ?? [Math.ceil(outDim / PANEL)]) {
    host.kernels[dtype === 'q8' ? 'matmulQ8' : 'matmulQ4']!(...addresses, rows, inDim, outDim, stride, from, to);
    from = to;
  }
  return out;
}

/**
 * Largest error of the whole way from f32 weights and activations, against f64, in units of its bound. Per product: an activation is off by at
 * most half its scale. A weight is off by half its scale, in q4 at the far end by a whole one (8 is not there), and by what rounding the scale
 * to f16 moves the largest integer, 2^-11 of it. 1% covers f32 rounding.
 */
function worstError(dtype: BlockType, x: Float32Array, weight: Float32Array, inDim: number, out: Float32Array): number {
  const outDim = weight.length / inDim;
  const scaleAt = (values: Float32Array, at: number, most: number) => {
    const start = at - (at % BLOCK);
    return values.subarray(start, start + BLOCK).reduce((size, value) => Math.max(size, Math.abs(value)), 0) / most;
  };
  const [most, steps] = dtype === 'q8' ? [127, 0.5] : [8, 1];
  let worst = 0;
  for (let at = 0; at < out.length; at++) {
    const [row, output] = [Math.floor(at / outDim), at % outDim];
    let exact = 0;
    let bound = 0;
    for (let i = 0; i < inDim; i++) {
      const [a, b] = [row * inDim + i, output * inDim + i];
      const errorX = 0.5 * scaleAt(x, a, MOST[dtype]);
      const errorWeight = (steps + most * 2 ** -11) * scaleAt(weight, b, most);
      exact += x[a]! * weight[b]!;
      bound += Math.abs(x[a]!) * errorWeight + Math.abs(weight[b]!) * errorX + errorX * errorWeight;
    }
    worst = Math.max(worst, Math.abs(out[at]! - exact) / (1.01 * bound));
  }
  return worst;
}

/** Weights and activations whose sums are the largest there can be, in either sign. */
const EXTREMES = {
  q8: [-128, 127].flatMap((weight) => [63, -63].map((x) => [weight, x] as const)),
  q4: [-8, 7].flatMap((weight) => [127, -127].map((x) => [weight, x] as const)),
};

for (const dtype of ['q8', 'q4'] as const) {
  for (const build of BUILDS) {
    const title = (sentence: string) => `${dtype}, ${build}: ${sentence}`;

    test(
      title(
        'a product has the bits of its twin and touches nothing else, for n = 1..64, any panel ranges and strides (seed 1)',
      ),
      () => {
        const next = random(1);
        for (const [rows, outDim] of productShapes(next)) {
          const inDim = BLOCK * (1 + randomInt(next, 4));
          const product = randomProduct(dtype, next, rows, inDim, outDim);
          const out = run(build, dtype, product, { cuts: splitPanels(next, outDim), gap: randomInt(next, 3) * 5 });
          assert.is(firstDifference(out.values(), matmulBlocks(product)), -1, `${rows} x ${inDim} -> ${outDim}`);
          assert.is(out.damage(), 0, `${rows} x ${inDim} -> ${outDim}`);
        }
      },
    );

    test(title('a token has the same bits alone and among 2..64 (seed 2)'), () => {
      const next = random(2);
      const [inDim, outDim] = [64, 61];
      const { x, scales, ...rest } = randomProduct(dtype, next, 64, inDim, outDim);
      const tokens = (from: number, to: number) => {
        const part = { x: x.subarray(from * inDim, to * inDim), scales: scales.subarray(from * 2, to * 2) };
        return run(build, dtype, { ...rest, ...part }).values();
      };
      const alone = Array.from({ length: 64 }, (_, row) => tokens(row, row + 1));
      for (let rows = 2; rows <= 64; rows++) {
        const together = tokens(0, rows);
        for (let row = 0; row < rows; row++) {
          const first = firstDifference(together.subarray(row * outDim, (row + 1) * outDim), alone[row]!);
          assert.is(first, -1, `row ${row} of ${rows}`);
        }
      }
    });

    test(
      title('the largest sums are exact, in every lane, and so are those that come back from beyond (seed 5)'),
      () => {
        const next = random(5);
        const scaleless = { scales: new Float32Array(5).fill(1), weightScales: new Float32Array(16).fill(1) };
        for (const [weight, activation] of EXTREMES[dtype]) {
          const q = new Int8Array(16 * BLOCK).fill(weight);
          const x = new Int16Array(5 * BLOCK).fill(activation);
          const out = run(build, dtype, { x, q, ...scaleless, inDim: BLOCK }).values();
          assert.ok(out.every((value) => value === BLOCK * weight * activation));
        }
        // The largest magnitudes with random signs: partial sums go far and turn round.
        const ends = EXTREMES[dtype].map(([weight]) => weight);
        const q = Int8Array.from({ length: 16 * BLOCK }, () => ends[randomInt(next, ends.length)]!);
        const x = Int16Array.from({ length: 5 * BLOCK }, () => (next() < 0.5 ? 1 : -1) * MOST[dtype]);
        const product = { x, q, ...scaleless, inDim: BLOCK };
        assert.is(firstDifference(run(build, dtype, product).values(), matmulBlocks(product)), -1);
      },
    );

    test(title('quantising both sides costs no more than its steps, and a wrong scale is seen (seed 3)'), () => {
      const next = random(3);
      for (const inDim of [32, 256, 576]) {
        const values = randomFloats(next, 3 * inDim);
        const weight = randomFloats(next, 16 * inDim);
        const { q: x, scales } = quantize(values, MOST[dtype]);
        const product = { x, scales, ...quantizeWeight(dtype, weight), inDim };
        const out = run(build, dtype, product).values();
        assert.ok(worstError(dtype, values, weight, inDim, out) <= 1, `${inDim}`);
        const wrong = { ...product, scales: scales.map((scale, i) => (i === 0 ? 16 * scale : scale)) };
        const far = run(build, dtype, wrong).values();
        assert.ok(worstError(dtype, values, weight, inDim, far) > 1, `${inDim}: wrong scale`);
      }
    });

    test(
      title('planted faults are seen: blocks in another order, scales multiplied one after the other (seed 4)'),
      () => {
        const product = randomProduct(dtype, random(4), 3, 96, 13);
        const got = run(build, dtype, product).values();
        assert.is(firstDifference(got, matmulBlocks(product)), -1);
        const { x, scales, q, weightScales, bias, inDim } = product;
        const turned = <T extends Float32Array | Int16Array | Int8Array>(values: T, length: number, part: number): T =>
          values.map(
            (_, i) => values[i - (i % length) + length - part - ((i % length) - (i % part)) + (i % part)]!,
          ) as T;
        const backwards = {
          x: turned(x, inDim, BLOCK),
          scales: turned(scales, 3, 1),
          q: turned(q, inDim, BLOCK),
          weightScales: turned(weightScales, 3, 1),
          bias,
          inDim,
        };
        assert.is.not(firstDifference(got, matmulBlocks(backwards)), -1);

        const oneByOne = got.map((_, at) => {
          const [row, output] = [Math.floor(at / 13), at % 13];
          let total = 0;
          for (let block = 0; block < 3; block++) {
            let sum = 0;
            for (let i = block * BLOCK; i < (block + 1) * BLOCK; i++)
              sum += q[output * inDim + i]! * x[row * inDim + i]!;
            total = Math.fround(
              total + Math.fround(Math.fround(sum * weightScales[output * 3 + block]!) * scales[row * 3 + block]!),
            );
          }
          return total + (bias?.[output] ?? 0);
        });
        assert.is.not(firstDifference(got, oneByOne), -1);
      },
    );
  }

  test(`${dtype}: the relaxed build has the bits of the plain one, and a changed weight is seen (seed 6)`, () => {
    const next = random(6);
    for (const [rows, outDim] of productShapes(next)) {
      const product = randomProduct(dtype, next, rows, BLOCK * (1 + randomInt(next, 20)), outDim);
      const [plain, relaxed] = BUILDS.map((build) => run(build, dtype, product).values());
      assert.is(firstDifference(relaxed!, plain!), -1, `${rows} -> ${outDim}`);
      const changed = product.q.map((value, i) => (i === 0 ? value ^ 1 : value));
      const other = run('relaxed', dtype, { ...product, q: changed }).values();
      assert.is.not(firstDifference(other, plain!), -1, `${rows} -> ${outDim}`);
    }
  });
}

test.run();
