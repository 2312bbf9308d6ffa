/**
 * Embedding: out[r][i] = table[tokens[r]][i] * scale, for rows rowFrom..rowTo - 1.
 *
 * The table is packed in panels because a tied output layer multiplies with the same bytes; a row of it is one column of a panel.
 *
 * Operands of all: out (rows, dim) f32; table (vocabulary, dim) PACKED; tokens (rows) i32, each below the vocabulary; dim a multiple
 * of 32 for q8 and q4; scale is 1 for most architectures, where it changes no bit.
 */
import { BLOCK, PANEL, Q4_BLOCK_BYTES, Q8_BLOCK_BYTES } from '../src/engine/opcodes';
import { F16_FACTOR } from './kv-type';

/** Bytes of one f32 input of a panel. */
const STEP: usize = (<usize>PANEL) << 2;
/** Bytes of a q8 block's weights, before its scales, and of a q4 block's. */
const Q8_WEIGHTS: usize = <usize>(BLOCK * PANEL);
const Q4_WEIGHTS: usize = <usize>(BLOCK * PANEL / 2);

/** Bits: one product. */
export function embedF32(out: usize, table: usize, tokens: usize, dim: i32, scale: f32, rowFrom: i32, rowTo: i32): void {
  let to = out + ((<usize>rowFrom * <usize>dim) << 2);
  for (let row = rowFrom; row < rowTo; row++) {
    const token = <usize>load<u32>(tokens + (<usize>row << 2));
    let from = table + (token / PANEL) * <usize>dim * STEP + ((token % PANEL) << 2);
    for (const end = to + (<usize>dim << 2); to < end; to += 4) {
      store<f32>(to, load<f32>(from) * scale);
      from += STEP;
    }
  }
}

/** Bits: one product. */
export function embedBf16(out: usize, table: usize, tokens: usize, dim: i32, scale: f32, rowFrom: i32, rowTo: i32): void {
  embedHalves(false, out, table, tokens, dim, scale, rowFrom, rowTo);
}

/** Bits: one product; the f16 as f32 is exact. */
export function embedF16(out: usize, table: usize, tokens: usize, dim: i32, scale: f32, rowFrom: i32, rowTo: i32): void {
  embedHalves(true, out, table, tokens, dim, scale, rowFrom, rowTo);
}

/** An f16 as f32: see matmul/f16.ts. */
// @ts-ignore: decorator
@inline
function fromF16(bits: u32): f32 {
  return reinterpret<f32>(((bits & 0x8000) << 16) | ((bits & 0x7fff) << 13)) * F16_FACTOR;
}

function embedHalves(f16: bool, out: usize, table: usize, tokens: usize, dim: i32, scale: f32, rowFrom: i32, rowTo: i32): void {
  let to = out + ((<usize>rowFrom * <usize>dim) << 2);
  for (let row = rowFrom; row < rowTo; row++) {
    const token = <usize>load<u32>(tokens + (<usize>row << 2));
    const lane = token % PANEL;
    let from = table + (token / PANEL) * <usize>dim * (STEP >> 1) + ((lane % 4) << 2) + ((lane / 4) << 1);
    for (const end = to + (<usize>dim << 2); to < end; to += 4) {
      const bits = <u32>load<u16>(from);
      store<f32>(to, (f16 ? fromF16(bits) : reinterpret<f32>(bits << 16)) * scale);
      from += STEP >> 1;
    }
  }
}

/** Bits: (q * block scale) * scale, each product rounded; q as f32 is exact. */
export function embedQ8(out: usize, table: usize, tokens: usize, dim: i32, scale: f32, rowFrom: i32, rowTo: i32): void {
  const panelBytes = <usize>(dim / BLOCK) * Q8_BLOCK_BYTES;
  let to = out + ((<usize>rowFrom * <usize>dim) << 2);
  for (let row = rowFrom; row < rowTo; row++) {
    const token = <usize>load<u32>(tokens + (<usize>row << 2));
    const lane = token % PANEL;
    let block = table + (token / PANEL) * panelBytes;
    for (const end = block + panelBytes; block < end; block += Q8_BLOCK_BYTES) {
      const blockScale = load<f32>(block + Q8_WEIGHTS + (lane << 2));
      for (let i: usize = 0; i < <usize>BLOCK; i++) {
        const byte = load<i8>(block + (i / 4 * PANEL + lane) * 4 + i % 4);
        store<f32>(to, <f32>byte * blockScale * scale);
        to += 4;
      }
    }
  }
}

/** Bits: (q * block scale) * scale, each product rounded; q as f32 is exact. */
export function embedQ4(out: usize, table: usize, tokens: usize, dim: i32, scale: f32, rowFrom: i32, rowTo: i32): void {
  const panelBytes = <usize>(dim / BLOCK) * Q4_BLOCK_BYTES;
  let to = out + ((<usize>rowFrom * <usize>dim) << 2);
  for (let row = rowFrom; row < rowTo; row++) {
    const token = <usize>load<u32>(tokens + (<usize>row << 2));
    const lane = token % PANEL;
    const shift = <u8>(lane / 4 * 4);
    let block = table + (token / PANEL) * panelBytes;
    for (const end = block + panelBytes; block < end; block += Q4_BLOCK_BYTES) {
      const blockScale = load<f32>(block + Q4_WEIGHTS + (lane << 2));
      for (let i: usize = 0; i < <usize>BLOCK; i++) {
        const byte = load<u8>(block + (i / 4 * 4 + lane % 4) * 4 + i % 4);
        store<f32>(to, <f32>(<i32>((byte >> shift) & 15) - 8) * blockScale * scale);
        to += 4;
      }
    }
  }
}
