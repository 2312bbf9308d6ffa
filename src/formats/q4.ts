/**
 * Block quantisation to 4 bits: 32 values of a row share one scale; value = scale * (q - 8) with q in 0..15. The format and the rounding
 * are those of GGUF's Q4_0, so a matrix quantised here equals one quantised there.
 * Source: `quantize_row_q4_0_ref` of ggml.
 * @module
 */
import { encodeF16, valueOfF16 } from './float16.ts';
import { Scratch } from './scratch.ts';

/** Values that share a scale. */
export const Q4_BLOCK = 32;
const HALF = Q4_BLOCK / 2;

/** A (rows, cols) matrix in blocks along its rows. */
export interface Q4Matrix {
  /** (rows * cols / 2) two values a byte: byte j of a block holds value j in its lower four bits and value j + 16 in its upper ones. */
  readonly q: Uint8Array;
  /** (rows * cols / 32) f16 */
  readonly scale: Uint16Array;
}

/**
 * scale = m / -8 with m the value of largest magnitude, the first of several: m becomes 0, which stands for -8, and the other sign reaches
 * 7. q = floor(x / scale + 8.5), at most 15; q is computed with the f32 scale, which is then stored as f16.
 *
 * @param values (rows * cols) finite, cols a multiple of 32
 * @param scratch memory for the blocks, which are valid until it is used again
 *
 * **Bits**: every step is rounded to f32, as the C source has it where the compiler fuses nothing.
 */
export function quantizeQ4(values: Float32Array, scratch = new Scratch()): Q4Matrix {
  const q = scratch.bytes(values.length / 2, 'q');
  const scales = scratch.floats(values.length / Q4_BLOCK, 'blockScales');
  for (let block = 0; block < scales.length; block++) {
    const start = block * Q4_BLOCK;
    const scale = Math.fround(outermost(values, start) / -8);
    const inverse = scale === 0 ? 0 : Math.fround(1 / scale);
    scales[block] = scale;
    for (let j = 0; j < HALF; j++) {
      q[start / 2 + j] = step(values[start + j]!, inverse) | (step(values[start + HALF + j]!, inverse) << 4);
    }
  }
  const scale = scratch.halves(scales.length, 'scale');
  encodeF16(scales, scale);
  return { q, scale };
}

/** The sum is never negative, so cutting its fraction off rounds down. */
function step(value: number, inverse: number): number {
  const q = Math.fround(Math.fround(value * inverse) + 8.5) | 0;
  return Math.min(q, 15);
}

/** The value of largest magnitude of the block at `start`, with its sign. */
function outermost(values: Float32Array, start: number): number {
  let largest = 0;
  let value = 0;
  for (let i = start; i < start + Q4_BLOCK; i++) {
    const magnitude = Math.abs(values[i]!);
    if (magnitude > largest) {
      value = values[i]!;
      largest = magnitude;
    }
  }
  return value;
}

/** (rows * cols) the values that the blocks stand for, each rounded to f32 once. */
export function dequantizeQ4({ q, scale }: Q4Matrix, scratch = new Scratch()): Float32Array {
  const values = scratch.floats(q.length * 2, 'floats');
  for (let block = 0, at = 0, low = 0; block < scale.length; block++, low += Q4_BLOCK) {
    const step = valueOfF16(scale[block]!);
    for (let j = 0; j < HALF; j++, at++) {
      values[low + j] = ((q[at]! & 15) - 8) * step;
      values[low + HALF + j] = ((q[at]! >> 4) - 8) * step;
    }
  }
  return values;
}
