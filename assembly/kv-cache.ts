/**
 * Writing the KV cache: new rows into their slots, and slots to other slots.
 *
 *   keys of a kv head, headDim 4      slot 0 1 2 3 4 5 6 7   8 9 ...
 *   (float number in its region)      d 0  0 1 2 3 4 5 6 7  32 ...
 *                                     d 1  8 9 ...          40 ...      values: row-major (capacity, headDim)
 *
 * Keys of eight slots lie interleaved, so that attention compares eight at once and each sum still runs over d in order.
 * Copies only: no arithmetic, so no bits of its own.
 */
import { KEY_BLOCK } from '../src/engine/opcodes';

/** Bytes from one element of a key to the next. */
const KEY_STEP: usize = KEY_BLOCK * 4;

/** Address of element d = 0 of a slot's key. */
// @ts-ignore: decorator
@inline
function keyAt(keys: usize, slot: i32, headDim: i32): usize {
  return keys + <usize>(slot / KEY_BLOCK) * headDim * KEY_STEP + (<usize>(slot % KEY_BLOCK) << 2);
}

/**
 * Stores k and v of `rows` tokens into slots slot, slot + 1 ..., for kv heads headFrom..headTo - 1.
 *
 * @param keys, values  one layer's regions, kvHeads * capacity * headDim f32 each
 * @param k, v          (rows, kvHeads, headDim) f32; `stride` elements from row to row
 * @param capacity      slots of the cache, a multiple of KEY_BLOCK
 */
export function kvStore(
  keys: usize, values: usize, k: usize, v: usize, slot: i32, rows: i32, headDim: i32, capacity: i32, stride: i32, headFrom: i32, headTo: i32,
): void {
  const bytes = <usize>headDim << 2;
  for (let head = headFrom; head < headTo; head++) {
    const region = <usize>head * capacity * bytes;
    for (let row = 0; row < rows; row++) {
      const offset = (<usize>row * stride + <usize>head * headDim) << 2;
      let key = keyAt(keys + region, slot + row, headDim);
      for (let d: usize = 0; d < bytes; d += 4) {
        store<f32>(key, load<f32>(k + offset + d));
        key += KEY_STEP;
      }
      memory.copy(values + region + <usize>(slot + row) * bytes, v + offset, bytes);
    }
  }
}

/** Copies keys and values of slot `from` to slot `to`, for kv heads headFrom..headTo - 1; operands as in kvStore. */
export function kvMove(keys: usize, values: usize, from: i32, to: i32, headDim: i32, capacity: i32, headFrom: i32, headTo: i32): void {
  const bytes = <usize>headDim << 2;
  for (let head = headFrom; head < headTo; head++) {
    const region = <usize>head * capacity * bytes;
    const source = keyAt(keys + region, from, headDim);
    const target = keyAt(keys + region, to, headDim);
    for (let d: usize = 0; d < <usize>headDim * KEY_STEP; d += KEY_STEP) store<f32>(target + d, load<f32>(source + d));
    memory.copy(values + region + <usize>to * bytes, values + region + <usize>from * bytes, bytes);
  }
}
