/**
 * The block types of ggml, decoded. Q8_0 and Q4_0 stay in their blocks, which are ours, too; the others become floats.
 *
 * In the formulas d, m and dmin are f16, q is an unsigned field of the bits named; j counts the values of a block, or of a part of it.
 *
 *   Q4_1   d m           16 bytes                  d q4 + m                      value j in the lower half of byte j, j + 16 in the upper
 *   Q5_0   d    4 bytes  16 bytes                  d (q5 - 16)                   the fifth bit of value j is bit j of the four bytes
 *   Q5_1   d m  4 bytes  16 bytes                  d q5 + m
 *   Q4_K   d dmin   12 bytes   128 bytes           d scale q4 - dmin least       8 parts of 32, whose scale and least have 6 bits
 *   Q5_K   d dmin   12 bytes   32 bytes 128 bytes  d scale q5 - dmin least       the fifth bit of value j of part p is bit p of byte j
 *   Q6_K   128 bytes 64 bytes  16 scales (i8)  d   d scale (q6 - 32)             16 parts of 16
 *
 * Source: `dequantize_row_*` of ggml; the layouts are those of its block structures.
 *
 * **Bits**: every product of a formula has 24 bits or less, but that of Q6_K, so one rounding to f32 is left: that of the sum, or of
 * Q6_K's product. A double holds what is rounded exactly, or with more than 2 x 24 bits, so storing as f32 rounds as f32 arithmetic does.
 * @module
 */
import { valueOfF16 } from './float16.ts';
import type { GgmlName } from './gguf-types.ts';
import type { Scratch } from './scratch.ts';
import type { BlockDecoder } from './tensors.ts';

/** Values of a block of the plain types, and of the K types. */
const PLAIN = 32;
const SUPER = 256;

const DECODERS: Partial<Record<GgmlName, BlockDecoder>> = {
  Q8_0: (blocks, scratch) => {
    const { q, scale } = separate(blocks, PLAIN, scratch);
    return { q8: { q: new Int8Array(q.buffer, q.byteOffset, q.length), scale } };
  },
  Q4_0: (blocks, scratch) => ({ q4: separate(blocks, PLAIN / 2, scratch) }),
  Q4_1: floats(PLAIN, 20, (from, at, to, out) => {
    const [d, m] = [half(from, at), half(from, at + 2)];
    for (let j = 0; j < PLAIN / 2; j++) {
      const byte = from[at + 4 + j]!;
      to[out + j] = d * (byte & 15) + m;
      to[out + j + PLAIN / 2] = d * (byte >> 4) + m;
    }
  }),
  Q5_0: floats(PLAIN, 22, (from, at, to, out) => {
    const d = half(from, at);
    for (let j = 0; j < PLAIN; j++) to[out + j] = d * (fiveBits(from, at + 2, j) - 16);
  }),
  Q5_1: floats(PLAIN, 24, (from, at, to, out) => {
    const [d, m] = [half(from, at), half(from, at + 2)];
    for (let j = 0; j < PLAIN; j++) to[out + j] = d * fiveBits(from, at + 4, j) + m;
  }),
  Q4_K: floats(SUPER, 144, (from, at, to, out) => {
    const [d, dmin] = [half(from, at), half(from, at + 2)];
    for (let part = 0; part < 8; part++) {
      const [scale, least] = [d * scaleOf(from, at + 4, part), dmin * leastOf(from, at + 4, part)];
      const low = at + 16 + (part >> 1) * 32;
      const shift = (part & 1) * 4;
      for (let j = 0; j < 32; j++) to[out + part * 32 + j] = scale * ((from[low + j]! >> shift) & 15) - least;
    }
  }),
  Q5_K: floats(SUPER, 176, (from, at, to, out) => {
    const [d, dmin] = [half(from, at), half(from, at + 2)];
    for (let part = 0; part < 8; part++) {
      const [scale, least] = [d * scaleOf(from, at + 4, part), dmin * leastOf(from, at + 4, part)];
      const low = at + 48 + (part >> 1) * 32;
      const shift = (part & 1) * 4;
      for (let j = 0; j < 32; j++) {
        const fifth = ((from[at + 16 + j]! >> part) & 1) << 4;
        to[out + part * 32 + j] = scale * (((from[low + j]! >> shift) & 15) | fifth) - least;
      }
    }
  }),
  Q6_K: floats(SUPER, 210, (from, at, to, out) => {
    const d = half(from, at + 208);
    for (let i = 0; i < SUPER; i++) {
      const [side, quarter, j] = [i >> 7, (i >> 5) & 3, i & 31];
      const low = (from[at + side * 64 + (quarter & 1) * 32 + j]! >> ((quarter >> 1) * 4)) & 15;
      const high = (from[at + 128 + side * 32 + j]! >> (quarter * 2)) & 3;
      const scale = (from[at + 192 + (i >> 4)]! << 24) >> 24;
      to[out + i] = d * scale * ((low | (high << 4)) - 32);
    }
  }),
};

/** The decoder of a block type; undefined for plain numbers, and for block types that are not implemented. */
export function decoderOf(name: GgmlName): BlockDecoder | undefined {
  return DECODERS[name];
}

/** Writes the values of the block at `at` to `out`. */
type BlockToFloats = (from: Uint8Array, at: number, to: Float32Array, out: number) => void;

/** @param values of a block  @param bytes of a block */
function floats(values: number, bytes: number, decode: BlockToFloats): BlockDecoder {
  return (blocks, scratch) => {
    const to = scratch.floats((blocks.length / bytes) * values, 'values');
    for (let at = 0, out = 0; at < blocks.length; at += bytes, out += values) decode(blocks, at, to, out);
    return to;
  };
}

/** Takes blocks of a scale and `bytes` bytes apart. */
function separate(blocks: Uint8Array, bytes: number, scratch: Scratch): { q: Uint8Array; scale: Uint16Array } {
  const count = blocks.length / (2 + bytes);
  const q = scratch.bytes(count * bytes, 'storedQ');
  const scale = scratch.halves(count, 'storedScales');
  for (let block = 0, at = 0; block < count; block++, at += 2 + bytes) {
    scale[block] = blocks[at]! | (blocks[at + 1]! << 8);
    for (let i = 0, to = block * bytes; i < bytes; i++) q[to + i] = blocks[at + 2 + i]!;
  }
  return { q, scale };
}

/** The f16 at `at`. */
function half(bytes: Uint8Array, at: number): number {
  return valueOfF16(bytes[at]! | (bytes[at + 1]! << 8));
}

/** Value j of a Q5_0 or Q5_1 block, whose fifth bits are in the four bytes at `at`, and the others behind them. */
function fiveBits(from: Uint8Array, at: number, j: number): number {
  const four = (from[at + 4 + (j & 15)]! >> (j < 16 ? 0 : 4)) & 15;
  return four | (((from[at + (j >> 3)]! >> (j & 7)) & 1) << 4);
}

/**
 * The 6 bits of a part's scale: for the first four parts the lower ones of byte p, for the others the lower half of byte p + 4 under the two
 * upper bits of byte p - 4.
 */
function scaleOf(from: Uint8Array, at: number, part: number): number {
  if (part < 4) return from[at + part]! & 63;
  return (from[at + part + 4]! & 15) | ((from[at + part - 4]! >> 6) << 4);
}

/** The same of what is taken away, from bytes p + 4, the upper half of byte p + 4, and byte p. */
function leastOf(from: Uint8Array, at: number, part: number): number {
  if (part < 4) return from[at + part + 4]! & 63;
  return (from[at + part + 4]! >> 4) | ((from[at + part]! >> 6) << 4);
}
