/**
 * Tree-masked grouped-query attention of a batch, forward and backward. A batch is segments of equally many rows that do not see each other; of a
 * segment, a row sees the rows on its path (../attention.ts), so causal masks, trees, and several texts in one segment are all the same to it.
 *
 *   forward    p = softmax over t of scale * (q . k[t]),   out = sum over t of p[t] * v[t]
 *   backward   e[t] = dout . v[t],   s[t] = scale * p[t] * (e[t] - sum over t of p e)
 *              dq = sum over t of s[t] * k[t],   dk[t] += s[t] * q,   dv[t] += p[t] * dout
 *
 * Nothing of the forward pass is kept: p is computed anew, from a tile's scores, and never held for more than ATTENTION_TILE queries
 * (Dao et al., 2022, arXiv 2205.14135, section 3.1). A part is one kv head of one segment; a thread has all that is added to its keys and values.
 *
 * Bits: the forward pass is ../attention.ts over an empty cache of f32, as inference computes the same rows. p is what it was then; e by lanes over
 * slots; dq has one accumulator an element, over slots in order; dk and dv likewise, over rows and of a row over heads in order. What a row does
 * not see counts as zeros: these slots hold other rows of the segment, which are finite.
 */
import { ATTENTION_TILE, KEY_BLOCK, KV_F32 } from '../../src/engine/opcodes';
import { KEEP_DK, KEEP_DQ, KEEP_DV, ONE_MASK } from '../../src/train/opcodes';
import { attention, attentionScratchBytes, attentionTiles } from '../attention';
import { kvStore } from '../kv-cache';
import { addValues, scoreTile } from '../kv-read';
import { fold } from '../lanes';
import { softmax } from '../softmax';
import { keepMask, put } from './accumulate';

/** Slots of a segment in whole blocks of keys. */
// @ts-ignore: decorator
@inline
function capacityOf(rows: i32): i32 {
  return (rows + KEY_BLOCK - 1) & -KEY_BLOCK;
}

/** Bytes of scratch that one thread takes. */
// @ts-ignore: decorator
@inline
export function attendScratchBytes(rows: i32, headDim: i32): usize {
  return (<usize>(capacityOf(rows) * (5 * headDim + ATTENTION_TILE) + ATTENTION_TILE * headDim) << 2) + attentionScratchBytes(capacityOf(rows), headDim);
}

/** Where the mask of a segment begins. */
// @ts-ignore: decorator
@inline
function maskOf(flags: i32, segment: i32, numbers: i32): usize {
  return (flags & ONE_MASK) != 0 ? <usize>0 : <usize>segment * <usize>numbers << 2;
}

/**
 * Parts partFrom..partTo - 1 of segments * kvHeads.
 *
 * @param out, q   (segments, rows, heads, headDim) f32, headDim a multiple of 4
 * @param k, v     (segments, rows, kvHeads, headDim) f32
 * @param paths    (segments, rows, rows) i32, see ../attention.ts; (rows, rows) with ONE_MASK
 * @param depths   (segments, rows) i32; (rows,) with ONE_MASK
 * @param scratch  attendScratchBytes, this thread's own
 */
export function attend(
  out: usize, q: usize, k: usize, v: usize, paths: usize, depths: usize, flags: i32, rows: i32, heads: i32, kvHeads: i32, headDim: i32, scale: f32,
  scratch: usize, partFrom: i32, partTo: i32,
): void {
  const capacity = capacityOf(rows);
  const regionBytes = <usize>(capacity * headDim) << 2;
  const stride = kvHeads * headDim;
  const tiles = attentionTiles(rows, heads, kvHeads) / kvHeads;
  for (let part = partFrom; part < partTo; part++) {
    const segment = part / kvHeads;
    const head = part % kvHeads;
    const queries = <usize>(segment * rows * heads * headDim) << 2;
    const rowsOf = <usize>(segment * rows * stride) << 2;
    // Regions of one head, where the kernels look for the first of all of them.
    const keys = scratch - <usize>head * regionBytes;
    const values = keys + regionBytes;
    kvStore(KV_F32, keys, values, k + rowsOf, v + rowsOf, 0, rows, headDim, capacity, stride, head, head + 1);
    attention(
      KV_F32, out + queries, q + queries, keys, values, paths + maskOf(flags, segment, rows * rows), depths + maskOf(flags, segment, rows), 0, rows, heads,
      kvHeads, headDim, capacity, heads * headDim, scratch + 2 * regionBytes, scale, 0, 0, head * tiles, (head + 1) * tiles,
    );
  }
}

/** The same parts backward; dq, dk and dv as q, k and v, or 0 where they are not wanted; dout as out. */
export function attendBackward(
  dq: usize, dk: usize, dv: usize, dout: usize, q: usize, k: usize, v: usize, paths: usize, depths: usize, flags: i32, rows: i32, heads: i32,
  kvHeads: i32, headDim: i32, scale: f32, scratch: usize, partFrom: i32, partTo: i32,
): void {
  const capacity = capacityOf(rows);
  const regionBytes = <usize>(capacity * headDim) << 2;
  const group = heads / kvHeads;
  const stride = kvHeads * headDim;
  const keys = scratch;
  const keyRows = keys + regionBytes;
  const valueKeys = keyRows + regionBytes;
  const keySums = valueKeys + regionBytes;
  const valueSums = keySums + regionBytes;
  const tileScratch = valueSums + regionBytes;
  const keep = keepMask((flags & KEEP_DQ) != 0 ? -1 : 0);

  for (let part = partFrom; part < partTo; part++) {
    const segment = part / kvHeads;
    const head = part % kvHeads;
    const first = <usize>(segment * rows * heads * headDim + head * group * headDim) << 2;
    const at = <usize>(segment * rows * stride + head * headDim) << 2;
    kvStore(KV_F32, keys, keyRows, k + at, k + at, 0, rows, headDim, capacity, stride, 0, 1);
    // Values are compared with dout as keys are with q; where they lie as rows, sums will lie.
    kvStore(KV_F32, valueKeys, keySums, v + at, v + at, 0, rows, headDim, capacity, stride, 0, 1);
    memory.fill(keySums, 0, 2 * regionBytes);
    for (let query = 0; query < rows * group; query += ATTENTION_TILE) {
      attendTileBackward(
        dq == 0 ? 0 : dq + first, dout + first, q + first, keys, keyRows, valueKeys, keySums, valueSums, tileScratch,
        paths + maskOf(flags, segment, rows * rows), depths + maskOf(flags, segment, rows), query, rows, group, heads * headDim, headDim, capacity,
        scale, keep,
      );
    }
    if (dk != 0) addSums(dk + at, keySums, rows, headDim, stride, keepMask((flags & KEEP_DK) != 0 ? -1 : 0));
    if (dv != 0) addSums(dv + at, valueSums, rows, headDim, stride, keepMask((flags & KEEP_DV) != 0 ? -1 : 0));
  }
}

/** Queries first, first + 1 ... of a kv head, ATTENTION_TILE at most; query i is head i mod group of row i / group. */
function attendTileBackward(
  dq: usize, dout: usize, q: usize, keys: usize, keyRows: usize, valueKeys: usize, keySums: usize, valueSums: usize, scratch: usize, paths: usize,
  depths: usize, first: i32, rows: i32, group: i32, stride: i32, headDim: i32, capacity: i32, scale: f32, keep: v128,
): void {
  const last = min(first + ATTENTION_TILE, rows * group) - 1;
  const count = last - first + 1;
  const slots = last / group + 1;
  const scoreBytes = <usize>capacity << 2;
  const p = scratch;
  const s = p + <usize>ATTENTION_TILE * scoreBytes;
  const side = s + <usize>ATTENTION_TILE * scoreBytes;
  const headBytes = <usize>headDim << 2;
  const sums = p + <usize>ATTENTION_TILE * scoreBytes + attentionScratchBytes(capacity, headDim);
  const a = offsetOf(first, group, headDim, stride), b = offsetOf(min(first + 1, last), group, headDim, stride);
  const c = offsetOf(min(first + 2, last), group, headDim, stride), d = offsetOf(last, group, headDim, stride);

  scoreTile(KV_F32, count, p, scoreBytes, q + a, q + b, q + c, q + d, side, keys, 0, slots, headDim, scale);
  scoreTile(KV_F32, count, s, scoreBytes, dout + a, dout + b, dout + c, dout + d, side, valueKeys, 0, slots, headDim, 1);
  for (let i = first; i <= last; i++) {
    const row = i / group;
    const offset = <usize>(i - first) * scoreBytes;
    const nodes = load<i32>(depths + (<usize>row << 2)) + 1;
    const path = paths + (<usize>row * <usize>rows << 2);
    weightsOf(p + offset, path, nodes, slots);
    scoresBackward(p + offset, s + offset, slots, scale);
  }

  memory.fill(sums, 0, <usize>ATTENTION_TILE * headBytes);
  addValues(KV_F32, count, sums, sums + headBytes, sums + 2 * headBytes, sums + 3 * headBytes, s, scoreBytes, side, keyRows, slots, headDim);
  for (let i = 0; dq != 0 && i < count; i++) {
    const to = dq + offsetOf(first + i, group, headDim, stride);
    for (let at: usize = 0; at < headBytes; at += 16) put(to + at, v128.load(sums + <usize>i * headBytes + at), keep);
  }
  addOuter(keySums, s, scoreBytes, q + a, q + b, q + c, q + d, count, slots, headDim);
  addOuter(valueSums, p, scoreBytes, dout + a, dout + b, dout + c, dout + d, count, slots, headDim);
}

/** Where query i of a kv head lies, from its first one on. */
// @ts-ignore: decorator
@inline
function offsetOf(i: i32, group: i32, headDim: i32, stride: i32): usize {
  return <usize>((i / group) * stride + (i % group) * headDim) << 2;
}

/** Scores by slot, in place, to probabilities by slot, up to the end of the last block: those of the path's `nodes` rows, else 0. */
function weightsOf(p: usize, path: usize, nodes: i32, slots: i32): void {
  for (let j: usize = 0; j < <usize>nodes << 2; j += 4) store<f32>(p + j, load<f32>(p + (<usize>load<i32>(path + j) << 2)));
  softmax(p, nodes, 0, 1);
  // Back, from the last on: a node's number is at least its place on the path, so none is overwritten before it is read.
  let slot = capacityOf(slots) - 1;
  for (let j = nodes - 1; j >= 0; j--) {
    const node = load<i32>(path + (<usize>j << 2));
    const value = load<f32>(p + (<usize>j << 2));
    for (; slot > node; slot--) store<f32>(p + (<usize>slot << 2), 0);
    store<f32>(p + (<usize>node << 2), value);
    slot = node - 1;
  }
  for (; slot >= 0; slot--) store<f32>(p + (<usize>slot << 2), 0);
}

/** e[t] = dout . v[t], in place, to s[t] = scale * p[t] * (e[t] - sum over t of p e). */
function scoresBackward(p: usize, e: usize, slots: i32, scale: f32): void {
  const end = <usize>capacityOf(slots) << 2;
  memory.fill(e + (<usize>slots << 2), 0, end - (<usize>slots << 2));
  let sums = f32x4.splat(0);
  for (let t: usize = 0; t < end; t += 16) sums = f32x4.add(sums, f32x4.mul(v128.load(p + t), v128.load(e + t)));
  const mean = f32x4.splat(fold(sums));
  const scales = f32x4.splat(scale);
  for (let t: usize = 0; t < end; t += 16) {
    const change = f32x4.mul(v128.load(p + t), f32x4.sub(v128.load(e + t), mean));
    v128.store(e + t, f32x4.mul(change, scales));
  }
}

/** to[t] += weights[0][t] * xa + weights[1][t] * xb ..., `count` of them, for t in 0..slots - 1; to (slots, headDim). */
function addOuter(to: usize, weights: usize, rowBytes: usize, xa: usize, xb: usize, xc: usize, xd: usize, count: i32, slots: i32, headDim: i32): void {
  const headBytes = <usize>headDim << 2;
  if (count < ATTENTION_TILE) {
    for (let i = 0; i < count; i++) {
      const x = i == 0 ? xa : i == 1 ? xb : xc;
      addOne(to, weights + <usize>i * rowBytes, x, slots, headBytes);
    }
    return;
  }
  for (let t = 0; t < slots; t++) {
    const at = weights + (<usize>t << 2);
    const a = v128.load32_splat(at), b = v128.load32_splat(at + rowBytes);
    const c = v128.load32_splat(at + 2 * rowBytes), d = v128.load32_splat(at + 3 * rowBytes);
    for (let i: usize = 0; i < headBytes; i += 16) {
      let sum = f32x4.add(v128.load(to + i), f32x4.mul(a, v128.load(xa + i)));
      sum = f32x4.add(sum, f32x4.mul(b, v128.load(xb + i)));
      sum = f32x4.add(sum, f32x4.mul(c, v128.load(xc + i)));
      v128.store(to + i, f32x4.add(sum, f32x4.mul(d, v128.load(xd + i))));
    }
    to += headBytes;
  }
}

function addOne(to: usize, weights: usize, x: usize, slots: i32, headBytes: usize): void {
  for (let t = 0; t < slots; t++) {
    const weight = v128.load32_splat(weights + (<usize>t << 2));
    for (let i: usize = 0; i < headBytes; i += 16) v128.store(to + i, f32x4.add(v128.load(to + i), f32x4.mul(weight, v128.load(x + i))));
    to += headBytes;
  }
}

/** The sums of a part (rows, headDim), to where its head's rows lie, `stride` elements apart. */
function addSums(to: usize, sums: usize, rows: i32, headDim: i32, stride: i32, keep: v128): void {
  const headBytes = <usize>headDim << 2;
  for (let row = 0; row < rows; row++) {
    for (let i: usize = 0; i < headBytes; i += 16) put(to + i, v128.load(sums + i), keep);
    sums += headBytes;
    to += <usize>stride << 2;
  }
}
