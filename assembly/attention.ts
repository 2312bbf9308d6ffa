/**
 * Tree-masked grouped-query attention over the KV cache.
 *
 *   out[r, h] = sum over visible positions t of p[t] * v[t],   p = softmax over t of scale * (q[r, h] . k[t])
 *
 * Row r sees every committed position 0..length - 1 and the new rows on its path:
 *
 *      0        cache slots   0 1 2 3 4 | 5 6 7 8 9      length = 5, rows = 5
 *      ├── 1    row 3 sees    0 1 2 3 4 | 5 6   8        path of row 3 = 0 1 3
 *      │   ├── 3    at positions 0..4     5 6   7
 *      │   └── 4    siblings share a position, never a slot
 *      └── 2
 *
 * Queries that share a kv head (its heads, times the rows) are taken ATTENTION_TILE at once, so that a load of keys or values
 * serves all of them. A tile that is short of queries repeats its last one: the same numbers are then written twice.
 *
 * Bits, for every query alone, whoever shares its tile:
 *   score      one accumulator per key, over d in order, times scale; a key's lane never meets another's
 *   p          softmax.ts: positions in order on the path, lanes by position mod 4
 *   out[d]     one accumulator, over positions in order
 * Scores of slots the query does not see are computed with their neighbours, and dropped before anything reads them: so those
 * slots may hold anything, NaN too.
 */
import { ATTENTION_TILE } from '../src/engine/opcodes';
import { softmax } from './softmax';

/** Positions that are added before the next elements of `out` are turned to: their values stay in the first-level cache. */
const POSITIONS: i32 = 32;

/** Tiles of one kv head. */
// @ts-ignore: decorator
@inline
function tilesOf(queries: i32): i32 {
  return (queries + ATTENTION_TILE - 1) / ATTENTION_TILE;
}

/** Tiles of all kv heads. */
export function attentionTiles(rows: i32, heads: i32, kvHeads: i32): i32 {
  return kvHeads * tilesOf(rows * (heads / kvHeads));
}

/**
 * Attention of tiles tileFrom..tileTo - 1 out of attentionTiles(rows, heads, kvHeads).
 *
 * @param out       (rows, heads, headDim) f32
 * @param q         (rows, heads, headDim) f32, `stride` elements from row to row
 * @param keys      kvHeads regions of capacity * headDim f32, four slots interleaved (kv-cache.ts)
 * @param values    kvHeads regions (capacity, headDim) f32
 * @param paths     (rows, rows) i32: row r begins with the depths[r] + 1 new rows on the way from the root to r, ascending
 * @param depths    (rows,) i32
 * @param length    committed positions; new row i lies in slot length + i
 * @param headDim   a multiple of 4
 * @param capacity  slots, a multiple of 4, at least length + rows
 * @param scratch   ATTENTION_TILE * capacity f32, this thread's own
 */
export function attention(
  out: usize, q: usize, keys: usize, values: usize, paths: usize, depths: usize, length: i32, rows: i32, heads: i32, kvHeads: i32,
  headDim: i32, capacity: i32, stride: i32, scratch: usize, scale: f32, tileFrom: i32, tileTo: i32,
): void {
  const group = heads / kvHeads;
  const queries = rows * group;
  const tiles = tilesOf(queries);
  for (let tile = tileFrom; tile < tileTo; tile++) {
    const kvHead = tile / tiles;
    const region = <usize>kvHead * capacity * headDim << 2;
    const heads0 = <usize>kvHead * group * headDim << 2;
    attendTile(
      out + heads0, q + heads0, keys + region, values + region, paths, depths, length, rows, group, headDim, capacity,
      stride, heads * headDim, scratch, scale, (tile % tiles) * ATTENTION_TILE, queries - 1,
    );
  }
}

/** Address of query i of a kv head, where x is the address of its first head in row 0. */
// @ts-ignore: decorator
@inline
function queryAt(x: usize, i: i32, group: i32, headDim: i32, stride: i32): usize {
  return x + (<usize>(i / group) * stride + <usize>(i % group) * headDim << 2);
}

/** One tile: queries i0, i0 + 1 ... of a kv head, none beyond `last`. */
function attendTile(
  out: usize, q: usize, keys: usize, values: usize, paths: usize, depths: usize, length: i32, rows: i32, group: i32,
  headDim: i32, capacity: i32, stride: i32, outStride: i32, scratch: usize, scale: f32, i0: i32, last: i32,
): void {
  const i1 = min(i0 + 1, last);
  const i2 = min(i0 + 2, last);
  const i3 = min(i0 + 3, last);
  const firstRow = i0 / group;
  const lastRow = i3 / group;
  const rowBytes = <usize>headDim << 2;
  const pathBytes = <usize>rows << 2;
  const scoreBytes = <usize>capacity << 2;
  const s0 = scratch;
  const s1 = scratch + <usize>(i1 - i0) * scoreBytes;
  const s2 = scratch + <usize>(i2 - i0) * scoreBytes;
  const s3 = scratch + <usize>(i3 - i0) * scoreBytes;
  const o0 = queryAt(out, i0, group, headDim, outStride);
  const o1 = queryAt(out, i1, group, headDim, outStride);
  const o2 = queryAt(out, i2, group, headDim, outStride);
  const o3 = queryAt(out, i3, group, headDim, outStride);

  // A path ends with its own row, so no slot after the last row's is seen.
  scoreSlots(
    s0, s1, s2, s3,
    queryAt(q, i0, group, headDim, stride), queryAt(q, i1, group, headDim, stride),
    queryAt(q, i2, group, headDim, stride), queryAt(q, i3, group, headDim, stride),
    keys, length + lastRow + 1, headDim, scale,
  );

  for (let i = i0; i <= i3; i++) {
    const row = i / group;
    const nodes = load<i32>(depths + (<usize>row << 2)) + 1;
    const scores = scratch + <usize>(i - i0) * scoreBytes;
    slotsToPositions(scores + (<usize>length << 2), paths + <usize>row * pathBytes, nodes);
    softmax(scores, length + nodes, 0, 1);
    memory.fill(queryAt(out, i, group, headDim, outStride), 0, rowBytes);
  }

  addValues(o0, o1, o2, o3, s0, s1, s2, s3, values, length, rowBytes);

  const shared = sharedNodes(paths, pathBytes, depths, firstRow, lastRow);
  const p = <usize>length << 2;
  const treeValues = values + <usize>length * rowBytes;
  addPath(
    o0, o1, o2, o3, s0 + p, s1 + p, s2 + p, s3 + p,
    treeValues, paths + <usize>firstRow * pathBytes, shared, rowBytes,
  );
  for (let i = i0; i <= i3; i++) {
    const row = i / group;
    const own = load<i32>(depths + (<usize>row << 2)) + 1 - shared;
    const o = queryAt(out, i, group, headDim, outStride);
    const s = scratch + <usize>(i - i0) * scoreBytes + p + (<usize>shared << 2);
    const path = paths + <usize>row * pathBytes + (<usize>shared << 2);
    addPath(o, o, o, o, s, s, s, s, treeValues, path, own, rowBytes);
  }
}

/** Length of the path that rows first..last begin with in common. */
function sharedNodes(paths: usize, pathBytes: usize, depths: usize, first: i32, last: i32): i32 {
  const path = paths + <usize>first * pathBytes;
  let shared = load<i32>(depths + (<usize>first << 2)) + 1;
  for (let row = first + 1; row <= last; row++) {
    const other = paths + <usize>row * pathBytes;
    shared = min(shared, load<i32>(depths + (<usize>row << 2)) + 1);
    let node = 0;
    while (node < shared && load<i32>(path + (<usize>node << 2)) == load<i32>(other + (<usize>node << 2))) node++;
    shared = node;
  }
  return shared;
}

/** scores[j] = scores[path[j]], in place: a node's number is at least its depth, so no score is overwritten before it is read. */
function slotsToPositions(scores: usize, path: usize, nodes: i32): void {
  for (let j: usize = 0; j < <usize>nodes << 2; j += 4) {
    store<f32>(scores + j, load<f32>(scores + (<usize>load<i32>(path + j) << 2)));
  }
}

/**
 * Scores of four queries against slots 0..slots - 1, and against those that share a block with the last. One block of four keys after
 * the other: a second stream of keys beside the first would halve the speed from memory.
 */
function scoreSlots(
  s0: usize, s1: usize, s2: usize, s3: usize, q0: usize, q1: usize, q2: usize, q3: usize,
  keys: usize, slots: i32, headDim: i32, scale: f32,
): void {
  const scales = f32x4.splat(scale);
  const end = <usize>headDim << 2;
  let key = keys;
  for (let slot: usize = 0; slot < <usize>slots << 2; slot += 16) {
    let a0 = f32x4.splat(0);
    let a1 = f32x4.splat(0);
    let a2 = f32x4.splat(0);
    let a3 = f32x4.splat(0);
    for (let d: usize = 0; d < end; d += 4) {
      const k = v128.load(key);
      a0 = f32x4.add(a0, f32x4.mul(k, v128.load32_splat(q0 + d)));
      a1 = f32x4.add(a1, f32x4.mul(k, v128.load32_splat(q1 + d)));
      a2 = f32x4.add(a2, f32x4.mul(k, v128.load32_splat(q2 + d)));
      a3 = f32x4.add(a3, f32x4.mul(k, v128.load32_splat(q3 + d)));
      key += 16;
    }
    v128.store(s0 + slot, f32x4.mul(a0, scales));
    v128.store(s1 + slot, f32x4.mul(a1, scales));
    v128.store(s2 + slot, f32x4.mul(a2, scales));
    v128.store(s3 + slot, f32x4.mul(a3, scales));
  }
}

/**
 * addValues along a path: p[j] belongs to row path[j] of `values`. Nodes that follow each other lie in rows that do, so a chain is one
 * call.
 */
function addPath(
  o0: usize, o1: usize, o2: usize, o3: usize, p0: usize, p1: usize, p2: usize, p3: usize,
  values: usize, path: usize, nodes: i32, rowBytes: usize,
): void {
  let j = 0;
  while (j < nodes) {
    const first = load<i32>(path + (<usize>j << 2));
    let run = 1;
    while (j + run < nodes && load<i32>(path + (<usize>(j + run) << 2)) == first + run) run++;
    const p = <usize>j << 2;
    addValues(o0, o1, o2, o3, p0 + p, p1 + p, p2 + p, p3 + p, values + <usize>first * rowBytes, run, rowBytes);
    j += run;
  }
}

/**
 * out[d] += p[t] * values[t][d] for four queries and rows t = 0..count - 1, in order of t. Eight elements d at a time; the last four
 * twice where headDim is no multiple of eight.
 */
function addValues(
  o0: usize, o1: usize, o2: usize, o3: usize, p0: usize, p1: usize, p2: usize, p3: usize,
  values: usize, count: i32, rowBytes: usize,
): void {
  for (let from = 0; from < count; from += POSITIONS) {
    const begin = <usize>from << 2;
    const end = <usize>min(from + POSITIONS, count) << 2;
    for (let i: usize = 0; i < rowBytes; i += 32) {
      const j = min(i + 16, rowBytes - 16);
      let a0 = v128.load(o0 + i);
      let a1 = v128.load(o1 + i);
      let a2 = v128.load(o2 + i);
      let a3 = v128.load(o3 + i);
      let b0 = v128.load(o0 + j);
      let b1 = v128.load(o1 + j);
      let b2 = v128.load(o2 + j);
      let b3 = v128.load(o3 + j);
      let x = values + <usize>from * rowBytes + i;
      let y = x + (j - i);
      for (let t = begin; t < end; t += 4) {
        const v = v128.load(x);
        const w = v128.load(y);
        const e0 = v128.load32_splat(p0 + t);
        const e1 = v128.load32_splat(p1 + t);
        const e2 = v128.load32_splat(p2 + t);
        const e3 = v128.load32_splat(p3 + t);
        a0 = f32x4.add(a0, f32x4.mul(v, e0));
        a1 = f32x4.add(a1, f32x4.mul(v, e1));
        a2 = f32x4.add(a2, f32x4.mul(v, e2));
        a3 = f32x4.add(a3, f32x4.mul(v, e3));
        b0 = f32x4.add(b0, f32x4.mul(w, e0));
        b1 = f32x4.add(b1, f32x4.mul(w, e1));
        b2 = f32x4.add(b2, f32x4.mul(w, e2));
        b3 = f32x4.add(b3, f32x4.mul(w, e3));
        x += rowBytes;
        y += rowBytes;
      }
      v128.store(o0 + i, a0);
      v128.store(o1 + i, a1);
      v128.store(o2 + i, a2);
      v128.store(o3 + i, a3);
      v128.store(o0 + j, b0);
      v128.store(o1 + j, b1);
      v128.store(o2 + j, b2);
      v128.store(o3 + j, b3);
    }
  }
}
