/**
 * Conversions between f32 and the two 16-bit float formats of checkpoints, by their bits. 16-bit values are held as Uint16Array.
 *
 *   f32   1 sign  8 exponent  23 fraction
 *   bf16  1 sign  8 exponent   7 fraction    the upper half of an f32
 *   f16   1 sign  5 exponent  10 fraction    bias 15 instead of 127; exponent 0 counts steps of 2^-24
 *
 * Decoding is exact. Encoding rounds to the nearest, ties to even, beyond the largest to infinity; NaN stays NaN.
 * @module
 */

const EXPONENT = 0x7f800000;
/** The difference of the two biases, 127 - 15, as an f32 exponent. */
const REBIAS = 112 << 23;
/** Adding and taking away this number leaves the nearest integer, ties to even, of a double below 2^51. */
const ROUND = 2 ** 52;

/** @param to (n,) receives the values of `from` (n,) */
export function decodeBf16(from: Uint16Array, to: Float32Array): void {
  const bits = wordsOf(to);
  for (let i = 0; i < from.length; i++) bits[i] = from[i]! << 16;
}

/** @param to (n,) receives the values of `from` (n,) */
export function decodeF16(from: Uint16Array, to: Float32Array): void {
  const bits = wordsOf(to);
  for (let i = 0; i < from.length; i++) {
    const half = from[i]!;
    const sign = (half & 0x8000) << 16;
    const magnitude = half & 0x7fff;
    if (magnitude < 0x0400) to[i] = sign === 0 ? magnitude * 2 ** -24 : -magnitude * 2 ** -24;
    else if (magnitude < 0x7c00) bits[i] = sign | ((magnitude << 13) + REBIAS);
    else bits[i] = sign | EXPONENT | (magnitude << 13);
  }
}

/** A power of two for each exponent of an f16: the value of the last bit of its fraction. */
const STEPS = Float64Array.from({ length: 31 }, (_, exponent) => 2 ** -24 * 2 ** Math.max(exponent - 1, 0));

/** The value of a single f16. @param half its 16 bits */
export function valueOfF16(half: number): number {
  const exponent = (half >> 10) & 31;
  const fraction = half & 1023;
  const special = fraction === 0 ? Infinity : NaN;
  const magnitude = exponent === 31 ? special : (exponent === 0 ? fraction : fraction | 1024) * STEPS[exponent]!;
  return half & 0x8000 ? -magnitude : magnitude;
}

/** @param to (n,) receives the values of `from` (n,) */
export function encodeBf16(from: Float32Array, to: Uint16Array): void {
  const bits = wordsOf(from);
  for (let i = 0; i < from.length; i++) {
    const word = bits[i]!;
    const nan = (word & 0x7fffffff) > EXPONENT;
    to[i] = nan ? (word >>> 16) | 0x40 : (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;
  }
}

/** @param to (n,) receives the values of `from` (n,) */
export function encodeF16(from: Float32Array, to: Uint16Array): void {
  const bits = wordsOf(from);
  for (let i = 0; i < from.length; i++) {
    const word = bits[i]!;
    to[i] = ((word >>> 16) & 0x8000) | encodeMagnitude(word & 0x7fffffff, Math.abs(from[i]!));
  }
}

/** @param word the bits of `value`, an f32 without its sign */
function encodeMagnitude(word: number, value: number): number {
  if (word > EXPONENT) return 0x7e00;
  if (value >= 65520) return 0x7c00; // halfway between the largest f16 and the next power of two
  if (value < 2 ** -14) return value * 2 ** 24 + ROUND - ROUND;
  return (word - REBIAS + 0xfff + ((word >>> 13) & 1)) >>> 13;
}

/** Index of the first NaN or infinity, or -1. */
export function firstNonfinite(values: Float32Array): number {
  const bits = wordsOf(values);
  for (let i = 0; i < bits.length; i++) if ((bits[i]! & EXPONENT) === EXPONENT) return i;
  return -1;
}

/** The bits of f32 values, on the same memory. */
function wordsOf(values: Float32Array): Uint32Array {
  return new Uint32Array(values.buffer, values.byteOffset, values.length);
}
