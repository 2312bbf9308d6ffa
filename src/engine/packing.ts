/**
 * Packing: rows of a weight matrix into the panels that the matrix kernels read (layouts in opcodes.ts).
 *
 * All functions place some rows of a matrix, at any row: tensors arrive in pieces, and several tensors become one matrix (queries above
 * keys above values). What no row fills, the rest of the last panel, must hold zeros, as fresh memory does.
 *
 * Operands of all: the packed matrix lies in `memory` at byte `address`, a multiple of 4; `row` is the output of the first row given; a row
 * has `inDim` elements, a multiple of 32 where they are in blocks.
 * @module
 */
import { aligned } from '../formats/byte-source.ts';
import { valueOfF16 } from '../formats/float16.ts';
import type { Q4Matrix } from '../formats/q4.ts';
import type { Q8Matrix } from '../formats/q8.ts';
import { BLOCK, PANEL, Q4_BLOCK_BYTES, Q8_BLOCK_BYTES } from './opcodes.ts';

/** How weights are held in memory. */
export type WeightType = 'f32' | 'bf16' | 'f16' | 'q8' | 'q4';

/** Outputs of a quad: half a panel. */
const QUAD = PANEL / 2;
/** 32-bit words of the weights of a block, before its scales. */
const Q8_WORDS = (BLOCK * PANEL) / 4;
const Q4_WORDS = (BLOCK * PANEL) / 8;
/** The lower four bits of every byte of a word. */
const LOW_HALVES = 0x0f0f0f0f;

/** Bytes of a panel. */
function panelBytes(inDim: number, dtype: WeightType): number {
  switch (dtype) {
    case 'f32':
      return PANEL * inDim * 4;
    case 'bf16':
    case 'f16':
      return PANEL * inDim * 2;
    case 'q8':
      return (inDim / BLOCK) * Q8_BLOCK_BYTES;
    case 'q4':
      return (inDim / BLOCK) * Q4_BLOCK_BYTES;
  }
}

/** Bytes of a packed matrix. @param inDim a multiple of 32 for q8 and q4 */
export function packedBytes(outDim: number, inDim: number, dtype: WeightType): number {
  return Math.ceil(outDim / PANEL) * panelBytes(inDim, dtype);
}

/** Packs f32 rows. @param values (n, inDim) row-major */
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

/** Packs bf16 or f16 rows. @param values (n, inDim) row-major */
export function packHalves(
  memory: ArrayBufferLike,
  address: number,
  values: Uint16Array,
  row: number,
  inDim: number,
): void {
  const to = new Uint16Array(memory);
  for (let start = 0; start < values.length; start += inDim, row++) {
    const lane = row % PANEL;
    let at = address / 2 + Math.floor(row / PANEL) * PANEL * inDim + (lane % QUAD) * 2 + Math.floor(lane / QUAD);
    for (let i = start; i < start + inDim; i++, at += PANEL) to[at] = values[i]!;
  }
}

/** Packs q8 rows. */
export function packQ8(memory: ArrayBufferLike, address: number, matrix: Q8Matrix, row: number, inDim: number): void {
  const from = wordsOf(matrix.q);
  const to = new Int32Array(memory);
  const sums = new Int16Array(memory);
  eachBlock(memory, address, { dtype: 'q8', scale: matrix.scale, row, inDim }, (block, lane, at) => {
    let sum = 0;
    for (let turn = 0; turn < BLOCK / 4; turn++) {
      const word = from[(block * BLOCK) / 4 + turn]!;
      to[at / 4 + turn * PANEL + lane] = word;
      sum += ((word << 24) >> 24) + ((word << 16) >> 24) + ((word << 8) >> 24) + (word >> 24);
    }
    sums[at / 2 + (Q8_WORDS + PANEL) * 2 + lane] = -sum;
  });
}

/** Packs q4 rows. */
export function packQ4(memory: ArrayBufferLike, address: number, matrix: Q4Matrix, row: number, inDim: number): void {
  const from = wordsOf(matrix.q);
  const to = new Int32Array(memory);
  eachBlock(memory, address, { dtype: 'q4', scale: matrix.scale, row, inDim }, (block, lane, at) => {
    const shift = lane < QUAD ? 0 : 4;
    const others = ~(LOW_HALVES << shift); // the output four above or below has the other half of every byte
    const first = at / 4 + (lane % QUAD);
    const put = (turn: number, values: number) => {
      const word = first + turn * QUAD;
      to[word] = (to[word]! & others) | (values << shift);
    };
    for (let turn = 0; turn < BLOCK / 8; turn++) {
      const word = from[(block * BLOCK) / 8 + turn]!;
      put(turn, word & LOW_HALVES);
      put(turn + BLOCK / 8, (word >>> 4) & LOW_HALVES);
    }
  });
}

/** Some rows in blocks. */
interface BlockRows {
  readonly dtype: 'q8' | 'q4';
  /** (n * inDim / 32) f16 */
  readonly scale: Uint16Array;
  readonly row: number;
  readonly inDim: number;
}

/**
 * Writes the scale of every block, and has its weights written.
 * @param pack called with the block's number among those given, its output's number in the panel, and the byte where it begins in memory
 */
function eachBlock(
  memory: ArrayBufferLike,
  address: number,
  { dtype, scale, row, inDim }: BlockRows,
  pack: (block: number, lane: number, at: number) => void,
): void {
  const floats = new Float32Array(memory);
  const blockBytes = dtype === 'q8' ? Q8_BLOCK_BYTES : Q4_BLOCK_BYTES;
  const scaleWord = dtype === 'q8' ? Q8_WORDS : Q4_WORDS;
  const blocks = inDim / BLOCK;
  for (let block = 0; block < scale.length; block++) {
    const output = row + Math.floor(block / blocks);
    const lane = output % PANEL;
    const at = address + Math.floor(output / PANEL) * panelBytes(inDim, dtype) + (block % blocks) * blockBytes;
    pack(block, lane, at);
    floats[at / 4 + scaleWord + lane] = valueOfF16(scale[block]!);
  }
}

/** Bytes as 32-bit words, copied when they are not aligned. */
function wordsOf(values: Int8Array | Uint8Array): Int32Array {
  const { buffer, byteOffset, length } = aligned(
    new Uint8Array(values.buffer, values.byteOffset, values.length),
    Int32Array.BYTES_PER_ELEMENT,
  );
  return new Int32Array(buffer, byteOffset, length / 4);
}
