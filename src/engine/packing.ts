/**
 * Packing: rows of a weight matrix into the panels that the matrix kernels read (layouts in opcodes.ts).
 *
 * Both functions place some rows of a matrix, at any row: tensors arrive in pieces, and several tensors become one matrix (q above k
 * above v). What no row fills, the rest of the last panel, must be zero, as fresh memory is.
 * @module
 */
import { BLOCK, PANEL, Q8_BLOCK_BYTES } from './opcodes.ts';

const WEIGHT_BYTES = BLOCK * PANEL;

/** Bytes of a packed f32 matrix. */
export function packedBytesF32(outDim: number, inDim: number): number {
  return Math.ceil(outDim / PANEL) * PANEL * inDim * 4;
}

/** Bytes of a packed q8 matrix; inDim is a multiple of 32. */
export function packedBytesQ8(outDim: number, inDim: number): number {
  return (Math.ceil(outDim / PANEL) * inDim * Q8_BLOCK_BYTES) / BLOCK;
}

/**
 * Packs f32 rows.
 *
 * @param panels the packed matrix
 * @param rows   (n, inDim) row-major
 * @param inDim  inputs
 * @param row    where the first of them goes: its output
 */
export function packF32(panels: Float32Array, rows: Float32Array, inDim: number, row: number): void {
  // As words: the bits of a weight never pass through a JavaScript number.
  const to = new Int32Array(panels.buffer, panels.byteOffset, panels.length);
  const from = new Int32Array(rows.buffer, rows.byteOffset, rows.length);
  for (let start = 0; start < from.length; start += inDim, row++) {
    let at = Math.floor(row / PANEL) * PANEL * inDim + (row % PANEL);
    for (let i = start; i < start + inDim; i++, at += PANEL) to[at] = from[i]!;
  }
}

/**
 * Packs q8 rows.
 *
 * @param panels the packed matrix
 * @param q      (n, inDim) row-major
 * @param scales (n, inDim / 32) f32, exactly the f16 values of the format
 * @param inDim  inputs, a multiple of 32
 * @param row    where the first of them goes: its output
 */
export function packQ8(panels: Uint8Array, q: Int8Array, scales: Float32Array, inDim: number, row: number): void {
  const view = new DataView(panels.buffer, panels.byteOffset, panels.byteLength);
  const blocks = inDim / BLOCK;
  for (let start = 0; start < q.length; start += inDim, row++) {
    const lane = row % PANEL;
    for (let block = 0; block < blocks; block++) {
      const to = (Math.floor(row / PANEL) * blocks + block) * Q8_BLOCK_BYTES;
      const from = start + block * BLOCK;
      for (let i = 0; i < BLOCK; i += 2) {
        const pair = to + i * PANEL + lane * 2;
        panels[pair] = q[from + i]!;
        panels[pair + 1] = q[from + i + 1]!;
      }
      view.setFloat32(to + WEIGHT_BYTES + lane * 4, scales[from / BLOCK]!, true);
    }
  }
}
