import { packF32, packQ8, packedBytes } from '../../src/engine/packing.ts';
import { decodeF16 } from '../../src/formats/float16.ts';
import { quantizeQ8 } from '../../src/formats/q8.ts';
import { assert, firstDifference, random, randomFloats, randomInt, test } from '../harness.ts';
import { embedF32, embedQ8 } from './embed.twin.ts';
import { guardedMatrix } from './guarded.ts';
import { kernelHost } from './kernel-host.ts';

/** A packed table and what the twin makes of it, in one of the formats. */
function randomTable(next: () => number, dtype: 'f32' | 'q8', vocabulary: number, dim: number) {
  const values = randomFloats(next, vocabulary * dim);
  const packed = new Uint8Array(packedBytes(vocabulary, dim, dtype));
  if (dtype === 'f32') {
    packF32(packed.buffer, 0, values, 0, dim);
    return { packed, twin: (tokens: Int32Array, scale: number) => embedF32(values, tokens, dim, scale) };
  }
  const matrix = quantizeQ8(values);
  packQ8(packed.buffer, 0, matrix, 0, dim);
  const scales = new Float32Array(matrix.scale.length);
  decodeF16(matrix.scale, scales);
  return { packed, twin: (tokens: Int32Array, scale: number) => embedQ8(matrix.q, scales, tokens, dim, scale) };
}

for (const [dtype, kernel, step] of [
  ['f32', 'embedF32', 4],
  ['q8', 'embedQ8', 32],
] as const) {
  test(`${kernel} has the bits of its twin, over any row ranges (seed 1)`, () => {
    const next = random(1);
    for (let run = 0; run < 12; run++) {
      const [vocabulary, dim, rows] = [
        1 + randomInt(next, 40),
        step * (1 + randomInt(next, 4)),
        1 + randomInt(next, 64),
      ];
      const { packed, twin } = randomTable(next, dtype, vocabulary, dim);
      const tokens = Int32Array.from({ length: rows }, () => randomInt(next, vocabulary));
      const scale = run % 2 === 0 ? 1 : Math.fround(Math.sqrt(dim));
      const host = kernelHost();
      const out = guardedMatrix(host, rows, dim, dim);
      const operands = [out.address, host.place(packed), host.place(tokens), dim, scale];
      const middle = randomInt(next, rows + 1);
      host.kernels[kernel]!(...operands, middle, rows);
      host.kernels[kernel]!(...operands, 0, middle);
      assert.is(firstDifference(out.values(), twin(tokens, scale)), -1, `${vocabulary} x ${dim}, ${rows} rows`);
      assert.is(out.damage(), 0);
    }
  });

  test(`${kernel} of a neighbouring token is seen, and rows beyond the range stay as they were (planted fault, seed 2)`, () => {
    const next = random(2);
    const { packed, twin } = randomTable(next, dtype, 16, 32);
    const host = kernelHost();
    const out = guardedMatrix(host, 2, 32, 32);
    host.kernels[kernel]!(out.address, host.place(packed), host.place(Int32Array.of(7, 8)), 32, 1, 0, 2);
    assert.is.not(firstDifference(out.values(), twin(Int32Array.of(7, 9), 1)), -1);

    const one = guardedMatrix(host, 1, 32, 32);
    host.kernels[kernel]!(one.address, host.place(packed), host.place(Int32Array.of(7, 8)), 32, 1, 0, 2);
    assert.is(one.damage(), 32);
  });
}

test.run();
