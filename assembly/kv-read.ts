/**
 * Reading the KV cache: scores of keys, and sums of values. What is read by whom, and in which order, attention.ts says.
 *
 * Numbers are expanded in registers, each once for all queries that meet it. Queries and weights come prepared (kv-type.ts).
 *
 * Bits: a score is one accumulator over d in order, times `scale`; that of q8 is a sum of integers, as f32 times the key's scale, times the
 * query's. out[d] is one accumulator.
 */
import { ATTENTION_BLOCK, KEY_BLOCK, KV_F16, KV_F32, KV_Q8 } from '../src/engine/opcodes';
import { F16_FACTOR, KvF16, KvF32, KvQ8, KvType, keyUnit, kvBytes, prepareF16, prepareQ8 } from './kv-type';
import { loadLanes, storeLanes } from './lanes';
import { multiply } from './softmax';

/** Bytes that come from memory together. */
const CACHE_LINE: usize = 64;
/** From so many bytes of values of one head on, all of a model's are more than a processor's near caches hold. */
const FAR_BYTES: usize = 1 << 16;

/** A query x (headDim,) f32 as keys of a type meet it, f16 or q8; `to` has room for as much. */
export function prepareQuery(type: i32, to: usize, x: usize, headDim: i32, scale: f32): void {
  if (type == KV_F16) prepareF16(to, x, headDim);
  else prepareQ8(to, x, headDim, scale);
}

/**
 * Words of up to four queries side by side: to[4 * i + j] = word i of the query at j, so that one pointer reads them all.
 *
 * @param to  (words, 4), and room for four words more
 */
function interleave(to: usize, a: usize, b: usize, c: usize, d: usize, words: i32): void {
  for (const end = a + (<usize>words << 2); a < end; a += 16) {
    const va = v128.load(a), vb = v128.load(b), vc = v128.load(c), vd = v128.load(d);
    const ab = v128.shuffle<f32>(va, vb, 0, 4, 1, 5), cd = v128.shuffle<f32>(vc, vd, 0, 4, 1, 5);
    v128.store(to, v128.shuffle<f64>(ab, cd, 0, 2));
    v128.store(to, v128.shuffle<f64>(ab, cd, 1, 3), 16);
    const ef = v128.shuffle<f32>(va, vb, 2, 6, 3, 7), gh = v128.shuffle<f32>(vc, vd, 2, 6, 3, 7);
    v128.store(to, v128.shuffle<f64>(ef, gh, 0, 2), 32);
    v128.store(to, v128.shuffle<f64>(ef, gh, 1, 3), 48);
    b += 16;
    c += 16;
    d += 16;
    to += 64;
  }
}

/** Of a pair of vectors that `put` will be given, the first (half 0) or second. */
// @ts-ignore: decorator
@inline
function take(apart: bool, at: usize, half: i32): v128 {
  if (!apart) return half == 0 ? v128.load(at) : v128.load(at, 16);
  const low = v128.load(at), high = v128.load(at, 16);
  return half == 0 ? v128.shuffle<f32>(low, high, 0, 2, 4, 6) : v128.shuffle<f32>(low, high, 1, 3, 5, 7);
}

/** Stores eight numbers in order, of which `first` and `second` hold the first and last four, or where they are `apart` the even and odd ones. */
// @ts-ignore: decorator
@inline
function put(apart: bool, at: usize, first: v128, second: v128): void {
  v128.store(at, apart ? v128.shuffle<f32>(first, second, 0, 4, 1, 5) : first);
  v128.store(at, apart ? v128.shuffle<f32>(first, second, 2, 6, 3, 7) : second, 16);
}

/**
 * Scores of 1 to 4 queries against slots 0..slots - 1, and against those that share a block with the last.
 *
 * @param scores       `queries` rows of f32, `rowBytes` apart
 * @param qa, qb ...   queries: f32, or as prepareQuery has left them; those beyond `queries` are any of them
 * @param side         (headDim + ATTENTION_BLOCK, 4) f32 of scratch
 * @param keys         one kv head's region, KEYS of the type
 * @param keyScales    its scales, where the type has any
 */
export function scoreTile(
  type: i32, queries: i32, scores: usize, rowBytes: usize, qa: usize, qb: usize, qc: usize, qd: usize, side: usize, keys: usize, keyScales: usize,
  slots: i32, headDim: i32, scale: f32,
): void {
  if (queries > 1) {
    // Behind the words of a q8 query comes its scale.
    interleave(side, qa, qb, qc, qd, type == KV_Q8 ? (headDim >> 1) + 1 : headDim);
    qa = side;
  }
  if (type == KV_F32) scoreAll<KvF32>(queries, scores, rowBytes, qa, keys, keyScales, slots, headDim, scale);
  else if (type == KV_F16) scoreAll<KvF16>(queries, scores, rowBytes, qa, keys, keyScales, slots, headDim, scale);
  else scoreAll<KvQ8>(queries, scores, rowBytes, qa, keys, keyScales, slots, headDim, scale);
}

function scoreAll<T extends KvType>(
  queries: i32, scores: usize, rowBytes: usize, query: usize, keys: usize, keyScales: usize, slots: i32, headDim: i32, scale: f32,
): void {
  if (queries == 4) scoreSlots<T>(4, scores, rowBytes, query, keys, keyScales, slots, headDim, scale);
  else if (queries == 3) scoreSlots<T>(3, scores, rowBytes, query, keys, keyScales, slots, headDim, scale);
  else if (queries == 2) scoreSlots<T>(2, scores, rowBytes, query, keys, keyScales, slots, headDim, scale);
  else scoreSlots<T>(1, scores, rowBytes, query, keys, keyScales, slots, headDim, scale);
}

/**
 * scoreTile of Q queries, a constant wherever this is called. Letters are queries and digits are vectors of four keys. `query` is one query,
 * or the interleaved words of several.
 *
 * One block of eight keys comes after the other: a second stream of keys beside the first would halve the speed from memory.
 */
// @ts-ignore: decorator
@inline
function scoreSlots<T extends KvType>(
  Q: i32, scores: usize, rowBytes: usize, query: usize, keys: usize, keyScales: usize, slots: i32, headDim: i32, scale: f32,
): void {
  const type = changetype<T>(0);
  const k = type.constant(0, headDim), l = type.constant(1, headDim);
  const scales = f32x4.splat(scale);
  const zero = f32x4.splat(0);
  const step: usize = Q == 1 ? 4 : 16;
  const queryEnd = query + <usize>(headDim / type.perWord()) * step;
  let key = keys;
  for (const stop = scores + (<usize>slots << 2); scores < stop; scores += KEY_BLOCK * 4) {
    let a0 = zero, a1 = zero;
    let b0 = zero, b1 = zero;
    let c0 = zero, c1 = zero;
    let d0 = zero, d1 = zero;
    // One word at a time: see matmul/tile.ts.
    for (let q = query; q < queryEnd; q += step) {
      const m0 = type.firstKeys(key), m1 = type.secondKeys(key, m0);
      const k0 = type.keys(m0, 0, k, l), k1 = type.keys(m1, 1, k, l);
      const a = v128.load32_splat(q);
      a0 = type.add(a0, k0, a);
      a1 = type.add(a1, k1, a);
      if (Q > 1) {
        const b = v128.load32_splat(q, 4);
        b0 = type.add(b0, k0, b);
        b1 = type.add(b1, k1, b);
      }
      if (Q > 2) {
        const c = v128.load32_splat(q, 8);
        c0 = type.add(c0, k0, c);
        c1 = type.add(c1, k1, c);
      }
      if (Q > 3) {
        const d = v128.load32_splat(q, 12);
        d0 = type.add(d0, k0, d);
        d1 = type.add(d1, k1, d);
      }
      key += <usize>KEY_BLOCK * keyUnit(type.number());
    }
    storeScores<T>(scores, a0, a1, keyScales, queryEnd, scales);
    if (Q > 1) storeScores<T>(scores + rowBytes, b0, b1, keyScales, queryEnd + 4, scales);
    if (Q > 2) storeScores<T>(scores + 2 * rowBytes, c0, c1, keyScales, queryEnd + 8, scales);
    if (Q > 3) storeScores<T>(scores + 3 * rowBytes, d0, d1, keyScales, queryEnd + 12, scales);
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
  put(changetype<T>(0).keysApart(), scores, f32x4.mul(low, scales), f32x4.mul(high, scales));
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
 * out[d] += p[t] * values[t][d] for 1 to 4 queries and rows t = 0..count - 1, in order of t.
 *
 * @param oa, ob ...  (headDim,) f32; those beyond `queries` are any of them
 * @param p           `queries` rows (count,) f32, `rowBytes` apart; for f16 and q8 as prepareWeights has left them
 * @param side        (ATTENTION_BLOCK, 4) f32 of scratch
 * @param values      (count, headDim) of the type, rows of one kv head's VALUES
 */
export function addValues(
  type: i32, queries: i32, oa: usize, ob: usize, oc: usize, od: usize, p: usize, rowBytes: usize, side: usize, values: usize, count: i32,
  headDim: i32,
): void {
  const far = <usize>(count * headDim) * kvBytes(type) >= FAR_BYTES;
  for (let t = 0; t < count; t += ATTENTION_BLOCK) {
    const rows = min(count - t, ATTENTION_BLOCK);
    const ahead = far ? min(count - t - rows, ATTENTION_BLOCK) : 0;
    let weights = p + (<usize>t << 2);
    if (queries > 1) {
      interleave(side, weights, weights + rowBytes, weights + 2 * rowBytes, weights + 3 * rowBytes, rows);
      weights = side;
    }
    if (type == KV_F32) addBlock<KvF32>(queries, oa, ob, oc, od, weights, values, rows, ahead, headDim);
    else if (type == KV_F16) addBlock<KvF16>(queries, oa, ob, oc, od, weights, values, rows, ahead, headDim);
    else addBlock<KvQ8>(queries, oa, ob, oc, od, weights, values, rows, ahead, headDim);
    values += <usize>rows * headDim * kvBytes(type);
  }
}

/** Has the lines of from..from + bytes - 1 come into the near cache. @returns where the next ones begin */
function touch(from: usize, bytes: usize): usize {
  for (const end = from + bytes; from < end; from += CACHE_LINE) load<u8>(from);
  return from;
}

/** A block of values; p is of one query, or the interleaved words of several. Four go in pairs, which takes f32 no longer. */
function addBlock<T extends KvType>(
  queries: i32, oa: usize, ob: usize, oc: usize, od: usize, p: usize, values: usize, rows: i32, ahead: i32, headDim: i32,
): void {
  if (queries == 1) addForOne<T>(oa, p, values, rows, ahead, headDim);
  else if (queries == 3) addForThree<T>(oa, ob, oc, p, values, rows, ahead, headDim);
  else {
    addForTwo<T>(oa, ob, p, values, rows, ahead, headDim);
    if (queries == 4) addForTwo<T>(oc, od, p + 8, values, rows, 0, headDim);
  }
}

// Functions of their own: side by side in one, Binaryen would take them for the same code before it knows Q, and leave one loop that asks for it.

function addForOne<T extends KvType>(oa: usize, p: usize, values: usize, rows: i32, ahead: i32, headDim: i32): void {
  addStrips<T>(1, oa, oa, oa, p, values, rows, ahead, headDim);
}

function addForTwo<T extends KvType>(oa: usize, ob: usize, p: usize, values: usize, rows: i32, ahead: i32, headDim: i32): void {
  addStrips<T>(2, oa, ob, ob, p, values, rows, ahead, headDim);
}

function addForThree<T extends KvType>(oa: usize, ob: usize, oc: usize, p: usize, values: usize, rows: i32, ahead: i32, headDim: i32): void {
  addStrips<T>(3, oa, ob, oc, p, values, rows, ahead, headDim);
}

/**
 * A block of values for Q queries, a constant wherever this is called.
 *
 * Strip after strip reads lines that lie a row apart, which no prefetcher makes a stream of. So each strip first touches its share of the
 * `ahead` rows that come next, line by line: they are on their way while this block's are added.
 */
// @ts-ignore: decorator
@inline
function addStrips<T extends KvType>(Q: i32, oa: usize, ob: usize, oc: usize, p: usize, values: usize, rows: i32, ahead: i32, headDim: i32): void {
  const bytes = kvBytes(changetype<T>(0).number());
  const rowBytes = <usize>headDim * bytes;
  const width: usize = Q == 1 ? 32 : Q == 2 ? 16 : 8;
  const end = oa + (<usize>headDim << 2);
  let next = values + <usize>rows * rowBytes;
  for (; oa + 4 * width <= end; oa += 4 * width) {
    if (ahead > 0) next = touch(next, <usize>ahead * width * bytes);
    addStrip<T>(Q, oa, ob, oc, p, values, rows, rowBytes);
    ob += 4 * width;
    oc += 4 * width;
    values += width * bytes;
  }
  if (oa < end) addRest<T>(Q, oa, ob, oc, p, values, rows, end - oa, rowBytes);
}

/**
 * A strip: as many elements of Q queries as three or four pairs of vectors hold, which stay in registers. Letters are pairs, digits their
 * halves.
 *
 *   Q = 1   a b c d are elements 0..31 of the query
 *   Q = 2   a b are elements 0..15 of the first, c d of the second
 *   Q = 3   a b c are elements 0..7 of a query each
 *
 * Of values x y z w are eight each, and u are weights.
 */
// @ts-ignore: decorator
@inline
function addStrip<T extends KvType>(Q: i32, oa: usize, ob: usize, oc: usize, p: usize, values: usize, rows: i32, rowBytes: usize): void {
  const type = changetype<T>(0);
  const apart = type.valuesApart();
  const k = type.constant(0, rows), l = type.constant(1, rows);
  const step: usize = Q == 1 ? 4 : 16;
  const toB = Q == 3 ? ob : oa + 32, toC = Q == 1 ? oa + 64 : Q == 2 ? ob : oc, toD = Q == 1 ? oa + 96 : ob + 32;
  let a0 = take(apart, oa, 0), a1 = take(apart, oa, 1);
  let b0 = take(apart, toB, 0), b1 = take(apart, toB, 1);
  let c0 = take(apart, toC, 0), c1 = take(apart, toC, 1);
  let d0 = Q < 3 ? take(apart, toD, 0) : a0, d1 = Q < 3 ? take(apart, toD, 1) : a1;
  for (const end = p + <usize>rows * step; p < end; p += step) {
    const ua = v128.load32_splat(p), ub = Q == 3 ? v128.load32_splat(p, 4) : ua;
    const uc = Q == 1 ? ua : Q == 2 ? v128.load32_splat(p, 4) : v128.load32_splat(p, 8);
    const mx = type.firstValues(values, 0), nx = type.secondValues(values, 0, mx);
    const x0 = type.values(mx, 0, k, l), x1 = type.values(nx, 1, k, l);
    a0 = f32x4.add(a0, f32x4.mul(x0, ua));
    a1 = f32x4.add(a1, f32x4.mul(x1, ua));
    const my = Q == 3 ? mx : type.firstValues(values, 1), ny = Q == 3 ? nx : type.secondValues(values, 1, my);
    const y0 = Q == 3 ? x0 : type.values(my, 0, k, l), y1 = Q == 3 ? x1 : type.values(ny, 1, k, l);
    b0 = f32x4.add(b0, f32x4.mul(y0, ub));
    b1 = f32x4.add(b1, f32x4.mul(y1, ub));
    const mz = Q > 1 ? mx : type.firstValues(values, 2), nz = Q > 1 ? nx : type.secondValues(values, 2, mz);
    c0 = f32x4.add(c0, f32x4.mul(Q > 1 ? x0 : type.values(mz, 0, k, l), uc));
    c1 = f32x4.add(c1, f32x4.mul(Q > 1 ? x1 : type.values(nz, 1, k, l), uc));
    if (Q < 3) {
      const mw = Q > 1 ? my : type.firstValues(values, 3), nw = Q > 1 ? ny : type.secondValues(values, 3, mw);
      d0 = f32x4.add(d0, f32x4.mul(Q > 1 ? y0 : type.values(mw, 0, k, l), uc));
      d1 = f32x4.add(d1, f32x4.mul(Q > 1 ? y1 : type.values(nw, 1, k, l), uc));
    }
    values += rowBytes;
  }
  put(apart, oa, a0, a1);
  put(apart, toB, b0, b1);
  put(apart, toC, c0, c1);
  if (Q < 3) put(apart, toD, d0, d1);
}

/** What strips leave over: four elements of a query at a time, `left` bytes of each. */
function addRest<T extends KvType>(
  queries: i32, oa: usize, ob: usize, oc: usize, p: usize, values: usize, rows: i32, left: usize, rowBytes: usize,
): void {
  const type = changetype<T>(0);
  const k = type.constant(0, rows), l = type.constant(1, rows);
  const step: usize = queries == 1 ? 4 : 16;
  for (let i = 0; i < queries; i++) {
    const o = i == 0 ? oa : i == 1 ? ob : oc;
    for (let d: usize = 0; d < left; d += 16) {
      let sum = v128.load(o + d);
      let from = values + (d >> 2) * kvBytes(type.number());
      for (let u = p, end = p + <usize>rows * step; u < end; u += step) {
        const m = type.firstValues(from, 0);
        const low = type.values(m, 0, k, l);
        const four = type.valuesApart() ? v128.shuffle<f32>(low, type.values(m, 1, k, l), 0, 4, 1, 5) : low;
        sum = f32x4.add(sum, f32x4.mul(four, v128.load32_splat(u)));
        from += rowBytes;
      }
      v128.store(o + d, sum);
    }
    p += 4;
  }
}
