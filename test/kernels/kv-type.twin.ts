/**
 * Scalar twin of assembly/kv-type.ts: how a row of numbers is rounded, and what it stands for.
 * @module
 */
import type { KvType } from '../../src/engine/kv-type.ts';
import { decodeF16, encodeF16 } from '../../src/formats/float16.ts';

const f = Math.fround;
/** Adding and taking away this number leaves the nearest integer of a small double, ties to even. */
const ROUNDER = 1.5 * 2 ** 52;
export const LARGEST_F16 = 65504;

/** A row as a cache holds it. */
export interface HeldRow {
  /** (n,) as they lie in memory. */
  readonly numbers: Float32Array | Uint16Array | Int8Array;
  /** 1 for types without scales. */
  readonly scale: number;
}

/** Rounds x (n,), all of whose numbers share a scale where the type has one. */
export function hold(type: KvType, x: Float32Array): HeldRow {
  if (type === 'f32') return { numbers: x.slice(), scale: 1 };
  if (type === 'f16') {
    const numbers = new Uint16Array(x.length);
    encodeF16(
      x.map((value) => Math.max(-LARGEST_F16, Math.min(LARGEST_F16, value))),
      numbers,
    );
    return { numbers, scale: 1 };
  }
  return holdScaled(x, largestMagnitude(x));
}

/** q8 with the scale that belongs to a largest magnitude; other rows' are for planted faults. */
export function holdScaled(x: Float32Array, largest: number): HeldRow {
  const { numbers, scale } = quantizeRow(x, 127, largest);
  return { numbers: Int8Array.from(numbers), scale };
}

/** Integers of x (n,) with one scale for all, by which `largest` becomes `most`. */
export function quantizeRow(x: Float32Array, most: number, largest = largestMagnitude(x)) {
  if (largest < 2 ** -100) return { numbers: new Float64Array(x.length), scale: 0 };
  const inverse = f(most / largest);
  return { numbers: Float64Array.from(x, (value) => f(value * inverse) + ROUNDER - ROUNDER), scale: f(largest / most) };
}

export function largestMagnitude(x: Float32Array): number {
  return x.reduce((size, value) => Math.max(size, Math.abs(value)), 0);
}

/** (n,) the numbers without their scale, exact. */
export function expand(numbers: HeldRow['numbers']): Float32Array {
  if (!(numbers instanceof Uint16Array)) return Float32Array.from(numbers);
  const values = new Float32Array(numbers.length);
  decodeF16(numbers, values);
  return values;
}
