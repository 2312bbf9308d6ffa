/**
 * Embedding: out[r][i] = table[tokens[r]][i] * scale, for rows rowFrom..rowTo - 1.
 *
 * The table is packed in panels because a tied output layer multiplies with the same bytes; a row of it is one column of a panel.
 *
 * Operands of both: out (rows, dim) f32; table (vocabulary, dim) PACKED; tokens (rows) i32, each below the vocabulary; dim a multiple
 * of 32 for q8; scale is 1 for most architectures, where it changes no bit.
 */
import { BLOCK, PANEL, Q8_BLOCK_BYTES } from '../src/engine/opcodes';

/** Bytes of one f32 input of a panel. */
const STEP: usize = (<usize>PANEL) << 2;
/** Bytes of a q8 block's weights, before its scales. */
const WEIGHTS: usize = <usize>(BLOCK * PANEL);
/** Bytes of two q8 inputs of a panel. */
const PAIR: usize = <usize>(2 * PANEL);

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

/** Bits: (q * block scale) * scale, each product rounded; q as f32 is exact. */
export function embedQ8(out: usize, table: usize, tokens: usize, dim: i32, scale: f32, rowFrom: i32, rowTo: i32): void {
  const panelBytes = <usize>(dim / BLOCK) * Q8_BLOCK_BYTES;
  let to = out + ((<usize>rowFrom * <usize>dim) << 2);
  for (let row = rowFrom; row < rowTo; row++) {
    const token = <usize>load<u32>(tokens + (<usize>row << 2));
    const lane = token % PANEL;
    let block = table + (token / PANEL) * panelBytes;
    for (const end = block + panelBytes; block < end; block += Q8_BLOCK_BYTES) {
      const blockScale = load<f32>(block + WEIGHTS + (lane << 2));
      for (let pair = block + (lane << 1), stop = block + WEIGHTS; pair < stop; pair += PAIR) {
        store<f32>(to, <f32>load<i8>(pair) * blockScale * scale);
        store<f32>(to, <f32>load<i8>(pair, 1) * blockScale * scale, 4);
        to += 8;
      }
    }
  }
}
