/**
 * RoPE into another array, forward and back: a turn is undone by the turn the other way, which is also its transpose.
 *
 *   out(a, b) = (a cos - b sin, b cos + a sin),   direction 1;   sin has the other sign for direction -1
 *
 * Source: Su et al., 2021, arXiv 2104.09864; pairs as in ../rope.ts.
 *
 * Bits: element by element, those of ../rope.ts for direction 1.
 */
import { keepMask, put } from './accumulate';

/** Values of `pairing`; 0 is halves. */
const INTERLEAVED: i32 = 1;

/**
 * Rows rowFrom..rowTo - 1.
 *
 * @param out    (rows, heads, headDim) f32, not x
 * @param keep   -1 to add to out, 0 to write over it
 * @param x      (rows, heads, headDim) f32
 * @param table  (rows, 2, half) f32, what ropeTable wrote for the same rows
 * @param half   pairs of a head that turn, a multiple of 4 unless interleaved; the rest of a head stays as it is
 */
export function rotate(
  out: usize, keep: i32, x: usize, table: usize, heads: i32, headDim: i32, half: i32, pairing: i32, direction: f32, rowFrom: i32, rowTo: i32,
): void {
  const bytes = <usize>half << 2;
  const headBytes = <usize>headDim << 2;
  const mask = keepMask(keep);
  const directions = f32x4.splat(direction);
  const flip = pairing == INTERLEAVED;
  // Neighbours of a pair: which of them is subtracted.
  const signs = f32x4.mul(f32x4(-1, 1, -1, 1), directions);
  for (let row = rowFrom; row < rowTo; row++) {
    const cosines = table + <usize>row * bytes * 2;
    const sines = cosines + bytes;
    for (let head = 0; head < heads; head++) {
      const offset = <usize>(row * heads + head) * headBytes;
      const from = x + offset;
      const to = out + offset;
      if (flip) {
        for (let i: usize = 0; i < bytes; i += 8) {
          const cosine = v128.load64_splat(cosines + i), sine = v128.load64_splat(sines + i);
          const c = v128.shuffle<f32>(cosine, cosine, 0, 0, 1, 1), s = f32x4.mul(v128.shuffle<f32>(sine, sine, 0, 0, 1, 1), signs);
          const pair = v128.load(from + 2 * i);
          const other = v128.shuffle<f32>(pair, pair, 1, 0, 3, 2);
          put(to + 2 * i, f32x4.add(f32x4.mul(pair, c), f32x4.mul(other, s)), mask);
        }
      } else {
        for (let i: usize = 0; i < bytes; i += 16) {
          const c = v128.load(cosines + i), s = f32x4.mul(v128.load(sines + i), directions);
          const a = v128.load(from + i), b = v128.load(from + bytes + i);
          put(to + i, f32x4.sub(f32x4.mul(a, c), f32x4.mul(b, s)), mask);
          put(to + bytes + i, f32x4.add(f32x4.mul(b, c), f32x4.mul(a, s)), mask);
        }
      }
      for (let i: usize = 2 * bytes; i < headBytes; i += 16) put(to + i, v128.load(from + i), mask);
    }
  }
}
