/**
 * Block quantisation to 4 bits as GGUF's Q4_0 has it: 32 values of a row share one scale; value = scale * (q - 8) with q in 0..15.
 * Source: `quantize_row_q4_0_ref` of ggml.
 * @module
 */
import { encodeF16 } from '../../../src/formats/float16.ts';

/** Values that share a scale. */
export const Q4_BLOCK = 32;
const HALF = Q4_BLOCK / 2;

/** A (rows, cols) matrix in blocks along its rows. */
export interface Q4Matrix {
  /** (rows * cols / 2) byte j of a block holds value j in its low half and value j + 16 in its high one. */
  readonly q: Uint8Array;
  /** (rows * cols / 32) f16 */
  readonly scale: Uint16Array;
}

/**
 * scale = (the value that is largest without its sign) / -8, so that it gets q = 0; q = floor(x / scale + 8.5), at most 15, by the f32 scale.
 *
 * @param values (rows * cols), cols a multiple of 32
 *
 * **Bits**: every step is rounded to f32, as the C source has it.
 */
export function quantizeQ4(values: Float32Array): Q4Matrix {
  const q = new Uint8Array(values.length / 2);
  const scales = new Float32Array(values.length / Q4_BLOCK);
  for (let block = 0; block < scales.length; block++) {
    const start = block * Q4_BLOCK;
    let extreme = 0;
    for (let i = start; i < start + Q4_BLOCK; i++) {
      if (Math.abs(extreme) < Math.abs(values[i]!)) extreme = values[i]!;
    }
    const step = Math.fround(extreme / -8);
    const inverse = step === 0 ? 0 : Math.fround(1 / step);
    const level = (value: number) => Math.min(15, Math.trunc(Math.fround(Math.fround(value * inverse) + 8.5)));
    scales[block] = step;
    for (let j = 0; j < HALF; j++) {
      q[start / 2 + j] = level(values[start + j]!) | (level(values[start + HALF + j]!) << 4);
    }
  }
  const scale = new Uint16Array(scales.length);
  encodeF16(scales, scale);
  return { q, scale };
}
