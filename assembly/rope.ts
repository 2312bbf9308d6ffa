/**
 * RoPE: pairs of a head's elements turn by position * frequency.
 * Source: Su et al., 2021, arXiv 2104.09864.
 *
 *   halves        (0, half) (1, half + 1) ...     as in Llama checkpoints of Hugging Face
 *   interleaved   (0, 1) (2, 3) ...               as in the paper
 *
 * With partial rotary, `half` is less than headDim / 2 and the elements from 2 * half on stay as they are.
 *
 * Bits: element by element, no reduction; the position decides, never the slot.
 */
import { cosineAndSine } from './math';
import { multiply } from './softmax';

/** Values of `pairing`; 0 is halves. */
const INTERLEAVED: i32 = 1;

/**
 * table[row] = the cosines, then the sines, of positions[row] * frequencies[i], times `scale`.
 * The angle is rounded to f32 before its cosine and sine are taken, as in the reference implementations.
 *
 * @param table        (rows, 2, half) f32
 * @param positions    (rows,) i32, 0 or more
 * @param frequencies  (half,) f32, radians per position
 * @param scale        1 for most models, where it changes no bit
 */
export function ropeTable(table: usize, positions: usize, frequencies: usize, half: i32, scale: f32, rowFrom: i32, rowTo: i32): void {
  const bytes = <usize>half << 2;
  for (let row = rowFrom; row < rowTo; row++) {
    const cosines = table + <usize>row * bytes * 2;
    const position = <f32>load<i32>(positions + (<usize>row << 2));
    for (let i: usize = 0; i < bytes; i += 4) {
      cosineAndSine(cosines + i, cosines + bytes + i, position * load<f32>(frequencies + i));
    }
    if (scale != 1) multiply(cosines, 2 * half, scale);
  }
}

/**
 * Turns heads headFrom..headTo - 1 of every row, in place: (a, b) becomes (a cos - b sin, b cos + a sin).
 *
 * @param x        (rows, heads, headDim) f32; `stride` elements from row to row
 * @param table    what ropeTable wrote for the same rows
 * @param pairing  0 halves, 1 interleaved
 */
export function rope(x: usize, table: usize, rows: i32, headDim: i32, half: i32, stride: i32, pairing: i32, headFrom: i32, headTo: i32): void {
  const bytes = <usize>half << 2;
  const step: usize = pairing == INTERLEAVED ? 8 : 4;
  const gap: usize = pairing == INTERLEAVED ? 4 : bytes;
  for (let row = 0; row < rows; row++) {
    const cosines = table + <usize>row * bytes * 2;
    for (let head = headFrom; head < headTo; head++) {
      let a = x + ((<usize>row * stride + <usize>head * headDim) << 2);
      for (let i: usize = 0; i < bytes; i += 4) {
        const cosine = load<f32>(cosines + i);
        const sine = load<f32>(cosines + bytes + i);
        const p = load<f32>(a);
        const q = load<f32>(a + gap);
        store<f32>(a, p * cosine - q * sine);
        store<f32>(a + gap, q * cosine + p * sine);
        a += step;
      }
    }
  }
}
