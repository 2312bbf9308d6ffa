/**
 * Scalar twin of assembly/embed.ts, on a plain row-major table.
 * @module
 */
const f = Math.fround;
const BLOCK = 32;

/** @returns (tokens, dim). Bits: one product. */
export function embedF32(table: Float32Array, tokens: Int32Array, dim: number, scale: number): Float32Array {
  return gather(tokens, dim, (at) => table[at]! * scale);
}

/** @returns (tokens, dim). Bits: (q * block scale) * scale, each product rounded. */
export function embedQ8(
  q: Int8Array,
  scales: Float32Array,
  tokens: Int32Array,
  dim: number,
  scale: number,
): Float32Array {
  return gather(tokens, dim, (at) => f(q[at]! * scales[Math.floor(at / BLOCK)]!) * scale);
}

function gather(tokens: Int32Array, dim: number, value: (at: number) => number): Float32Array {
  return Float32Array.from({ length: tokens.length * dim }, (_, i) =>
    value(tokens[Math.floor(i / dim)]! * dim + (i % dim)),
  );
}
