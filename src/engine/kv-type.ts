/**
 * Types of a KV cache: how keys and values are held. Layouts are in opcodes.ts, rounding in assembly/kv-type.ts.
 * @module
 */
import { ATTENTION_BLOCK, ATTENTION_TILE, KV_F16, KV_F32, KV_Q8 } from './opcodes.ts';

export type KvType = 'f32' | 'f16' | 'q8';

/** The number of each, which tells its opcodes. */
export const KV_TYPES = { f32: KV_F32, f16: KV_F16, q8: KV_Q8 } as const satisfies Record<KvType, number>;

/** Bytes of one number. */
export function kvBytes(type: KvType): number {
  return 4 >> KV_TYPES[type];
}

/** Bytes of a key that lie together: one number, of q8 two. */
export function kvUnitBytes(type: KvType): number {
  return type === 'f32' ? 4 : 2;
}

/** Bytes of the scale that a row of numbers shares: what one head has at one position. */
export function kvScaleBytes(type: KvType): number {
  return type === 'q8' ? 4 : 0;
}

/** Bytes of the keys, or of the values, of `rows` rows. */
export function kvRowBytes(type: KvType, rows: number, headDim: number): number {
  return rows * (headDim * kvBytes(type) + kvScaleBytes(type));
}

/** Bytes of scratch that attention takes for each thread: see ATTENTION_TILE. */
export function attentionScratchBytes(capacity: number, headDim: number): number {
  return ATTENTION_TILE * (capacity + headDim + ATTENTION_BLOCK) * 4;
}
