/** Q8_0 blocks by hand, and the bound on their error. */
import { dequantizeQ8, quantizeQ8 } from '../../src/formats/q8.ts';
import { assert, random, randomFloats, test } from '../harness.ts';

/** A block of 32 that begins with the values given. */
function block(...values: number[]): Float32Array {
  const result = new Float32Array(32);
  result.set(values);
  return result;
}

test('the largest value of a block becomes 127, halves go away from zero', () => {
  // The scale is 254 / 127 = 2: 1 -> 0.5 -> 1, 3 -> 1.5 -> 2, 5 -> 2.5 -> 3.
  const { q, scale } = quantizeQ8(block(254, -254, 1, -1, 3, -3, 5, 2));
  assert.equal([...q.slice(0, 9)], [127, -127, 1, -1, 2, -2, 3, 1, 0]);
  assert.equal([...scale], [0x4000]);
});

test('a block of zeros has the scale zero', () => {
  const { q, scale } = quantizeQ8(new Float32Array(32));
  assert.equal([...scale], [0]);
  assert.ok(q.every((value) => value === 0));
});

test('values too small for an f16 scale become zeros', () => {
  const restored = dequantizeQ8(quantizeQ8(block(1e-40, -1e-45, 1e-42)));
  assert.ok(restored.every((value) => value === 0));
});

test('every block has its own scale', () => {
  const values = new Float32Array(64);
  values[5] = 127;
  values[40] = -12700;
  const { q, scale } = quantizeQ8(values);
  assert.equal([...scale], [0x3c00, 0x5640]);
  assert.equal([q[5], q[40]], [127, -127]);
});

/** Largest error over half a step, plus what rounding the scale to f16 adds: 127 steps of half an f16 unit. */
function worstError(values: Float32Array, restored: Float32Array): number {
  let worst = 0;
  for (let start = 0; start < values.length; start += 32) {
    const largest = values.slice(start, start + 32).reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    const bound = largest / 254 + largest * 2 ** -11;
    for (let i = start; i < start + 32; i++) worst = Math.max(worst, Math.abs(values[i]! - restored[i]!) / bound);
  }
  return worst;
}

test('restored values are within half a step of the original (seed 3)', () => {
  const values = randomFloats(random(3), 4096);
  const quantized = quantizeQ8(values);
  const worst = worstError(values, dequantizeQ8(quantized));
  assert.ok(worst > 0.9 && worst <= 1.001, `${worst}`);
  quantized.q[77]! += 1;
  assert.ok(worstError(values, dequantizeQ8(quantized)) > 1.001, 'one step off is seen');
});

test.run();
