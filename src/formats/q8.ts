/**
 * Block quantisation to 8 bits: 32 values of a row share one scale; value = scale * q with q in -127..127. The format and the rounding
 * are those of GGUF's Q8_0, so a matrix quantised here equals one quantised there.
 * Source: `quantize_row_q8_0_ref` of ggml.
 * @module
 */
import { encodeF16, valueOfF16 } from './float16.ts';
import { Scratch } from './scratch.ts';

/** Values that share a scale. */
export const Q8_BLOCK = 32;

/** A word, and the f32 of the same bits. */
const WORD = new Int32Array(1);
const SINGLE = new Float32Array(WORD.buffer);

/** A (rows, cols) matrix in blocks along its rows. */
export interface Q8Matrix {
  /** (rows * cols) */
  readonly q: Int8Array;
  /** (rows * cols / 32) f16 */
  readonly scale: Uint16Array;
}

/**
 * scale = max|x| / 127, q = round(x / scale), halves away from zero; q is computed with the f32 scale, which is then stored as f16.
 *
 * @param values (rows * cols) finite, cols a multiple of 32
 * @param scratch memory for the blocks, which are valid until it is used again
 *
 * **Bits**: every step is rounded to f32, as the C source has it.
 */
export function quantizeQ8(values: Float32Array, scratch = new Scratch()): Q8Matrix {
  const q = new Int8Array(scratch.bytes(values.length, 'q').buffer, 0, values.length);
  const words = new Int32Array(values.buffer, values.byteOffset, values.length);
  const scales = scratch.floats(values.length / Q8_BLOCK, 'blockScales');
  for (let block = 0; block < scales.length; block++) {
    const start = block * Q8_BLOCK;
    let largest = 0; // as bits, which are in the order of the magnitudes: whole numbers are compared without a branch
    for (let i = start; i < start + Q8_BLOCK; i++) largest = Math.max(largest, words[i]! & 0x7fffffff);
    WORD[0] = largest;
    const scale = Math.fround(SINGLE[0]! / 127);
    const inverse = scale === 0 ? 0 : Math.fround(1 / scale);
    scales[block] = scale;
    for (let i = start; i < start + Q8_BLOCK; i++) {
      const magnitude = (Math.abs(Math.fround(values[i]! * inverse)) + 0.5) | 0;
      const sign = words[i]! >> 31; // 0 or -1: a branch would be mispredicted half of the time
      q[i] = (magnitude ^ sign) - sign;
    }
  }
  const scale = scratch.halves(scales.length, 'scale');
  encodeF16(scales, scale);
  return { q, scale };
}

/** (rows * cols) the values that the blocks stand for, each rounded to f32 once. */
export function dequantizeQ8({ q, scale }: Q8Matrix, scratch = new Scratch()): Float32Array {
  const values = scratch.floats(q.length, 'floats');
  for (let block = 0, at = 0; block < scale.length; block++) {
    const step = valueOfF16(scale[block]!);
    for (const end = at + Q8_BLOCK; at < end; at++) values[at] = q[at]! * step;
  }
  return values;
}
