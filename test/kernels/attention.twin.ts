/**
 * Scalar twin of assembly/attention.ts: one query at a time, straight from the formula.
 * @module
 */
import { keyIndex, valueIndex, type Cache } from './kv-cache.twin.ts';
import { laneSum } from './math.twin.ts';
import { softmax } from './softmax.twin.ts';

const f = Math.fround;

/** What one query reads. */
export interface Query {
  /** (headDim,) */
  readonly q: Float32Array;
  readonly cache: Cache;
  readonly kvHead: number;
  /** Slots of the visible positions, in order of position. */
  readonly slots: readonly number[];
  readonly scale: number;
  /** How the terms of the softmax are added; a test passes another order to see that it shows. */
  readonly sum?: typeof laneSum;
}

/** (headDim,) what one query attends to. */
export function attend({ q, cache, kvHead, slots, scale, sum = laneSum }: Query): Float32Array {
  const scores = slots.map((slot) => {
    let score = 0;
    for (let d = 0; d < q.length; d++)
      score = f(score + f(q[d]! * cache.keys[keyIndex(cache.shape, kvHead, slot, d)]!));
    return f(score * scale);
  });
  const p = softmax(Float32Array.from(scores), sum);
  return q.map((_, d) => {
    let total = 0;
    slots.forEach((slot, position) => {
      total = f(total + f(p[position]! * cache.values[valueIndex(cache.shape, kvHead, slot, d)]!));
    });
    return total;
  });
}

/** The same in f64, to measure accuracy against. */
export function attendExactly({ q, cache, kvHead, slots, scale }: Query): number[] {
  const keyAt = (slot: number, d: number) => cache.keys[keyIndex(cache.shape, kvHead, slot, d)]!;
  const valueAt = (slot: number, d: number) => cache.values[valueIndex(cache.shape, kvHead, slot, d)]!;
  const scores = slots.map((slot) => q.reduce((sum, value, d) => sum + value * keyAt(slot, d), 0) * scale);
  const top = Math.max(...scores);
  const terms = scores.map((score) => Math.exp(score - top));
  const total = terms.reduce((a, b) => a + b);
  return Array.from(q, (_, d) => slots.reduce((sum, slot, t) => sum + (terms[t]! / total) * valueAt(slot, d), 0));
}
