/**
 * Scalar twin of assembly/kv-cache.ts: where one layer's keys and values lie.
 * @module
 */

export interface CacheShape {
  readonly kvHeads: number;
  readonly headDim: number;
  readonly capacity: number;
}

/** Index of element d of a slot's key in the layer's keys. */
export function keyIndex({ headDim, capacity }: CacheShape, kvHead: number, slot: number, d: number): number {
  return kvHead * capacity * headDim + (Math.floor(slot / 8) * headDim + d) * 8 + (slot % 8);
}

/** Index of element d of a slot's value in the layer's values. */
export function valueIndex({ headDim, capacity }: CacheShape, kvHead: number, slot: number, d: number): number {
  return (kvHead * capacity + slot) * headDim + d;
}

/** A layer's cache, every slot NaN until it is stored. */
export class Cache {
  readonly shape: CacheShape;
  readonly keys: Float32Array;
  readonly values: Float32Array;

  constructor(shape: CacheShape) {
    this.shape = shape;
    this.keys = new Float32Array(shape.kvHeads * shape.capacity * shape.headDim).fill(NaN);
    this.values = this.keys.slice();
  }

  /** Stores k and v (kvHeads, headDim) of one token. */
  store(slot: number, k: Float32Array, v: Float32Array): void {
    const { kvHeads, headDim } = this.shape;
    for (let i = 0; i < kvHeads * headDim; i++) {
      const kvHead = Math.floor(i / headDim);
      this.keys[keyIndex(this.shape, kvHead, slot, i % headDim)] = k[i]!;
      this.values[valueIndex(this.shape, kvHead, slot, i % headDim)] = v[i]!;
    }
  }

  move(from: number, to: number): void {
    const { kvHeads, headDim } = this.shape;
    for (let i = 0; i < kvHeads * headDim; i++) {
      const kvHead = Math.floor(i / headDim);
      const d = i % headDim;
      this.keys[keyIndex(this.shape, kvHead, to, d)] = this.keys[keyIndex(this.shape, kvHead, from, d)]!;
      this.values[valueIndex(this.shape, kvHead, to, d)] = this.values[valueIndex(this.shape, kvHead, from, d)]!;
    }
  }
}
