import { packHalves, packedBytes, packF32, packQ4, packQ8, type WeightType } from '../../src/engine/packing.ts';
import { decodeBf16, decodeF16, encodeBf16, encodeF16 } from '../../src/formats/float16.ts';
import { dequantizeQ4, quantizeQ4 } from '../../src/formats/q4.ts';
import { dequantizeQ8, quantizeQ8 } from '../../src/formats/q8.ts';
import { assert, firstDifference, random, randomFloats, randomInt, test } from '../harness.ts';
import { embed } from './embed.twin.ts';
import { guardedMatrix } from './guarded.ts';
import { kernelHost } from './kernel-host.ts';

/** A packed table, and the values that it stands for. */
function randomTable(next: () => number, dtype: WeightType, vocabulary: number, dim: number) {
  const values = randomFloats(next, vocabulary * dim);
  const packed = new Uint8Array(packedBytes(vocabulary, dim, dtype));
  if (dtype === 'f32') {
    packF32(packed.buffer, 0, values, 0, dim);
    return { packed, values };
  }
  if (dtype === 'bf16' || dtype === 'f16') {
    const halves = new Uint16Array(values.length);
    const [encode, decode] = dtype === 'bf16' ? [encodeBf16, decodeBf16] : [encodeF16, decodeF16];
    for (let i = 0; i < values.length; i += 5) values[i]! *= 2 ** -18; // a subnormal number as f16
    encode(values, halves);
    packHalves(packed.buffer, 0, halves, 0, dim);
    decode(halves, values);
    return { packed, values };
  }
  if (dtype === 'q8') {
    const matrix = quantizeQ8(values);
    packQ8(packed.buffer, 0, matrix, 0, dim);
    return { packed, values: dequantizeQ8(matrix) };
  }
  const matrix = quantizeQ4(values);
  packQ4(packed.buffer, 0, matrix, 0, dim);
  return { packed, values: dequantizeQ4(matrix) };
}

for (const [dtype, kernel, step] of [
  ['f32', 'embedF32', 4],
  ['bf16', 'embedBf16', 4],
  ['f16', 'embedF16', 4],
  ['q8', 'embedQ8', 32],
  ['q4', 'embedQ4', 32],
] as const) {
  test(`${kernel} has the bits of its twin, over any row ranges (seed 1)`, () => {
    const next = random(1);
    for (let run = 0; run < 12; run++) {
      const [vocabulary, dim, rows] = [
        1 + randomInt(next, 40),
        step * (1 + randomInt(next, 4)),
        1 + randomInt(next, 64),
      ];
      const { packed, values } = randomTable(next, dtype, vocabulary, dim);
      const tokens = Int32Array.from({ length: rows }, () => randomInt(next, vocabulary));
      const scale = run % 2 === 0 ? 1 : Math.fround(Math.sqrt(dim));
      const host = kernelHost();
      const out = guardedMatrix(host, rows, dim, dim);
      const operands = [out.address, host.place(packed), host.place(tokens), dim, scale];
      const middle = randomInt(next, rows + 1);
      host.kernels[kernel]!(...operands, middle, rows);
      host.kernels[kernel]!(...operands, 0, middle);
      assert.is(
        firstDifference(out.values(), embed(values, tokens, dim, scale)),
        -1,
        `${vocabulary} x ${dim}, ${rows} rows`,
      );
      assert.is(out.damage(), 0);
    }
  });

  test(`${kernel} of a neighbouring token is seen, and rows beyond the range stay as they were (planted fault, seed 2)`, () => {
    const next = random(2);
    const { packed, values } = randomTable(next, dtype, 16, 32);
    const host = kernelHost();
    const out = guardedMatrix(host, 2, 32, 32);
    host.kernels[kernel]!(out.address, host.place(packed), host.place(Int32Array.of(7, 8)), 32, 1, 0, 2);
    assert.is.not(firstDifference(out.values(), embed(values, Int32Array.of(7, 9), 32, 1)), -1);

    const one = guardedMatrix(host, 1, 32, 32);
    host.kernels[kernel]!(one.address, host.place(packed), host.place(Int32Array.of(7, 8)), 32, 1, 0, 2);
    assert.is(one.damage(), 32);
  });
}

test.run();
