/**
 * Seeded numbers and the comparison of bits, for tests and for what tests run on other runtimes.
 * @module
 */

/** Small seeded generator (mulberry32): the same numbers on every runtime. @returns a function giving [0, 1) */
export function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** An integer in 0..below - 1. */
export function randomInt(next: () => number, below: number): number {
  return Math.floor(next() * below);
}

/** (n,) f32 values, roughly normal with deviation `scale` (sum of four uniforms: no host Math function whose bits vary). */
export function randomFloats(next: () => number, n: number, scale = 1): Float32Array {
  return Float32Array.from({ length: n }, () => (next() + next() + next() + next() - 2) * 1.732 * scale);
}

/** Index of the first element whose bits differ, or -1. Compares f32 as Uint32. */
export function firstDifference(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length) return Math.min(a.length, b.length);
  const x = new Uint32Array(a.buffer, a.byteOffset, a.length);
  const y = new Uint32Array(b.buffer, b.byteOffset, b.length);
  for (let i = 0; i < x.length; i++) if (x[i] !== y[i]) return i;
  return -1;
}
