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
 * With a window w a row at position t sees positions t - w + 1..t of its path, and no other; here, with w = 4, row 3 (at 7) sees 4, 5, 6
 * and 7. A position is committed or new, so the window of a node may begin among either.
 *
 * Queries that share a kv head (its heads, times the rows) are taken ATTENTION_TILE at once, so that a load of keys or values
 * serves all of them. A tile that is short of queries has loops of its own, so that plain decoding pays for no query that is not there.
 *
 * Bits, for every query alone, whoever shares its tile:
 *   score      one accumulator per key, over d in order (kv-read.ts); a key's lane never meets another's
 *              where scores are capped, each by itself
 *   p          softmax.ts: positions in order on the path, lanes by position mod 4 from the first that is seen; of q8 then times the
 *              value's scale
 *   out[d]     one accumulator, over positions in order
 * Scores of slots the query does not see are computed with their neighbours, and dropped before anything reads them: so those
 * slots may hold anything, NaN too.
 */
import { ATTENTION_BLOCK, ATTENTION_TILE, KEY_BLOCK, KV_F32 } from '../src/engine/opcodes';
import { softCap } from './activation';
import { numberBytes, regionBytes } from './kv-cache';
import { addValues, prepareQuery, prepareWeights, scoreTile } from './kv-read';
import { kvBytes } from './kv-type';
import { softmax } from './softmax';

/** Bytes of scratch that one thread takes. */
// @ts-ignore: decorator
@inline
export function attentionScratchBytes(capacity: i32, headDim: i32): usize {
  return <usize>(ATTENTION_TILE * (capacity + headDim + ATTENTION_BLOCK)) << 2;
}

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
 * @param type      KV_F32, KV_F16 or KV_Q8
 * @param out       (rows, heads, headDim) f32, not q
 * @param q         (rows, heads, headDim) f32, `stride` elements from row to row
 * @param keys      kvHeads regions, KEYS of the type: eight slots interleaved (kv-cache.ts)
 * @param values    kvHeads regions, VALUES of the type
 * @param paths     (rows, rows) i32: row r begins with the depths[r] + 1 new rows on the way from the root to r, ascending
 * @param depths    (rows,) i32
 * @param length    committed positions; new row i lies in slot length + i
 * @param headDim   a multiple of 4
 * @param capacity  slots, a multiple of KEY_BLOCK, at least length + rows
 * @param scratch   attentionScratchBytes, this thread's own
 * @param window    positions that a row sees, its own among them; 0 for all
 * @param cap       soft cap of scores; 0 for none
 */
export function attention(
  type: i32, out: usize, q: usize, keys: usize, values: usize, paths: usize, depths: usize, length: i32, rows: i32, heads: i32, kvHeads: i32,
  headDim: i32, capacity: i32, stride: i32, scratch: usize, scale: f32, window: i32, cap: f32, tileFrom: i32,
  tileTo: i32,
): void {
  const group = heads / kvHeads;
  const queries = rows * group;
  const tiles = tilesOf(queries);
  for (let tile = tileFrom; tile < tileTo; tile++) {
    const kvHead = tile / tiles;
    const region = <usize>kvHead * regionBytes(type, headDim, capacity);
    const heads0 = <usize>kvHead * group * headDim << 2;
    attendTile(
      type, out + heads0, q + heads0, keys + region, values + region, paths, depths, length, rows, group, headDim, capacity,
      stride, heads * headDim, scratch, scale, window, cap, (tile % tiles) * ATTENTION_TILE, queries - 1,
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
  type: i32, out: usize, q: usize, keys: usize, values: usize, paths: usize, depths: usize, length: i32, rows: i32, group: i32,
  headDim: i32, capacity: i32, stride: i32, outStride: i32, scratch: usize, scale: f32, window: i32,
  cap: f32, first: i32, lastQuery: i32,
): void {
  const last = min(first + ATTENTION_TILE - 1, lastQuery);
  const lastRow = last / group;
  const outBytes = <usize>headDim << 2;
  const rowBytes = <usize>headDim * kvBytes(type);
  const scales = numberBytes(type, headDim, capacity);
  const pathBytes = <usize>rows << 2;
  const scoreBytes = <usize>capacity << 2;
  const side = scratch + <usize>ATTENTION_TILE * scoreBytes;
  const count = last - first + 1;

  // A path ends with its own row, so no slot after the last row's is seen.
  const slots = length + lastRow + 1;
  // A tile's rows do not begin to see at the same position: earliest..latest.
  let earliest = slots;
  let latest = 0;
  for (let row = first / group; row <= lastRow; row++) {
    const start = startOf(depths, row, length, window);
    earliest = min(earliest, start);
    latest = max(latest, start);
  }
  if (type != KV_F32) {
    // Until values are added to them, the queries' places in `out` are free.
    for (let i = first; i <= last; i++) {
      prepareQuery(type, queryAt(out, i, group, headDim, outStride), queryAt(q, i, group, headDim, stride), headDim, scale);
    }
    q = out;
    stride = outStride;
  }
  const qa = queryAt(q, first, group, headDim, stride);
  const qb = queryAt(q, min(first + 1, last), group, headDim, stride);
  const qc = queryAt(q, min(first + 2, last), group, headDim, stride);
  const qd = queryAt(q, last, group, headDim, stride);
  // A position's slot is never before it, committed or new, so blocks of slots before `earliest` are not looked at.
  const from = earliest & -KEY_BLOCK;
  scoreTile(
    type, count, scratch + (<usize>from << 2), scoreBytes, qa, qb, qc, qd, side, keys + <usize>from * rowBytes,
    keys + scales + (<usize>from << 2), slots - from, headDim, scale,
  );

  const treeScores = scratch + (<usize>length << 2);
  for (let i = first; i <= last; i++) {
    const row = i / group;
    const nodes = nodesOf(depths, row);
    const offset = <usize>(i - first) * scoreBytes;
    const path = paths + <usize>row * pathBytes;
    slotsToPositions(treeScores + offset, path, nodes);
    const start = startOf(depths, row, length, window);
    const seen = length + nodes - start;
    const p = scratch + offset + (<usize>start << 2);
    if (cap != 0) softCap(p, cap, 0, seen);
    softmax(p, seen, 0, 1);
    if (type != KV_F32) {
      const committed = min(start, length);
      const hidden = start - committed;
      prepareWeights(
        type, p, values + scales + (<usize>committed << 2), length - committed, path + (<usize>hidden << 2), nodes - hidden,
      );
    }
    memory.fill(queryAt(out, i, group, headDim, outStride), 0, outBytes);
  }

  // Values of committed positions, first those that not all queries see; then of the nodes that every path of the tile begins with, then of
  // each query's own.
  const oa = queryAt(out, first, group, headDim, outStride);
  const ob = queryAt(out, min(first + 1, last), group, headDim, outStride);
  const oc = queryAt(out, min(first + 2, last), group, headDim, outStride);
  const od = queryAt(out, last, group, headDim, outStride);
  const committed = min(latest, length);
  for (let i = first; i <= last; i++) {
    const start = startOf(depths, i / group, length, window);
    if (start >= committed) continue;
    const o = queryAt(out, i, group, headDim, outStride);
    const p = scratch + <usize>(i - first) * scoreBytes + (<usize>start << 2);
    addValues(type, 1, o, o, o, o, p, 0, side, values + <usize>start * rowBytes, committed - start, headDim);
  }
  const p = scratch + (<usize>committed << 2);
  addValues(type, count, oa, ob, oc, od, p, scoreBytes, side, values + <usize>committed * rowBytes, length - committed, headDim);
  const treeValues = values + <usize>length * rowBytes;
  // Where a window begins among the nodes, queries share none of them: trees are seldom so deep.
  const shared = latest > length ? 0 : sharedNodes(paths, pathBytes, depths, first / group, lastRow);
  addPath(type, count, oa, ob, oc, od, treeScores, scoreBytes, side, treeValues, paths + <usize>lastRow * pathBytes, shared, headDim);
  for (let i = first; i <= last; i++) {
    const row = i / group;
    const o = queryAt(out, i, group, headDim, outStride);
    const node = max(startOf(depths, row, length, window) - length, shared);
    const p = treeScores + <usize>(i - first) * scoreBytes + (<usize>node << 2);
    const path = paths + <usize>row * pathBytes + (<usize>node << 2);
    addPath(type, 1, o, o, o, o, p, 0, side, treeValues, path, nodesOf(depths, row) - node, headDim);
  }
}

/** The first position that a row sees. */
// @ts-ignore: decorator
@inline
function startOf(depths: usize, row: i32, length: i32, window: i32): i32 {
  return window == 0 ? 0 : max(length + nodesOf(depths, row) - window, 0);
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

/** addValues for the rows that a path names, `nodes` of them: at once where they follow one another. */
function addPath(
  type: i32, queries: i32, oa: usize, ob: usize, oc: usize, od: usize, p: usize, rowBytes: usize, side: usize, values: usize, path: usize,
  nodes: i32, headDim: i32,
): void {
  let j = 0;
  while (j < nodes) {
    const first = load<i32>(path + (<usize>j << 2));
    let run = 1;
    while (j + run < nodes && load<i32>(path + (<usize>(j + run) << 2)) == first + run) run++;
    const from = values + <usize>first * headDim * kvBytes(type);
    addValues(type, queries, oa, ob, oc, od, p + (<usize>j << 2), rowBytes, side, from, run, headDim);
    j += run;
  }
}
