/**
 * Block quantisation to 4 bits as GGUF's Q4_0 has it: 32 values of a row share one scale; value = scale * (q - 8) with q in 0..15.
 * Source: `quantize_row_q4_0_ref` of ggml.
 * @module
 */

/** Values that share a scale. */
export const Q4_BLOCK = 32;

/** A (rows, cols) matrix in blocks along its rows. */
export interface Q4Matrix {
  /** (rows * cols) 0..15, one in each byte. */
  readonly q: Uint8Array;
  /** (rows * cols / 32), before it is rounded to f16. */
  readonly scale: Float32Array;
}

/**
 * scale = (the value that is largest without its sign) / -8, so that it gets q = 0; q = floor(x / scale + 8.5), at most 15.
 *
 * @param values (rows * cols), cols a multiple of 32
 *
 * **Bits**: every step is rounded to f32, as the C source has it.
 */
export function quantizeQ4(values: Float32Array): Q4Matrix {
  const q = new Uint8Array(values.length);
  const scale = new Float32Array(values.length / Q4_BLOCK);
  for (let block = 0; block < scale.length; block++) {
    const start = block * Q4_BLOCK;
    let extreme = 0;
    for (let i = start; i < start + Q4_BLOCK; i++) {
      if (Math.abs(extreme) < Math.abs(values[i]!)) extreme = values[i]!;
    }
    const step = Math.fround(extreme / -8);
    const inverse = step === 0 ? 0 : Math.fround(1 / step);
    scale[block] = step;
    for (let i = start; i < start + Q4_BLOCK; i++) {
      const moved = Math.fround(Math.fround(values[i]! * inverse) + 8.5);
      q[i] = Math.min(15, Math.trunc(moved));
    }
  }
  return { q, scale };
}
