/**
 * Packing: rows of a weight matrix into the panels that the matrix kernels read (layouts in opcodes.ts).
 *
 * Both functions place some rows of a matrix, at any row: tensors arrive in pieces, and several tensors become one matrix (queries above
 * keys above values). What no row fills, the rest of the last panel, must hold zeros, as fresh memory does.
 * @module
 */
import { decodeF16 } from '../formats/float16.ts';
import type { Q8Matrix } from '../formats/q8.ts';
import { BLOCK, PANEL, Q8_BLOCK_BYTES } from './opcodes.ts';

/** Bytes of a packed matrix. @param inDim a multiple of 32 for q8 */
export function packedBytes(outDim: number, inDim: number, dtype: 'f32' | 'q8'): number {
  const panels = Math.ceil(outDim / PANEL);
  return dtype === 'q8' ? panels * (inDim / BLOCK) * Q8_BLOCK_BYTES : panels * PANEL * inDim * 4;
}

/**
 * Packs f32 rows.
 *
 * @param memory  the packed matrix lies here,
 * @param address at this byte, a multiple of 4
 * @param values  (n, inDim) row-major
 * @param row     output of the first of them
 * @param inDim   elements
 */
export function packF32(
  memory: ArrayBufferLike,
  address: number,
  values: Float32Array,
  row: number,
  inDim: number,
): void {
  // As words: a weight's bits never pass through a JavaScript number.
  const from = new Int32Array(values.buffer, values.byteOffset, values.length);
  const to = new Int32Array(memory);
  for (let start = 0; start < from.length; start += inDim, row++) {
    let at = address / 4 + Math.floor(row / PANEL) * PANEL * inDim + (row % PANEL);
    for (let i = start; i < start + inDim; i++, at += PANEL) to[at] = from[i]!;
  }
}

/**
 * Packs q8 rows.
 *
 * @param memory  the packed matrix lies here,
 * @param address at this byte, a multiple of 4
 * @param matrix  n rows of inDim elements
 * @param row     output of the first of them
 * @param inDim   elements, a multiple of 32
 */
export function packQ8(memory: ArrayBufferLike, address: number, matrix: Q8Matrix, row: number, inDim: number): void {
  const { q } = matrix;
  const scales = new Float32Array(matrix.scale.length);
  decodeF16(matrix.scale, scales);
  const pairs = new Int16Array(memory);
  const floats = new Float32Array(memory);
  const panelBytes = (inDim / BLOCK) * Q8_BLOCK_BYTES;
  for (let start = 0; start < q.length; start += inDim, row++) {
    const lane = row % PANEL;
    let block = address + Math.floor(row / PANEL) * panelBytes;
    for (let from = start; from < start + inDim; from += BLOCK, block += Q8_BLOCK_BYTES) {
      let at = block / 2 + lane;
      for (let i = from; i < from + BLOCK; i += 2, at += PANEL) pairs[at] = (q[i]! & 0xff) | (q[i + 1]! << 8);
      floats[(block + BLOCK * PANEL) / 4 + lane] = scales[from / BLOCK]!;
    }
  }
}
