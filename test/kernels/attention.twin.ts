/**
 * Scalar twin of assembly/attention.ts: one query at a time, straight from the formula.
 * @module
 */
import type { KvType } from '../../src/engine/kv-type.ts';
import type { Row } from './kv-cache.twin.ts';
import { LARGEST_F16, quantizeRow } from './kv-type.twin.ts';
import { softCap } from './activation.twin.ts';
import { laneSum } from './math.twin.ts';
import { softmax } from './softmax.twin.ts';

const f = Math.fround;

/** What one query reads. */
export interface Query {
  /** Type of the cache. */
  readonly type: KvType;
  /** (headDim,) */
  readonly q: Float32Array;
  /** Keys and values of the visible positions, in order of position. */
  readonly keys: readonly Row[];
  readonly values: readonly Row[];
  readonly scale: number;
  /** Soft cap of scores; 0: none. */
  readonly cap?: number;
  /** How the terms of the softmax are added; a test passes another order to see that it shows. */
  readonly sum?: typeof laneSum;
}

/** (headDim,) what one query attends to. */
export function attend({ type, q, keys, values, scale, cap = 0, sum = laneSum }: Query): Float32Array {
  const scoreOf = type === 'q8' ? integerScores(q, scale) : floatScores(type, q, scale);
  const scores = keys.map(scoreOf).map((score) => (cap > 0 ? softCap(score, cap) : score));
  const weights = softmax(Float32Array.from(scores), sum).map((p, position) => f(p * values[position]!.scale));
  return q.map((_, d) => {
    let total = 0;
    values.forEach(({ numbers }, position) => {
      total = f(total + f(weights[position]! * numbers[d]!));
    });
    return total;
  });
}

function floatScores(type: 'f32' | 'f16', q: Float32Array, scale: number): (key: Row) => number {
  const x = type === 'f32' ? q : q.map((value) => Math.max(-LARGEST_F16, Math.min(LARGEST_F16, value)));
  return (key) => {
    let score = 0;
    for (let d = 0; d < x.length; d++) score = f(score + f(x[d]! * key.numbers[d]!));
    return f(score * scale);
  };
}

/** Sums of integers, exact in f64: of a key's, and of the query's, -16383..16383. */
function integerScores(q: Float32Array, scale: number): (key: Row) => number {
  const query = quantizeRow(q, 16383);
  const queryScale = f(query.scale * scale);
  return (key) => {
    let score = 0;
    for (let d = 0; d < q.length; d++) score += query.numbers[d]! * key.numbers[d]!;
    return f(f(f(score) * key.scale) * queryScale);
  };
}

/** The same in f64, to measure accuracy against. */
export function attendExactly({ q, keys, values, scale }: Query): number[] {
  const scores = keys.map((key) => q.reduce((sum, value, d) => sum + value * key.numbers[d]! * key.scale, 0) * scale);
  const top = Math.max(...scores);
  const terms = scores.map((score) => Math.exp(score - top));
  const total = terms.reduce((a, b) => a + b);
  return Array.from(q, (_, d) =>
    values.reduce((sum, value, t) => sum + (terms[t]! / total) * value.numbers[d]! * value.scale, 0),
  );
}
