/**
 * Scalar twin of assembly/kv-cache.ts: where one layer's keys and values lie.
 * @module
 */
import type { KvType } from '../../src/engine/kv-type.ts';
import { expand, type HeldRow, hold } from './kv-type.twin.ts';

export interface CacheShape {
  readonly type: KvType;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly capacity: number;
}

const ARRAYS = { f32: Float32Array, f16: Uint16Array, q8: Int8Array } as const;
const BYTES = { f32: 4, f16: 2, q8: 1 } as const;

/** Index of element d of a slot's key among the numbers of its kv head. Of q8 two elements lie side by side. */
export function keyIndex({ type, headDim }: CacheShape, slot: number, d: number): number {
  const together = type === 'q8' ? 2 : 1;
  const first = d - (d % together);
  return (Math.floor(slot / 8) * headDim + first) * 8 + (slot % 8) * together + (d % together);
}

/** Index of element d of a slot's value among the numbers of its kv head. */
export function valueIndex({ headDim }: CacheShape, slot: number, d: number): number {
  return slot * headDim + d;
}

/** The keys, or the values, of a layer: a region of bytes as it lies in memory, every byte 255 (a NaN as f32) until it is stored. */
class Region {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly #shape: CacheShape;
  readonly #index: typeof keyIndex;
  /** Rows that were read since they were written: every query reads all of them. */
  readonly #expanded = new Map<number, Row>();

  constructor(shape: CacheShape, index: typeof keyIndex) {
    const { type, kvHeads, headDim, capacity } = shape;
    this.#shape = shape;
    this.#index = index;
    this.bytes = new Uint8Array(kvHeads * capacity * (headDim * BYTES[type] + (type === 'q8' ? 4 : 0))).fill(255);
  }

  /** What a kv head has of it: numbers, then scales. */
  head(kvHead: number): { numbers: HeldRow['numbers']; scales: Float32Array } {
    const { type, kvHeads, headDim, capacity } = this.#shape;
    const from = (kvHead * this.bytes.length) / kvHeads;
    const numbers = new ARRAYS[type](this.bytes.buffer, from, capacity * headDim);
    const scales = new Float32Array(this.bytes.buffer, from + numbers.byteLength, type === 'q8' ? capacity : 0);
    return { numbers, scales };
  }

  write(kvHead: number, slot: number, row: HeldRow): void {
    const { numbers, scales } = this.head(kvHead);
    row.numbers.forEach((number, d) => {
      numbers[this.#index(this.#shape, slot, d)] = number;
    });
    scales[slot] = row.scale; // nowhere, for types without
    this.#expanded.delete(this.#key(kvHead, slot));
  }

  read(kvHead: number, slot: number): HeldRow {
    const { numbers, scales } = this.head(kvHead);
    const { type, headDim } = this.#shape;
    const row = new ARRAYS[type](headDim);
    for (let d = 0; d < headDim; d++) row[d] = numbers[this.#index(this.#shape, slot, d)]!;
    return { numbers: row, scale: scales[slot] ?? 1 };
  }

  expanded(kvHead: number, slot: number): Row {
    const key = this.#key(kvHead, slot);
    let row = this.#expanded.get(key);
    if (!row) {
      const { numbers, scale } = this.read(kvHead, slot);
      row = { numbers: expand(numbers), scale };
      this.#expanded.set(key, row);
    }
    return row;
  }

  #key(kvHead: number, slot: number): number {
    return kvHead * this.#shape.capacity + slot;
  }
}

/** A row of a cache, expanded: its numbers, and the scale that multiplies all of them. */
export interface Row {
  readonly numbers: Float32Array;
  readonly scale: number;
}

/** A layer's cache. */
export class Cache {
  readonly shape: CacheShape;
  readonly keys: Region;
  readonly values: Region;

  constructor(shape: CacheShape) {
    this.shape = shape;
    this.keys = new Region(shape, keyIndex);
    this.values = new Region(shape, valueIndex);
  }

  /** Stores k and v (kvHeads, headDim) of one token. */
  store(slot: number, k: Float32Array, v: Float32Array): void {
    const { type, kvHeads, headDim } = this.shape;
    for (let kvHead = 0; kvHead < kvHeads; kvHead++) {
      const row = (x: Float32Array) => hold(type, x.subarray(kvHead * headDim, (kvHead + 1) * headDim));
      this.keys.write(kvHead, slot, row(k));
      this.values.write(kvHead, slot, row(v));
    }
  }

  move(from: number, to: number): void {
    for (let kvHead = 0; kvHead < this.shape.kvHeads; kvHead++) {
      this.keys.write(kvHead, to, this.keys.read(kvHead, from));
      this.values.write(kvHead, to, this.values.read(kvHead, from));
    }
  }

  key(kvHead: number, slot: number): Row {
    return this.keys.expanded(kvHead, slot);
  }

  value(kvHead: number, slot: number): Row {
    return this.values.expanded(kvHead, slot);
  }

  copy(): Cache {
    const copy = new Cache(this.shape);
    copy.keys.bytes.set(this.keys.bytes);
    copy.values.bytes.set(this.values.bytes);
    return copy;
  }
}
