/**
 * Scalar twin of assembly/embed.ts, on the values that a table stands for, row-major. A product of an integer and its block's scale, rounded, is
 * such a value: formats/q8.ts and q4.ts give it, and all formats have one twin.
 * @module
 */

/** @returns (tokens, dim). Bits: one product. */
export function embed(table: Float32Array, tokens: Int32Array, dim: number, scale: number): Float32Array {
  return Float32Array.from(
    { length: tokens.length * dim },
    (_, i) => table[tokens[Math.floor(i / dim)]! * dim + (i % dim)]! * scale,
  );
}
