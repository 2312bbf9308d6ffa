/**
 * Reading the KV cache: scores of keys, and sums of values. What is read by whom, and in which order, attention.ts says.
 *
 * Numbers are expanded in registers, each once for all queries that meet it. Queries and weights come prepared (kv-type.ts).
 *
 * Bits: a score is one accumulator over d in order, times `scale`; that of q8 is a sum of integers, as f32 times the key's scale, times the
 * query's. out[d] is one accumulator.
 */
import { KEY_BLOCK, KV_F16, KV_F32, KV_Q8 } from '../src/engine/opcodes';
import { F16_FACTOR, KvF16, KvF32, KvQ8, KvType, keyUnit, kvBytes, prepareF16, prepareQ8 } from './kv-type';
import { loadLanes, storeLanes } from './lanes';
import { multiply } from './softmax';

/** A query x (headDim,) f32 as keys of a type meet it, f16 or q8; `to` has room for as much. */
export function prepareQuery(type: i32, to: usize, x: usize, headDim: i32, scale: f32): void {
  if (type == KV_F16) prepareF16(to, x, headDim);
  else prepareQ8(to, x, headDim, scale);
}

/**
 * Scores of 1 to 4 queries against slots 0..slots - 1, and against those that share a block with the last.
 *
 * @param scores       `queries` rows of f32, `rowBytes` apart
 * @param qa, qb ...   queries: f32, or as prepareQuery has left them; those beyond `queries` are not read
 * @param keys         one kv head's region, KEYS of the type
 * @param keyScales    its scales, where the type has any
 */
export function scoreTile(
  type: i32, queries: i32, scores: usize, rowBytes: usize, qa: usize, qb: usize, qc: usize, qd: usize, keys: usize, keyScales: usize,
  slots: i32, headDim: i32, scale: f32,
): void {
  if (type == KV_F32) scoreAll<KvF32>(queries, scores, rowBytes, qa, qb, qc, qd, keys, keyScales, slots, headDim, scale);
  else if (type == KV_F16) scoreAll<KvF16>(queries, scores, rowBytes, qa, qb, qc, qd, keys, keyScales, slots, headDim, scale);
  else scoreAll<KvQ8>(queries, scores, rowBytes, qa, qb, qc, qd, keys, keyScales, slots, headDim, scale);
}

function scoreAll<T extends KvType>(
  queries: i32, scores: usize, rowBytes: usize, qa: usize, qb: usize, qc: usize, qd: usize, keys: usize, keyScales: usize, slots: i32,
  headDim: i32, scale: f32,
): void {
  if (queries == 4) scoreSlots<T>(4, scores, rowBytes, qa, qb, qc, qd, keys, keyScales, slots, headDim, scale);
  else if (queries == 3) scoreSlots<T>(3, scores, rowBytes, qa, qb, qc, qd, keys, keyScales, slots, headDim, scale);
  else if (queries == 2) scoreSlots<T>(2, scores, rowBytes, qa, qb, qc, qd, keys, keyScales, slots, headDim, scale);
  else scoreSlots<T>(1, scores, rowBytes, qa, qb, qc, qd, keys, keyScales, slots, headDim, scale);
}

/**
 * scoreTile of Q queries; Q is a constant wherever this is called. Letters are queries and digits are vectors of four keys.
 *
 * One block of eight keys comes after the other: a second stream of keys beside the first would halve the speed from memory.
 */
// @ts-ignore: decorator
@inline
function scoreSlots<T extends KvType>(
  Q: i32, scores: usize, rowBytes: usize, qa: usize, qb: usize, qc: usize, qd: usize, keys: usize, keyScales: usize, slots: i32,
  headDim: i32, scale: f32,
): void {
  const type = changetype<T>(0);
  const mask = type.mask(headDim);
  const scales = f32x4.splat(scale);
  const zero = f32x4.splat(0);
  const end = <usize>(headDim / type.perWord()) << 2;
  let key = keys;
  for (const stop = scores + (<usize>slots << 2); scores < stop; scores += KEY_BLOCK * 4) {
    let a0 = zero, a1 = zero;
    let b0 = zero, b1 = zero;
    let c0 = zero, c1 = zero;
    let d0 = zero, d1 = zero;
    // One word at a time: see matmul/tile.ts.
    for (let i: usize = 0; i < end; i += 4) {
      const k0 = type.keys(key, 0, mask), k1 = type.keys(key, 1, mask);
      const a = v128.load32_splat(qa + i);
      a0 = type.add(a0, k0, a);
      a1 = type.add(a1, k1, a);
      if (Q > 1) {
        const b = v128.load32_splat(qb + i);
        b0 = type.add(b0, k0, b);
        b1 = type.add(b1, k1, b);
      }
      if (Q > 2) {
        const c = v128.load32_splat(qc + i);
        c0 = type.add(c0, k0, c);
        c1 = type.add(c1, k1, c);
      }
      if (Q > 3) {
        const d = v128.load32_splat(qd + i);
        d0 = type.add(d0, k0, d);
        d1 = type.add(d1, k1, d);
      }
      key += <usize>KEY_BLOCK * keyUnit(type.number());
    }
    storeScores<T>(scores, a0, a1, keyScales, qa + end, scales);
    if (Q > 1) storeScores<T>(scores + rowBytes, b0, b1, keyScales, qb + end, scales);
    if (Q > 2) storeScores<T>(scores + 2 * rowBytes, c0, c1, keyScales, qc + end, scales);
    if (Q > 3) storeScores<T>(scores + 3 * rowBytes, d0, d1, keyScales, qd + end, scales);
    keyScales += KEY_BLOCK * 4;
  }
}

/** Scores of one query against the eight keys of a block, from their sums. A q8 query has its own scale, with `scale` in it. */
// @ts-ignore: decorator
@inline
function storeScores<T extends KvType>(scores: usize, low: v128, high: v128, keyScales: usize, queryScale: usize, scales: v128): void {
  if (changetype<T>(0).number() == KV_Q8) {
    low = f32x4.mul(f32x4.convert_i32x4_s(low), v128.load(keyScales));
    high = f32x4.mul(f32x4.convert_i32x4_s(high), v128.load(keyScales, 16));
    scales = v128.load32_splat(queryScale);
  }
  v128.store(scores, f32x4.mul(low, scales));
  v128.store(scores, f32x4.mul(high, scales), 16);
}

/**
 * Weights as values of a type meet them, f16 or q8.
 *
 * @param p       (length + nodes,) f32, in place: of committed slots in order, then of the nodes of a path
 * @param scales  of values of q8
 */
export function prepareWeights(type: i32, p: usize, scales: usize, length: i32, path: usize, nodes: i32): void {
  if (type == KV_F16) {
    multiply(p, length + nodes, F16_FACTOR);
    return;
  }
  const zero = f32x4.splat(0);
  for (let t = 0; t < length; t += 4) {
    const offset = <usize>t << 2;
    storeLanes(p + offset, f32x4.mul(loadLanes(p + offset, length - t, zero), v128.load(scales + offset)), length - t);
  }
  p += <usize>length << 2;
  scales += <usize>length << 2;
  for (let j: usize = 0; j < <usize>nodes << 2; j += 4) {
    store<f32>(p + j, load<f32>(p + j) * load<f32>(scales + (<usize>load<i32>(path + j) << 2)));
  }
}

/**
 * out[d] += p[t] * values[t][d] for two queries, or for one that is given twice, and rows t = 0..count - 1, in order of t.
 *
 * @param o0, o1   (headDim,) f32
 * @param p0, p1   (count,) f32; for f16 and q8 as prepareWeights has left them
 * @param values   (count, headDim) of the type, rows of one kv head's VALUES
 */
export function addValues(type: i32, o0: usize, o1: usize, p0: usize, p1: usize, values: usize, count: i32, headDim: i32): void {
  if (type == KV_F32) addRows<KvF32>(o0, o1, p0, p1, values, count, headDim);
  else if (type == KV_F16) addRows<KvF16>(o0, o1, p0, p1, values, count, headDim);
  else addRows<KvQ8>(o0, o1, p0, p1, values, count, headDim);
}

function addRows<T extends KvType>(o0: usize, o1: usize, p0: usize, p1: usize, values: usize, count: i32, headDim: i32): void {
  const type = changetype<T>(0);
  const bytes = kvBytes(type.number());
  const mask = type.mask(count);
  const rowBytes = <usize>headDim * bytes;
  const end = <usize>headDim << 2;
  let d: usize = 0;
  if (o0 != o1) {
    for (; d + 64 <= end; d += 64) {
      addStrips<T>(2, o0 + d, o1 + d, p0, p1, values, count, rowBytes, mask);
      values += 16 * bytes;
    }
  } else {
    for (; d + 128 <= end; d += 128) {
      addStrips<T>(1, o0 + d, o0 + d + 64, p0, p0, values, count, rowBytes, mask);
      values += 32 * bytes;
    }
  }
  for (; d < end; d += 16) {
    addFour<T>(o0 + d, p0, values, count, rowBytes, mask);
    if (o0 != o1) addFour<T>(o1 + d, p1, values, count, rowBytes, mask);
    values += 4 * bytes;
  }
}

/**
 * Two strips of sixteen elements, a and b. With Q = 2 they belong to two queries, and share the values; with Q = 1 they are neighbours,
 * and share p. Q is a constant wherever this is called.
 */
// @ts-ignore: decorator
@inline
function addStrips<T extends KvType>(
  Q: i32, oa: usize, ob: usize, pa: usize, pb: usize, values: usize, count: i32, rowBytes: usize, mask: v128,
): void {
  const type = changetype<T>(0);
  let a0 = v128.load(oa), a1 = v128.load(oa, 16), a2 = v128.load(oa, 32), a3 = v128.load(oa, 48);
  let b0 = v128.load(ob), b1 = v128.load(ob, 16), b2 = v128.load(ob, 32), b3 = v128.load(ob, 48);
  for (const end = pa + (<usize>count << 2); pa < end; pa += 4) {
    const a = v128.load32_splat(pa);
    const b = Q > 1 ? v128.load32_splat(pb) : a;
    const m0 = type.first(values, 0);
    const x = type.expand(m0, 0, mask);
    a0 = f32x4.add(a0, f32x4.mul(x, a));
    const n0 = Q > 1 ? m0 : type.first(values, 2);
    b0 = f32x4.add(b0, f32x4.mul(Q > 1 ? x : type.expand(n0, 0, mask), b));
    const m1 = type.second(values, 0, m0);
    const y = type.expand(m1, 1, mask);
    a1 = f32x4.add(a1, f32x4.mul(y, a));
    b1 = f32x4.add(b1, f32x4.mul(Q > 1 ? y : type.expand(type.second(values, 2, n0), 1, mask), b));
    const m2 = type.first(values, 1);
    const z = type.expand(m2, 0, mask);
    a2 = f32x4.add(a2, f32x4.mul(z, a));
    const n2 = Q > 1 ? m2 : type.first(values, 3);
    b2 = f32x4.add(b2, f32x4.mul(Q > 1 ? z : type.expand(n2, 0, mask), b));
    const m3 = type.second(values, 1, m2);
    const w = type.expand(m3, 1, mask);
    a3 = f32x4.add(a3, f32x4.mul(w, a));
    b3 = f32x4.add(b3, f32x4.mul(Q > 1 ? w : type.expand(type.second(values, 3, n2), 1, mask), b));
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
function addFour<T extends KvType>(o: usize, p: usize, values: usize, count: i32, rowBytes: usize, mask: v128): void {
  const type = changetype<T>(0);
  let sum = v128.load(o);
  for (const end = p + (<usize>count << 2); p < end; p += 4) {
    sum = f32x4.add(sum, f32x4.mul(type.expand(type.first(values, 0), 0, mask), v128.load32_splat(p)));
    values += rowBytes;
  }
  v128.store(o, sum);
}
