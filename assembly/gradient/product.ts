/**
 * Matrix product of row-major matrices, either of which may be held transposed:
 *
 *   c[m][n] = sum over k of a[m][k] * b[k][n],   or c[m][n] + that
 *
 *   forward   y = x Wᵀ         a = x, b = W transposed
 *   backward  dx = dy W        a = dy, b = W
 *             dW += dyᵀ x      a = dy transposed, b = x
 *
 * Blocked so that what is read again and again stays near: of b, BLOCK_INNER by BLOCK_COLS numbers are packed into panels of eight columns, of a,
 * BLOCK_ROWS by BLOCK_INNER into quads of four rows. A tile multiplies a quad with a panel in 8 vectors of sums, like matmul/tile.ts.
 *
 *     panel of b   k 0  n 0 1 2 3 4 5 6 7         quad of a   k 0  m 0 1 2 3
 *                  k 1  n 0 1 2 3 4 5 6 7                     k 1  m 0 1 2 3
 *
 * Source of the scheme: Goto and van de Geijn, "Anatomy of high-performance matrix multiplication", 2008.
 *
 * Bits: one accumulator an output, from zero or from what c holds, k in order; product and sum are each rounded. Blocks only interrupt it, so a
 * forward product has the bits of matmul/f32.ts, and those of a gradient over several batches do not depend on where they were cut.
 */
import { A_TRANSPOSED, BLOCK_COLS, BLOCK_INNER, BLOCK_ROWS, B_TRANSPOSED, KEEP } from '../../src/train/opcodes';

/** Rows of a quad, and columns of a panel. */
const QUAD: i32 = 4;
const PANEL: i32 = 8;
/** Bytes of a packed block of a, and of b. */
const A_BYTES: usize = <usize>(BLOCK_ROWS * BLOCK_INNER) << 2;
const B_BYTES: usize = <usize>(BLOCK_COLS * BLOCK_INNER) << 2;
/** Bytes from row to row of the tile that stands in for one at the edge of c. */
const EDGE_BYTES: usize = <usize>PANEL << 2;

/** Whether threads share out the rows of c; else its columns. What all of them pack is then the smaller part. */
// @ts-ignore: decorator
@inline
function splitsRows(rows: i32, cols: i32): bool {
  return rows > cols;
}

/** Quads or panels of c. */
export function productParts(rows: i32, cols: i32): i32 {
  return splitsRows(rows, cols) ? (rows + QUAD - 1) / QUAD : (cols + PANEL - 1) / PANEL;
}

/**
 * Parts partFrom..partTo - 1 of productParts(rows, cols).
 *
 * @param c        (rows, cols) f32, cStride elements from row to row; it overlaps neither a nor b
 * @param a        (rows, inner) f32, or with A_TRANSPOSED (inner, rows)
 * @param b        (inner, cols) f32, or with B_TRANSPOSED (cols, inner)
 * @param scratch  PRODUCT_SCRATCH bytes, this thread's own
 */
export function product(
  c: usize, a: usize, b: usize, rows: i32, cols: i32, inner: i32, cStride: i32, aStride: i32, bStride: i32, layout: i32, scratch: usize,
  partFrom: i32, partTo: i32,
): void {
  const byRows = splitsRows(rows, cols);
  const rowFrom = byRows ? partFrom * QUAD : 0;
  const rowTo = byRows ? min(partTo * QUAD, rows) : rows;
  const colFrom = byRows ? 0 : partFrom * PANEL;
  const colTo = byRows ? cols : min(partTo * PANEL, cols);
  const quads = scratch;
  const panels = scratch + A_BYTES;
  const edge = panels + B_BYTES;
  // A step along k, and one along rows of a or columns of b.
  const aLine = (layout & A_TRANSPOSED) != 0 ? 1 : aStride;
  const aStep = (layout & A_TRANSPOSED) != 0 ? aStride : 1;
  const bLine = (layout & B_TRANSPOSED) != 0 ? bStride : 1;
  const bStep = (layout & B_TRANSPOSED) != 0 ? 1 : bStride;

  for (let col = colFrom; col < colTo; col += BLOCK_COLS) {
    const blockCols = min(BLOCK_COLS, colTo - col);
    for (let k = 0; k < inner; k += BLOCK_INNER) {
      const steps = min(BLOCK_INNER, inner - k);
      const fresh = k == 0 && (layout & KEEP) == 0;
      pack(PANEL, panels, b + (<usize>(col * bLine + k * bStep) << 2), bLine, bStep, blockCols, steps);
      for (let row = rowFrom; row < rowTo; row += BLOCK_ROWS) {
        const blockRows = min(BLOCK_ROWS, rowTo - row);
        pack(QUAD, quads, a + (<usize>(row * aLine + k * aStep) << 2), aLine, aStep, blockRows, steps);
        multiplyBlock(c + (<usize>(row * cStride + col) << 2), <usize>cStride << 2, quads, panels, blockRows, blockCols, steps, fresh, edge);
      }
    }
  }
}

/** All tiles of a block of c. */
function multiplyBlock(
  c: usize, cBytes: usize, quads: usize, panels: usize, rows: i32, cols: i32, steps: i32, fresh: bool, edge: usize,
): void {
  const quadBytes = <usize>(steps * QUAD) << 2;
  const panelBytes = <usize>(steps * PANEL) << 2;
  for (let col = 0; col < cols; col += PANEL) {
    let quad = quads;
    for (let row = 0; row < rows; row += QUAD) {
      const to = c + <usize>row * cBytes + (<usize>col << 2);
      const height = min(QUAD, rows - row);
      const width = <usize>min(PANEL, cols - col) << 2;
      // At the edge of c a whole tile is computed elsewhere, and the part that there is of it copied.
      const whole = height == QUAD && width == EDGE_BYTES;
      const place = whole ? to : edge;
      const placeBytes = whole ? cBytes : EDGE_BYTES;
      if (!whole && !fresh) copyRows(edge, EDGE_BYTES, to, cBytes, width, height);
      if (fresh) tile(true, place, placeBytes, quad, panels, quadBytes);
      else tile(false, place, placeBytes, quad, panels, quadBytes);
      if (!whole) copyRows(to, cBytes, edge, EDGE_BYTES, width, height);
      quad += quadBytes;
    }
    panels += panelBytes;
  }
}

function copyRows(to: usize, toBytes: usize, from: usize, fromBytes: usize, bytes: usize, rows: i32): void {
  for (let row = 0; row < rows; row++) memory.copy(to + <usize>row * toBytes, from + <usize>row * fromBytes, bytes);
}

/** Four rows of eight sums: letters are rows, digits are vectors of four columns. `fresh` is a constant wherever this is called. */
// @ts-ignore: decorator
@inline
function tile(fresh: bool, c: usize, cBytes: usize, quad: usize, panel: usize, quadBytes: usize): void {
  const zero = f32x4.splat(0);
  const ca = c, cb = ca + cBytes, cc = cb + cBytes, cd = cc + cBytes;
  let a0 = fresh ? zero : v128.load(ca), a1 = fresh ? zero : v128.load(ca, 16);
  let b0 = fresh ? zero : v128.load(cb), b1 = fresh ? zero : v128.load(cb, 16);
  let c0 = fresh ? zero : v128.load(cc), c1 = fresh ? zero : v128.load(cc, 16);
  let d0 = fresh ? zero : v128.load(cd), d1 = fresh ? zero : v128.load(cd, 16);
  // One step at a time: see matmul/tile.ts.
  for (const end = quad + quadBytes; quad < end; quad += 16) {
    const p = v128.load(panel), q = v128.load(panel, 16);
    const a = v128.load32_splat(quad);
    a0 = f32x4.add(a0, f32x4.mul(p, a));
    a1 = f32x4.add(a1, f32x4.mul(q, a));
    const b = v128.load32_splat(quad, 4);
    b0 = f32x4.add(b0, f32x4.mul(p, b));
    b1 = f32x4.add(b1, f32x4.mul(q, b));
    const x = v128.load32_splat(quad, 8);
    c0 = f32x4.add(c0, f32x4.mul(p, x));
    c1 = f32x4.add(c1, f32x4.mul(q, x));
    const d = v128.load32_splat(quad, 12);
    d0 = f32x4.add(d0, f32x4.mul(p, d));
    d1 = f32x4.add(d1, f32x4.mul(q, d));
    panel += 32;
  }
  v128.store(ca, a0);
  v128.store(ca, a1, 16);
  v128.store(cb, b0);
  v128.store(cb, b1, 16);
  v128.store(cc, c0);
  v128.store(cc, c1, 16);
  v128.store(cd, d0);
  v128.store(cd, d1, 16);
}

/**
 * Packs `lines` rows of a, or columns of b, into strips of `width`, the last filled up with zeros: of each step along k the strip's lines lie side by
 * side.
 *
 * @param line  elements from one line to the next
 * @param step  elements from one k to the next; line or step is 1
 */
function pack(width: i32, to: usize, from: usize, line: i32, step: i32, lines: i32, steps: i32): void {
  const lineBytes = <usize>line << 2;
  const stepBytes = <usize>step << 2;
  const widthBytes = <usize>width << 2;
  for (let first = 0; first < lines; first += width) {
    for (let quad = 0; quad < width; quad += 4) {
      const at = to + (<usize>quad << 2);
      const count = min(4, lines - first - quad);
      const source = from + <usize>(first + quad) * lineBytes;
      if (count <= 0) for (let k = 0; k < steps; k++) v128.store(at + <usize>k * widthBytes, f32x4.splat(0));
      else if (count < 4) packFew(at, widthBytes, source, lineBytes, stepBytes, count, steps);
      else if (line == 1) for (let k = 0; k < steps; k++) v128.store(at + <usize>k * widthBytes, v128.load(source + <usize>k * stepBytes));
      else packTransposed(at, widthBytes, source, lineBytes, steps);
    }
    to += <usize>steps * widthBytes;
  }
}

/** Four lines, each contiguous along k. */
function packTransposed(to: usize, widthBytes: usize, from: usize, lineBytes: usize, steps: i32): void {
  const from1 = from + lineBytes, from2 = from1 + lineBytes, from3 = from2 + lineBytes;
  let k: usize = 0;
  for (const end = <usize>(steps & -4) << 2; k < end; k += 16) {
    const a = v128.load(from + k), b = v128.load(from1 + k), c = v128.load(from2 + k), d = v128.load(from3 + k);
    const ab = v128.shuffle<f32>(a, b, 0, 4, 1, 5), cd = v128.shuffle<f32>(c, d, 0, 4, 1, 5);
    v128.store(to, v128.shuffle<f32>(ab, cd, 0, 1, 4, 5));
    v128.store(to + widthBytes, v128.shuffle<f32>(ab, cd, 2, 3, 6, 7));
    const ef = v128.shuffle<f32>(a, b, 2, 6, 3, 7), gh = v128.shuffle<f32>(c, d, 2, 6, 3, 7);
    v128.store(to + 2 * widthBytes, v128.shuffle<f32>(ef, gh, 0, 1, 4, 5));
    v128.store(to + 3 * widthBytes, v128.shuffle<f32>(ef, gh, 2, 3, 6, 7));
    to += 4 * widthBytes;
  }
  packFew(to, widthBytes, from + k, lineBytes, 4, 4, steps & 3);
}

/** Up to four lines of a strip, element by element; zeros in place of those that are missing. */
function packFew(to: usize, widthBytes: usize, from: usize, lineBytes: usize, stepBytes: usize, count: i32, steps: i32): void {
  for (let k = 0; k < steps; k++) {
    for (let i: usize = 0; i < 4; i++) {
      store<f32>(to + (i << 2), i < <usize>count ? load<f32>(from + i * lineBytes) : 0);
    }
    to += widthBytes;
    from += stepBytes;
  }
}
