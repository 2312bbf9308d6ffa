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

/** One tile: queries first, first + 1 ... of a kv head, none beyond `lastQuery`. Addresses are those of the kv head's part. */
function attendTile(
  out: usize, q: usize, keys: usize, values: usize, paths: usize, depths: usize, length: i32, rows: i32, group: i32,
  headDim: i32, capacity: i32, stride: i32, outStride: i32, scratch: usize, scale: f32, first: i32, lastQuery: i32,
): void {
  const last = min(first + ATTENTION_TILE - 1, lastQuery);
  const second = min(first + 1, last);
  const third = min(first + 2, last);
  const lastRow = last / group;
  const rowBytes = <usize>headDim << 2;
  const pathBytes = <usize>rows << 2;
  const scoreBytes = <usize>capacity << 2;

  // A path ends with its own row, so no slot after the last row's is seen.
  scoreSlots(
    scratch, scratch + <usize>(second - first) * scoreBytes,
    scratch + <usize>(third - first) * scoreBytes, scratch + <usize>(last - first) * scoreBytes,
    queryAt(q, first, group, headDim, stride), queryAt(q, second, group, headDim, stride),
    queryAt(q, third, group, headDim, stride), queryAt(q, last, group, headDim, stride),
    keys, length + lastRow + 1, headDim, scale,
  );

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

/**
 * out[d] += p[t] * values[t][d] for two queries and rows t = 0..count - 1, in order of t. Sixteen elements d are held at once: where
 * headDim is no multiple of sixteen, the last four stand in for those beyond the end, and the same numbers are written again.
 */
function addValues(o0: usize, o1: usize, p0: usize, p1: usize, values: usize, count: i32, rowBytes: usize): void {
  const end = <usize>count << 2;
  const last = rowBytes - 16;
  for (let i: usize = 0; i < rowBytes; i += 64) {
    const j = min(i + 16, last);
    const k = min(i + 32, last);
    const l = min(i + 48, last);
    let a0 = v128.load(o0 + i);
    let a1 = v128.load(o0 + j);
    let a2 = v128.load(o0 + k);
    let a3 = v128.load(o0 + l);
    let b0 = v128.load(o1 + i);
    let b1 = v128.load(o1 + j);
    let b2 = v128.load(o1 + k);
    let b3 = v128.load(o1 + l);
    let row = values;
    for (let t: usize = 0; t < end; t += 4) {
      const p = v128.load32_splat(p0 + t);
      const q = v128.load32_splat(p1 + t);
      const x = v128.load(row + i);
      a0 = f32x4.add(a0, f32x4.mul(x, p));
      b0 = f32x4.add(b0, f32x4.mul(x, q));
      const y = v128.load(row + j);
      a1 = f32x4.add(a1, f32x4.mul(y, p));
      b1 = f32x4.add(b1, f32x4.mul(y, q));
      const z = v128.load(row + k);
      a2 = f32x4.add(a2, f32x4.mul(z, p));
      b2 = f32x4.add(b2, f32x4.mul(z, q));
      const w = v128.load(row + l);
      a3 = f32x4.add(a3, f32x4.mul(w, p));
      b3 = f32x4.add(b3, f32x4.mul(w, q));
      row += rowBytes;
    }
    v128.store(o0 + i, a0);
    v128.store(o0 + j, a1);
    v128.store(o0 + k, a2);
    v128.store(o0 + l, a3);
    v128.store(o1 + i, b0);
    v128.store(o1 + j, b1);
    v128.store(o1 + k, b2);
    v128.store(o1 + l, b3);
  }
}
