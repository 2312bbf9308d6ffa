/**
 * How the KV cache holds a number: what kv-cache.ts writes and kv-read.ts reads.
 *
 *   f32   as it is
 *   f16   the nearest f16, ties to even; from 65504 on the largest that there is, 65504: a cache never holds an infinity
 *   q8    -127..127 and one f32 scale for a row, which is what one head has at one position:
 *         scale = max|x| / 127,  q = nearest integer of x * (127 / max|x|), ties to even;  a row below 2^-100 is zero
 *
 * A row is rounded by itself, when it is stored, and is read from the cache even by the pass that stores it: so a node of a tree meets the
 * very numbers that plain decoding meets.
 *
 * What would have to be done to every key and value is done to the query and to the weights instead, once for all that they meet:
 *
 *   f16   In registers a number is 2^-112 of what it is, as its exponent has another bias there. Queries (cut off at 65504, too) and weights
 *         are 2^112 times what they are. Every product is the exact one, rounded once, as if nothing had been scaled; subnormal numbers, too.
 *   q8    A query is rounded to 15 bits with a scale of its own, as keys are to 8, so that a score is a sum of integers, times both scales.
 *         The scale of a value multiplies its weight.
 *
 * Bits: a maximum is exact in any order; of q8 two divisions and a product are rounded to f32, then comes one rounding to an integer.
 *
 * Types have no state: a class only carries a choice of code, all of which is inlined. `eight` and `half` are constants.
 */
import { KV_F16, KV_F32, KV_Q8 } from '../src/engine/opcodes';
import { hidden } from './lanes';

/** Bytes of one number of a type: KV_F32, KV_F16 or KV_Q8. */
// @ts-ignore: decorator
@inline
export function kvBytes(type: i32): usize {
  return 4 >> type;
}

/** Bytes of a row's scale. */
// @ts-ignore: decorator
@inline
export function kvScaleBytes(type: i32): usize {
  return type == KV_Q8 ? 4 : 0;
}

/** Bytes of a key that lie together: one number, of q8 two. */
// @ts-ignore: decorator
@inline
export function keyUnit(type: i32): usize {
  return type == KV_F32 ? 4 : 2;
}

/** What f16 numbers are divided by in registers: 2^(127 - 15), the difference of the exponents' biases. */
export const F16_FACTOR: f32 = 5.192296858534828e33;

/** What keeps the sign, and exponent and fraction where f32 has the lower five bits of its exponent and the upper ten of its fraction; hidden. */
// @ts-ignore: decorator
@inline
export function f16Mask(count: i32): v128 {
  return hidden(i32x4.splat(0x8fffe000), count);
}

/** What lower halves are moved there with; hidden. */
// @ts-ignore: decorator
@inline
export function f16Move(count: i32): v128 {
  return hidden(i32x4.splat(1 << 13), count);
}

/**
 * The lower (half 0) or upper f16 of every lane as f32, but 2^-112 of what they are. The product of pairs is 2^13 times the lower one with its
 * sign, and nothing of the upper one: by shifts it would have to go left and back.
 */
// @ts-ignore: decorator
@inline
export function moveHalves(packed: v128, half: i32, mask: v128, move: v128): v128 {
  return v128.and(half == 0 ? i32x4.dot_i16x8_s(packed, move) : i32x4.shr_s(packed, 3), mask);
}

/** How a type is rounded, and what is computed with it. */
export abstract class KvType {
  /** KV_F32, KV_F16 or KV_Q8. */
  abstract number(): i32;

  /** Of the row x (dim,) f32, finite: what every number is multiplied with before it is packed. A scale is stored at `scale`. */
  abstract open(scale: usize, x: usize, dim: i32): v128;
  /** Four numbers of the row as integers, in the lower bits of each lane. */
  abstract pack(x: v128, factor: v128): v128;
  /** Stores them; the cache has `step` bytes for each number of the row, a key's units (keyUnit) so far apart from each other. */
  abstract put(to: usize, step: usize, packed: v128): void;

  /** Elements of a query in 32 bits. */
  abstract perWord(): i32;
  /** What the first four of eight keys are expanded from, at a word's place. */
  abstract firstKeys(from: usize): v128;
  /** What the second four are expanded from: another vector, or the `first` once more. */
  abstract secondKeys(from: usize, first: v128): v128;
  /** The numbers of the first (half 0) or second four keys that meet one word of a query. */
  abstract keys(packed: v128, half: i32, c0: v128, c1: v128): v128;
  /** Whether the first four are the even ones of the eight, and the second four the odd ones. */
  abstract keysApart(): bool;
  /** `sum` and the products of four keys with a word of a query. */
  abstract add(sum: v128, keys: v128, query: v128): v128;

  /** What the first four of values eight * 8 ... eight * 8 + 7 are expanded from, `from` being where value 0 lies. */
  abstract firstValues(from: usize, eight: i32): v128;
  /** What the second four are expanded from: another vector, or the `first` once more. */
  abstract secondValues(from: usize, eight: i32, first: v128): v128;
  /** The first or second four values as f32. */
  abstract values(packed: v128, half: i32, c0: v128, c1: v128): v128;
  /** As keysApart. */
  abstract valuesApart(): bool;
  /** Constants that `keys` and `values` work with, hidden: they are needed in innermost loops. `count` is never negative. */
  abstract constant(i: i32, count: i32): v128;
}

/** What types share whose products are of floats. */
abstract class Floats extends KvType {
  @inline
  open(scale: usize, x: usize, dim: i32): v128 {
    return f32x4.splat(0);
  }
  @inline
  perWord(): i32 {
    return 1;
  }
  @inline
  add(sum: v128, keys: v128, query: v128): v128 {
    return f32x4.add(sum, f32x4.mul(keys, query));
  }
}

export class KvF32 extends Floats {
  @inline
  number(): i32 {
    return KV_F32;
  }
  @inline
  pack(x: v128, factor: v128): v128 {
    return x;
  }
  @inline
  put(to: usize, step: usize, packed: v128): void {
    v128.store_lane<f32>(to, packed, 0);
    v128.store_lane<f32>(to + step, packed, 1);
    v128.store_lane<f32>(to + 2 * step, packed, 2);
    v128.store_lane<f32>(to + 3 * step, packed, 3);
  }
  @inline
  firstKeys(from: usize): v128 {
    return v128.load(from);
  }
  @inline
  secondKeys(from: usize, first: v128): v128 {
    return v128.load(from, 16);
  }
  @inline
  keys(packed: v128, half: i32, c0: v128, c1: v128): v128 {
    return packed;
  }
  @inline
  keysApart(): bool {
    return false;
  }
  @inline
  firstValues(from: usize, eight: i32): v128 {
    return eight == 0 ? v128.load(from) : eight == 1 ? v128.load(from, 32) : eight == 2 ? v128.load(from, 64) : v128.load(from, 96);
  }
  @inline
  secondValues(from: usize, eight: i32, first: v128): v128 {
    return eight == 0 ? v128.load(from, 16) : eight == 1 ? v128.load(from, 48) : eight == 2 ? v128.load(from, 80) : v128.load(from, 112);
  }
  @inline
  values(packed: v128, half: i32, c0: v128, c1: v128): v128 {
    return packed;
  }
  @inline
  valuesApart(): bool {
    return false;
  }
  @inline
  constant(i: i32, count: i32): v128 {
    return f32x4.splat(0);
  }
}

/** Difference of the exponents' biases, as an f32 exponent: (127 - 15) << 23. */
const REBIAS: i32 = 0x38000000;
/** The bits of 65504, 2^-14 (the smallest normal f16) and 0.5 as f32. */
const LARGEST: i32 = 0x477fe000;
const SMALLEST_NORMAL: i32 = 0x38800000;
const HALF: i32 = 0x3f000000;

export class KvF16 extends Floats {
  @inline
  number(): i32 {
    return KV_F16;
  }
  @inline
  pack(x: v128, factor: v128): v128 {
    const size = i32x4.min_s(v128.and(x, i32x4.splat(0x7fffffff)), i32x4.splat(LARGEST));
    const odd = v128.and(i32x4.shr_u(size, 13), i32x4.splat(1));
    const normal = i32x4.shr_u(i32x4.add(i32x4.add(size, odd), i32x4.splat(0xfff - REBIAS)), 13);
    // Floats from 0.5 to 1 are 2^-24 apart, as subnormal f16 are: the addition rounds.
    const subnormal = i32x4.sub(f32x4.add(size, i32x4.splat(HALF)), i32x4.splat(HALF));
    const magnitude = v128.bitselect(subnormal, normal, i32x4.lt_s(size, i32x4.splat(SMALLEST_NORMAL)));
    return v128.or(magnitude, v128.and(i32x4.shr_u(x, 16), i32x4.splat(0x8000)));
  }
  @inline
  put(to: usize, step: usize, packed: v128): void {
    v128.store_lane<i16>(to, packed, 0);
    v128.store_lane<i16>(to + step, packed, 2);
    v128.store_lane<i16>(to + 2 * step, packed, 4);
    v128.store_lane<i16>(to + 3 * step, packed, 6);
  }
  @inline
  firstKeys(from: usize): v128 {
    return v128.load(from);
  }
  @inline
  secondKeys(from: usize, first: v128): v128 {
    return first;
  }
  @inline
  keys(packed: v128, half: i32, c0: v128, c1: v128): v128 {
    return moveHalves(packed, half, c0, c1);
  }
  @inline
  keysApart(): bool {
    return true;
  }
  @inline
  firstValues(from: usize, eight: i32): v128 {
    return eight == 0 ? v128.load(from) : eight == 1 ? v128.load(from, 16) : eight == 2 ? v128.load(from, 32) : v128.load(from, 48);
  }
  @inline
  secondValues(from: usize, eight: i32, first: v128): v128 {
    return first;
  }
  @inline
  values(packed: v128, half: i32, c0: v128, c1: v128): v128 {
    return moveHalves(packed, half, c0, c1);
  }
  @inline
  valuesApart(): bool {
    return true;
  }
  @inline
  constant(i: i32, count: i32): v128 {
    return i == 0 ? f16Mask(count) : f16Move(count);
  }
}

/** A query as f16 keys meet it: to[i] = x[i] * 2^112, x[i] cut off at 65504. */
export function prepareF16(to: usize, x: usize, dim: i32): void {
  const limit = i32x4.splat(LARGEST);
  for (const end = x + (<usize>dim << 2); x < end; x += 16) {
    const v = v128.load(x);
    const size = f32x4.mul(i32x4.min_s(v128.and(v, i32x4.splat(0x7fffffff)), limit), f32x4.splat(F16_FACTOR));
    v128.store(to, v128.or(size, v128.and(v, i32x4.splat(0x80000000))));
    to += 16;
  }
}

/** A row whose largest magnitude is below this counts as zero: 127 / max|x| must stay finite. 2^-100. */
const SMALLEST: f32 = 7.888609052210118e-31;
/** Added to a float below 2^22, it leaves the nearest integer, ties to even, in the low bits of the sum: 1.5 * 2^23. */
const ROUNDER: f32 = 12582912;

export class KvQ8 extends KvType {
  @inline
  number(): i32 {
    return KV_Q8;
  }
  @inline
  open(scale: usize, x: usize, dim: i32): v128 {
    return scaleRow(scale, x, dim, 127, 1);
  }
  @inline
  pack(x: v128, factor: v128): v128 {
    return f32x4.add(f32x4.mul(x, factor), f32x4.splat(ROUNDER));
  }
  @inline
  put(to: usize, step: usize, packed: v128): void {
    v128.store_lane<i8>(to, packed, 0);
    v128.store_lane<i8>(to, packed, 4, 1);
    v128.store_lane<i8>(to + 2 * step, packed, 8);
    v128.store_lane<i8>(to + 2 * step, packed, 12, 1);
  }
  @inline
  perWord(): i32 {
    return 2;
  }
  @inline
  firstKeys(from: usize): v128 {
    return v128.load_ext<i8>(from);
  }
  @inline
  secondKeys(from: usize, first: v128): v128 {
    return v128.load_ext<i8>(from, 8);
  }
  @inline
  keys(packed: v128, half: i32, c0: v128, c1: v128): v128 {
    return packed;
  }
  @inline
  keysApart(): bool {
    return false;
  }
  @inline
  add(sum: v128, keys: v128, query: v128): v128 {
    return i32x4.add(sum, i32x4.dot_i16x8_s(keys, query));
  }
  @inline
  firstValues(from: usize, eight: i32): v128 {
    return eight == 0 ? v128.load_ext<i8>(from) : eight == 1 ? v128.load_ext<i8>(from, 8) : eight == 2 ? v128.load_ext<i8>(from, 16) : v128.load_ext<i8>(from, 24);
  }
  @inline
  secondValues(from: usize, eight: i32, first: v128): v128 {
    return first;
  }
  @inline
  values(packed: v128, half: i32, c0: v128, c1: v128): v128 {
    return f32x4.convert_i32x4_s(half == 0 ? i32x4.dot_i16x8_s(packed, c0) : i32x4.shr_s(packed, 16));
  }
  @inline
  valuesApart(): bool {
    return true;
  }
  @inline
  constant(i: i32, count: i32): v128 {
    return hidden(i32x4.splat(1), count);
  }
}

/** Largest magnitude of a q8 query's elements: sums over 1024 of them, the most that a head can have, times 127 stay below 2^31. */
const MOST_QUERY: f32 = 16383;

/** A query as q8 keys meet it: (dim,) i16, and behind them its scale times `scale`, an f32: what a sum is multiplied with. */
export function prepareQ8(to: usize, x: usize, dim: i32, scale: f32): void {
  const factor = scaleRow(to + (<usize>dim << 1), x, dim, MOST_QUERY, scale);
  const rounder = f32x4.splat(ROUNDER);
  for (const end = x + (<usize>dim << 2); x < end; x += 16) {
    const integers = i32x4.sub(f32x4.add(f32x4.mul(v128.load(x), factor), rounder), rounder);
    v128.store_lane<i64>(to, i16x8.narrow_i32x4_s(integers, integers), 0);
    to += 8;
  }
}

/** Stores max|x| / most * times at `scale`, and 0 where max|x| is below SMALLEST. @returns most / max|x|, or 0, in every lane */
function scaleRow(scale: usize, x: usize, dim: i32, most: f32, times: f32): v128 {
  let largest = f32x4.splat(0);
  for (const end = x + (<usize>dim << 2); x < end; x += 16) largest = f32x4.pmax(largest, f32x4.abs(v128.load(x)));
  const low = max(f32x4.extract_lane(largest, 0), f32x4.extract_lane(largest, 1));
  const high = max(f32x4.extract_lane(largest, 2), f32x4.extract_lane(largest, 3));
  const size = max(low, high);
  const zero = size < SMALLEST;
  store<f32>(scale, zero ? 0 : size / most * times);
  return f32x4.splat(zero ? 0 : most / size);
}
