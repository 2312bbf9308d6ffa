/**
 * Rows of a table, taken and given back; a bias, added to rows and summed over them.
 *
 * Bits: rows are added to a table in their order, as are those of a sum; every column has one accumulator.
 */
import { loadLanes, storeLanes } from '../lanes';

/** Columns that one part of a sum over rows has: a cache line. */
export const COLUMN_GROUP: i32 = 16;

/** out[r] = table[ids[r]] * scale, or zeros where the id is below 0, for rows rowFrom..rowTo - 1; dim a multiple of 4. Bits as embed.ts. */
export function takeRows(out: usize, table: usize, ids: usize, dim: i32, scale: f32, rowFrom: i32, rowTo: i32): void {
  const bytes = <usize>dim << 2;
  const scales = f32x4.splat(scale);
  for (let row = rowFrom; row < rowTo; row++) {
    const id = load<i32>(ids + (<usize>row << 2));
    const to = out + <usize>row * bytes;
    if (id < 0) {
      memory.fill(to, 0, bytes);
      continue;
    }
    const from = table + <usize>id * bytes;
    for (let i: usize = 0; i < bytes; i += 16) v128.store(to + i, f32x4.mul(v128.load(from + i), scales));
  }
}

/** table[ids[r]] += x[r] * scale for columns 4 groupFrom..4 groupTo - 1 of every row whose id is not below 0. */
export function addRows(table: usize, x: usize, ids: usize, rows: i32, dim: i32, scale: f32, groupFrom: i32, groupTo: i32): void {
  const bytes = <usize>dim << 2;
  const scales = f32x4.splat(scale);
  for (let row = 0; row < rows; row++) {
    const id = load<i32>(ids + (<usize>row << 2));
    if (id < 0) continue;
    const from = x + <usize>row * bytes;
    const to = table + <usize>id * bytes;
    for (let i = <usize>groupFrom << 4; i < <usize>groupTo << 4; i += 16) {
      v128.store(to + i, f32x4.add(v128.load(to + i), f32x4.mul(v128.load(from + i), scales)));
    }
  }
}

/** x[r][i] += bias[i], for rows rowFrom..rowTo - 1; any dim. */
export function addBias(x: usize, bias: usize, dim: i32, rowFrom: i32, rowTo: i32): void {
  const zero = f32x4.splat(0);
  for (let row = rowFrom; row < rowTo; row++) {
    const at = x + (<usize>row * dim << 2);
    for (let i = 0; i < dim; i += 4) {
      const address = at + (<usize>i << 2);
      const sum = f32x4.add(loadLanes(address, dim - i, zero), loadLanes(bias + (<usize>i << 2), dim - i, zero));
      storeLanes(address, sum, dim - i);
    }
  }
}

/** out[i] += sum over r of x[r][i], for groups groupFrom..groupTo - 1 of COLUMN_GROUP columns; any dim. */
export function columnSums(out: usize, x: usize, rows: i32, dim: i32, groupFrom: i32, groupTo: i32): void {
  const stride = <usize>dim << 2;
  const zero = f32x4.splat(0);
  const end = min(groupTo * COLUMN_GROUP, dim);
  for (let col = groupFrom * COLUMN_GROUP; col < end; col += COLUMN_GROUP) {
    const to = out + (<usize>col << 2);
    let at = x + (<usize>col << 2);
    if (end - col >= COLUMN_GROUP) {
      let a = v128.load(to), b = v128.load(to, 16), c = v128.load(to, 32), d = v128.load(to, 48);
      for (let row = 0; row < rows; row++) {
        a = f32x4.add(a, v128.load(at));
        b = f32x4.add(b, v128.load(at, 16));
        c = f32x4.add(c, v128.load(at, 32));
        d = f32x4.add(d, v128.load(at, 48));
        at += stride;
      }
      v128.store(to, a);
      v128.store(to, b, 16);
      v128.store(to, c, 32);
      v128.store(to, d, 48);
      continue;
    }
    for (let i = col; i < end; i += 4) {
      let sum = loadLanes(to + (<usize>(i - col) << 2), end - i, zero);
      for (let row = 0; row < rows; row++) {
        sum = f32x4.add(sum, loadLanes(x + (<usize>row * stride) + (<usize>i << 2), end - i, zero));
      }
      storeLanes(to + (<usize>(i - col) << 2), sum, end - i);
    }
  }
}
