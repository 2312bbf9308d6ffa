/**
 * Writing the KV cache: new rows into their slots, and slots to other slots.
 *
 *   keys of a kv head, headDim 4      slot 0 1 2 3 4 5 6 7   8 9 ...
 *   (number in its region)            d 0  0 1 2 3 4 5 6 7  32 ...
 *                                     d 1  8 9 ...          40 ...      values: row-major (capacity, headDim)
 *
 * Keys of eight slots lie interleaved, so that attention compares eight at once and each sum still runs over d in order; q8 has d 0 and 1
 * of a slot side by side, then those of the next, and likewise d 2 and 3. Its scales (kv-type.ts) lie behind the numbers of a region, one f32
 * a slot.
 *
 * Bits: see kv-type.ts; a move copies.
 */
import { KEY_BLOCK, KV_F16, KV_F32, KV_Q8 } from '../src/engine/opcodes';
import { KvF16, KvF32, KvQ8, KvType, keyUnit, kvBytes, kvScaleBytes } from './kv-type';

/** Bytes of all numbers of one kv head's keys, or values: where its scales begin. */
// @ts-ignore: decorator
@inline
export function numberBytes(type: i32, headDim: i32, capacity: i32): usize {
  return <usize>capacity * headDim * kvBytes(type);
}

/** Bytes of one kv head's keys, or values. */
// @ts-ignore: decorator
@inline
export function regionBytes(type: i32, headDim: i32, capacity: i32): usize {
  return numberBytes(type, headDim, capacity) + <usize>capacity * kvScaleBytes(type);
}

/** Address of a slot's key: of its first unit; the next one lies KEY_BLOCK units further. */
// @ts-ignore: decorator
@inline
function keyAt(type: i32, keys: usize, slot: i32, headDim: i32): usize {
  return keys + <usize>(slot / KEY_BLOCK * headDim * KEY_BLOCK) * kvBytes(type) + <usize>(slot % KEY_BLOCK) * keyUnit(type);
}

/**
 * Stores k and v of `rows` tokens into slots slot, slot + 1 ..., for kv heads headFrom..headTo - 1.
 *
 * @param type          KV_F32, KV_F16 or KV_Q8
 * @param keys, values  one layer's regions, KEYS and VALUES of the type
 * @param k, v          (rows, kvHeads, headDim) f32, finite; `stride` elements from row to row
 * @param headDim       a multiple of 4
 * @param capacity      slots of the cache, a multiple of KEY_BLOCK
 */
export function kvStore(
  type: i32, keys: usize, values: usize, k: usize, v: usize, slot: i32, rows: i32, headDim: i32, capacity: i32, stride: i32,
  headFrom: i32, headTo: i32,
): void {
  const bytes = kvBytes(type);
  const scales = numberBytes(type, headDim, capacity);
  for (let head = headFrom; head < headTo; head++) {
    const region = <usize>head * regionBytes(type, headDim, capacity);
    for (let row = 0; row < rows; row++) {
      const offset = (<usize>row * stride + <usize>head * headDim) << 2;
      const at = slot + row;
      const scale = region + scales + (<usize>at << 2);
      storeRow(type, keyAt(type, keys + region, at, headDim), <usize>KEY_BLOCK * bytes, keys + scale, k + offset, headDim);
      storeRow(type, values + region + <usize>at * headDim * bytes, bytes, values + scale, v + offset, headDim);
    }
  }
}

/** Rounds x (headDim,) f32, for which the cache has `step` bytes a number, and where the type has one a scale. */
function storeRow(type: i32, to: usize, step: usize, scale: usize, x: usize, headDim: i32): void {
  if (type == KV_F32) roundRow<KvF32>(to, step, scale, x, headDim);
  else if (type == KV_F16) roundRow<KvF16>(to, step, scale, x, headDim);
  else roundRow<KvQ8>(to, step, scale, x, headDim);
}

// @ts-ignore: decorator
@inline
function roundRow<T extends KvType>(to: usize, step: usize, scale: usize, x: usize, headDim: i32): void {
  const type = changetype<T>(0);
  const factor = type.open(scale, x, headDim);
  for (const end = x + (<usize>headDim << 2); x < end; x += 16) {
    type.put(to, step, type.pack(v128.load(x), factor));
    to += 4 * step;
  }
}

/** Copies keys and values of slot `from` to slot `to`, for kv heads headFrom..headTo - 1; operands as in kvStore. */
export function kvMove(type: i32, keys: usize, values: usize, from: i32, to: i32, headDim: i32, capacity: i32, headFrom: i32, headTo: i32): void {
  const rowBytes = <usize>headDim * kvBytes(type);
  const scales = numberBytes(type, headDim, capacity);
  const region = regionBytes(type, headDim, capacity);
  keys += <usize>headFrom * region;
  values += <usize>headFrom * region;
  for (let head = headFrom; head < headTo; head++) {
    const source = keyAt(type, keys, from, headDim);
    const target = keyAt(type, keys, to, headDim);
    if (type == KV_F32) copyKey<u32>(target, source, rowBytes);
    else copyKey<u16>(target, source, rowBytes);
    memory.copy(values + <usize>to * rowBytes, values + <usize>from * rowBytes, rowBytes);
    if (type == KV_Q8) {
      store<f32>(keys + scales + (<usize>to << 2), load<f32>(keys + scales + (<usize>from << 2)));
      store<f32>(values + scales + (<usize>to << 2), load<f32>(values + scales + (<usize>from << 2)));
    }
    keys += region;
    values += region;
  }
}

/** Copies one key of `bytes`; U has the size of a unit. */
// @ts-ignore: decorator
@inline
function copyKey<U>(to: usize, from: usize, bytes: usize): void {
  const step = <usize>KEY_BLOCK * sizeof<U>();
  for (const end = from + <usize>KEY_BLOCK * bytes; from < end; from += step) {
    store<U>(to, load<U>(from));
    to += step;
  }
}
