/** Q4_0 blocks by hand, and the bound on their error. */
import { dequantizeQ4, quantizeQ4 } from '../../src/formats/q4.ts';
import { assert, random, randomFloats, test } from '../harness.ts';

/** A block of 32 that begins with the values given. */
function block(...values: number[]): Float32Array {
  const result = new Float32Array(32);
  result.set(values);
  return result;
}

/** The first values of a block, as integers in -8..7. */
function integers(q: Uint8Array, count: number): number[] {
  return Array.from({ length: count }, (_, i) => (q[i]! & 15) - 8);
}

test('the value of largest magnitude becomes -8, the other sign ends at 7, halves go up on the scale', () => {
  // The scale is 16 / -8 = -2: -16 -> 8 -> 7, 1 -> -0.5 -> 0, 3 -> -1.5 -> -1, -1 -> 0.5 -> 1.
  const { q, scale } = quantizeQ4(block(16, -16, 1, 3, -1, 4, 0));
  assert.equal(integers(q, 7), [-8, 7, 0, -1, 1, -2, 0]);
  assert.equal([...scale], [0xc000]);
  // And with the other sign first the scale is 2.
  const other = quantizeQ4(block(-16, 16, 1, 3, -1, 4, 0));
  assert.equal(integers(other.q, 7), [-8, 7, 1, 2, 0, 2, 0]);
  assert.equal([...other.scale], [0x4000]);
});

test('value j of a block lies in the lower half of byte j, value j + 16 in the upper half', () => {
  const values = new Float32Array(64);
  values.set([-8, 3], 32);
  values.set([5, -2], 32 + 16);
  const { q } = quantizeQ4(values);
  assert.equal([...q.subarray(16, 19)], [0xd0, 0x6b, 0x88]);
});

test('a block of zeros has the scale zero', () => {
  const matrix = quantizeQ4(new Float32Array(32));
  assert.equal([...matrix.scale], [0x8000]); // 0 / -8 is -0, in ggml, too
  assert.ok(dequantizeQ4(matrix).every((value) => value === 0));
});

test('values too small for an f16 scale become zeros', () => {
  const restored = dequantizeQ4(quantizeQ4(block(1e-40, -1e-45, 1e-42)));
  assert.ok(restored.every((value) => value === 0));
});

test('every block has its own scale', () => {
  const values = new Float32Array(64);
  values[5] = 8;
  values[40] = -800;
  const { scale } = quantizeQ4(values);
  assert.equal([...scale], [0xbc00, 0x5640]);
});

/** Largest error over a step, which is what the far end is off by, and half of that elsewhere; 8 steps of half an f16 unit are added. */
function worstError(values: Float32Array, restored: Float32Array): number {
  let worst = 0;
  for (let start = 0; start < values.length; start += 32) {
    const part = values.subarray(start, start + 32);
    const outermost = part.reduce((most, value) => (Math.abs(value) > Math.abs(most) ? value : most), 0);
    const step = Math.abs(outermost) / 8;
    for (let i = start; i < start + 32; i++) {
      const far = (values[i]! * Math.sign(outermost)) / step < -7;
      worst = Math.max(worst, Math.abs(values[i]! - restored[i]!) / (step * ((far ? 1 : 0.5) + 8 * 2 ** -11)));
    }
  }
  return worst;
}

test('restored values are within half a step of the original, a whole one at the end that has no 8 (seed 3)', () => {
  const values = randomFloats(random(3), 4096);
  const quantized = quantizeQ4(values);
  const worst = worstError(values, dequantizeQ4(quantized));
  assert.ok(worst > 0.9 && worst <= 1.001, `${worst}`);
  quantized.q[77]! ^= 2;
  assert.ok(worstError(values, dequantizeQ4(quantized)) > 1.001, 'two steps off are seen');
});

test.run();
