/**
 * Scalar twin of assembly/quantize.ts, without the order in which a build stores what it gives (activations.ts).
 * @module
 */
const f = Math.fround;
const BLOCK = 32;
/** Adding and taking away this number leaves the nearest integer of a small double, ties to even. */
const ROUNDER = 1.5 * 2 ** 52;

/**
 * @param most the magnitude that the largest value of a block becomes
 * @returns q (n,) in -most..most and scales (n / 32,) of x (n,). Bits: most / max|x| and its product with x are each rounded.
 */
export function quantize(x: Float32Array, most: number): { q: Int16Array; scales: Float32Array } {
  const q = new Int16Array(x.length);
  const scales = new Float32Array(x.length / BLOCK);
  for (let block = 0; block < scales.length; block++) {
    const from = block * BLOCK;
    const values = x.subarray(from, from + BLOCK);
    const largest = values.reduce((size, value) => Math.max(size, Math.abs(value)), 0);
    if (largest < 2 ** -100) continue;
    scales[block] = largest / most;
    const inverse = f(most / largest);
    for (let i = 0; i < BLOCK; i++) q[from + i] = f(values[i]! * inverse) + ROUNDER - ROUNDER;
  }
  return { q, scales };
}
