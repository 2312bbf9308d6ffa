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
 * serves all of them. A tile that is short of queries has loops of its own, so that plain decoding pays for no query that is not there.
 *
 * Bits, for every query alone, whoever shares its tile:
 *   score      one accumulator per key, over d in order, times scale; a key's lane never meets another's
 *   p          softmax.ts: positions in order on the path, lanes by position mod 4
 *   out[d]     one accumulator, over positions in order
 * Scores of slots the query does not see are computed with their neighbours, and dropped before anything reads them: so those
 * slots may hold anything, NaN too.
 */
import { ATTENTION_TILE, KEY_BLOCK } from '../src/engine/opcodes';
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
 * @param keys      kvHeads regions of capacity * headDim f32, eight slots interleaved (kv-cache.ts)
 * @param values    kvHeads regions (capacity, headDim) f32
 * @param paths     (rows, rows) i32: row r begins with the depths[r] + 1 new rows on the way from the root to r, ascending
 * @param depths    (rows,) i32
 * @param length    committed positions; new row i lies in slot length + i
 * @param headDim   a multiple of 4
 * @param capacity  slots, a multiple of KEY_BLOCK, at least length + rows
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

/** One tile: queries first, first + 1 ... of a kv head, none beyond `lastQuery`. Addresses are those of the kv head's part. */
function attendTile(
  out: usize, q: usize, keys: usize, values: usize, paths: usize, depths: usize, length: i32, rows: i32, group: i32,
  headDim: i32, capacity: i32, stride: i32, outStride: i32, scratch: usize, scale: f32, first: i32, lastQuery: i32,
): void {
  const last = min(first + ATTENTION_TILE - 1, lastQuery);
  const lastRow = last / group;
  const rowBytes = <usize>headDim << 2;
  const pathBytes = <usize>rows << 2;
  const scoreBytes = <usize>capacity << 2;

  // A path ends with its own row, so no slot after the last row's is seen.
  const slots = length + lastRow + 1;
  const qa = queryAt(q, first, group, headDim, stride);
  const qb = queryAt(q, min(first + 1, last), group, headDim, stride);
  const qc = queryAt(q, min(first + 2, last), group, headDim, stride);
  const qd = queryAt(q, last, group, headDim, stride);
  const count = last - first + 1;
  if (count == 4) scoreSlots(4, scratch, scoreBytes, qa, qb, qc, qd, keys, slots, headDim, scale);
  else if (count == 3) scoreSlots(3, scratch, scoreBytes, qa, qb, qc, qd, keys, slots, headDim, scale);
  else if (count == 2) scoreSlots(2, scratch, scoreBytes, qa, qb, qc, qd, keys, slots, headDim, scale);
  else scoreSlots(1, scratch, scoreBytes, qa, qb, qc, qd, keys, slots, headDim, scale);

  const treeScores = scratch + (<usize>length << 2);
  for (let i = first; i <= last; i++) {
    const row = i / group;
    const nodes = nodesOf(depths, row);
    const offset = <usize>(i - first) * scoreBytes;
    slotsToPositions(treeScores + offset, paths + <usize>row * pathBytes, nodes);
    softmax(scratch + offset, length + nodes, 0, 1);
    memory.fill(queryAt(out, i, group, headDim, outStride), 0, rowBytes);
  }

  // Values of committed positions, then of the nodes that every path of the tile begins with, then of each query's own.
  for (let from = 0; from < length; from += POSITIONS) {
    const p = scratch + (<usize>from << 2);
    for (let i = first; i <= last; i += 2) {
      const j = min(i + 1, last);
      addValues(
        queryAt(out, i, group, headDim, outStride), queryAt(out, j, group, headDim, outStride),
        p + <usize>(i - first) * scoreBytes, p + <usize>(j - first) * scoreBytes,
        values + <usize>from * rowBytes, min(POSITIONS, length - from), rowBytes,
      );
    }
  }
  const treeValues = values + <usize>length * rowBytes;
  const shared = sharedNodes(paths, pathBytes, depths, first / group, lastRow);
  for (let i = first; i <= last; i += 2) {
    const j = min(i + 1, last);
    addPath(
      queryAt(out, i, group, headDim, outStride), queryAt(out, j, group, headDim, outStride),
      treeScores + <usize>(i - first) * scoreBytes, treeScores + <usize>(j - first) * scoreBytes,
      treeValues, paths + <usize>lastRow * pathBytes, shared, rowBytes,
    );
  }
  for (let i = first; i <= last; i++) {
    const row = i / group;
    const o = queryAt(out, i, group, headDim, outStride);
    const p = treeScores + <usize>(i - first) * scoreBytes + (<usize>shared << 2);
    const path = paths + <usize>row * pathBytes + (<usize>shared << 2);
    addPath(o, o, p, p, treeValues, path, nodesOf(depths, row) - shared, rowBytes);
  }
}

/** New rows that a row sees, itself included. */
// @ts-ignore: decorator
@inline
function nodesOf(depths: usize, row: i32): i32 {
  return load<i32>(depths + (<usize>row << 2)) + 1;
}

/** Length of the path that rows first..last begin with in common. */
function sharedNodes(paths: usize, pathBytes: usize, depths: usize, first: i32, last: i32): i32 {
  const path = paths + <usize>first * pathBytes;
  let shared = nodesOf(depths, first);
  for (let row = first + 1; row <= last; row++) {
    const other = paths + <usize>row * pathBytes;
    shared = min(shared, nodesOf(depths, row));
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
 * Scores of Q queries against slots 0..slots - 1, and against those that share a block with the last, in Q rows `rowBytes` apart. Q is a
 * constant, 1 to 4, wherever this is called. Letters are queries and digits are vectors of four keys.
 *
 * One block of eight keys comes after the other: a second stream of keys beside the first would halve the speed from memory.
 */
// @ts-ignore: decorator
@inline
function scoreSlots(
  Q: i32, scores: usize, rowBytes: usize, qa: usize, qb: usize, qc: usize, qd: usize, keys: usize, slots: i32, headDim: i32, scale: f32,
): void {
  const scales = f32x4.splat(scale);
  const zero = f32x4.splat(0);
  const end = <usize>headDim << 2;
  let key = keys;
  for (const stop = scores + (<usize>slots << 2); scores < stop; scores += KEY_BLOCK * 4) {
    let a0 = zero, a1 = zero;
    let b0 = zero, b1 = zero;
    let c0 = zero, c1 = zero;
    let d0 = zero, d1 = zero;
    // One element at a time: see matmul/tile.ts.
    for (let i: usize = 0; i < end; i += 4) {
      const k0 = v128.load(key), k1 = v128.load(key, 16);
      const a = v128.load32_splat(qa + i);
      a0 = f32x4.add(a0, f32x4.mul(k0, a));
      a1 = f32x4.add(a1, f32x4.mul(k1, a));
      if (Q > 1) {
        const b = v128.load32_splat(qb + i);
        b0 = f32x4.add(b0, f32x4.mul(k0, b));
        b1 = f32x4.add(b1, f32x4.mul(k1, b));
      }
      if (Q > 2) {
        const c = v128.load32_splat(qc + i);
        c0 = f32x4.add(c0, f32x4.mul(k0, c));
        c1 = f32x4.add(c1, f32x4.mul(k1, c));
      }
      if (Q > 3) {
        const d = v128.load32_splat(qd + i);
        d0 = f32x4.add(d0, f32x4.mul(k0, d));
        d1 = f32x4.add(d1, f32x4.mul(k1, d));
      }
      key += KEY_BLOCK * 4;
    }
    storeScores(scores, a0, a1, scales);
    if (Q > 1) storeScores(scores + rowBytes, b0, b1, scales);
    if (Q > 2) storeScores(scores + 2 * rowBytes, c0, c1, scales);
    if (Q > 3) storeScores(scores + 3 * rowBytes, d0, d1, scales);
  }
}

/** Scores of one query against the eight keys of a block. */
// @ts-ignore: decorator
@inline
function storeScores(scores: usize, low: v128, high: v128, scales: v128): void {
  v128.store(scores, f32x4.mul(low, scales));
  v128.store(scores, f32x4.mul(high, scales), 16);
}

/** addValues for the rows that a path names, `nodes` of them: at once where they follow one another. */
function addPath(o0: usize, o1: usize, p0: usize, p1: usize, values: usize, path: usize, nodes: i32, rowBytes: usize): void {
  let j = 0;
  while (j < nodes) {
    const first = load<i32>(path + (<usize>j << 2));
    let run = 1;
    while (j + run < nodes && load<i32>(path + (<usize>(j + run) << 2)) == first + run) run++;
    const p = <usize>j << 2;
    addValues(o0, o1, p0 + p, p1 + p, values + <usize>first * rowBytes, run, rowBytes);
    j += run;
  }
}

/** out[d] += p[t] * values[t][d] for two queries, or for one that is given twice, and rows t = 0..count - 1, in order of t. */
function addValues(o0: usize, o1: usize, p0: usize, p1: usize, values: usize, count: i32, rowBytes: usize): void {
  let d: usize = 0;
  if (o0 != o1) {
    for (; d + 64 <= rowBytes; d += 64) addStrips(2, o0 + d, o1 + d, p0, p1, values + d, count, rowBytes);
  } else {
    for (; d + 128 <= rowBytes; d += 128) addStrips(1, o0 + d, o0 + d + 64, p0, p0, values + d, count, rowBytes);
  }
  for (; d < rowBytes; d += 16) {
    addFour(o0 + d, p0, values + d, count, rowBytes);
    if (o0 != o1) addFour(o1 + d, p1, values + d, count, rowBytes);
  }
}

/**
 * Two strips of sixteen elements, a and b. With Q = 2 they belong to two queries, and share the values; with Q = 1 they are neighbours,
 * and share p. Q is a constant wherever this is called.
 */
// @ts-ignore: decorator
@inline
function addStrips(Q: i32, oa: usize, ob: usize, pa: usize, pb: usize, values: usize, count: i32, rowBytes: usize): void {
  let a0 = v128.load(oa), a1 = v128.load(oa, 16), a2 = v128.load(oa, 32), a3 = v128.load(oa, 48);
  let b0 = v128.load(ob), b1 = v128.load(ob, 16), b2 = v128.load(ob, 32), b3 = v128.load(ob, 48);
  for (const end = pa + (<usize>count << 2); pa < end; pa += 4) {
    const a = v128.load32_splat(pa);
    const b = Q > 1 ? v128.load32_splat(pb) : a;
    const x = v128.load(values);
    a0 = f32x4.add(a0, f32x4.mul(x, a));
    b0 = f32x4.add(b0, f32x4.mul(Q > 1 ? x : v128.load(values, 64), b));
    const y = v128.load(values, 16);
    a1 = f32x4.add(a1, f32x4.mul(y, a));
    b1 = f32x4.add(b1, f32x4.mul(Q > 1 ? y : v128.load(values, 80), b));
    const z = v128.load(values, 32);
    a2 = f32x4.add(a2, f32x4.mul(z, a));
    b2 = f32x4.add(b2, f32x4.mul(Q > 1 ? z : v128.load(values, 96), b));
    const w = v128.load(values, 48);
    a3 = f32x4.add(a3, f32x4.mul(w, a));
    b3 = f32x4.add(b3, f32x4.mul(Q > 1 ? w : v128.load(values, 112), b));
    values += rowBytes;
    if (Q > 1) pb += 4;
  }
  v128.store(oa, a0);
  v128.store(oa, a1, 16);
  v128.store(oa, a2, 32);
  v128.store(oa, a3, 48);
  v128.store(ob, b0);
  v128.store(ob, b1, 16);
  v128.store(ob, b2, 32);
  v128.store(ob, b3, 48);
}

/** Four elements of one query: what strips leave over. */
function addFour(o: usize, p: usize, values: usize, count: i32, rowBytes: usize): void {
  let sum = v128.load(o);
  for (const end = p + (<usize>count << 2); p < end; p += 4) {
    sum = f32x4.add(sum, f32x4.mul(v128.load(values), v128.load32_splat(p)));
    values += rowBytes;
  }
  v128.store(o, sum);
}
