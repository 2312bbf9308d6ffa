/**
 * Scalar twin of assembly/matmul/blocks.ts with its formats q8 and q4, on a plain row-major weight.
 * @module
 */
const f = Math.fround;
const BLOCK = 32;

export interface BlockProduct {
  /** (rows, inDim) integers */
  readonly x: Int16Array;
  /** (rows, inDim / 32) */
  readonly scales: Float32Array;
  /** (outDim, inDim) in -128..127, for q4 in -8..7 */
  readonly q: Int8Array;
  /** (outDim, inDim / 32) f32 */
  readonly weightScales: Float32Array;
  /** (outDim,) */
  readonly bias?: Float32Array | undefined;
  readonly inDim: number;
}

/** @returns (rows, outDim). Bits: integer sums of 32 products, times the rounded product of the scales, blocks in order; then the bias. */
export function matmulBlocks({ x, scales, q, weightScales, bias, inDim }: BlockProduct): Float32Array {
  const [rows, outDim, blocks] = [x.length / inDim, q.length / inDim, inDim / BLOCK];
  const out = new Float32Array(rows * outDim);
  for (let at = 0; at < out.length; at++) {
    const [row, output] = [Math.floor(at / outDim), at % outDim];
    let total = 0;
    for (let block = 0; block < blocks; block++) {
      let sum = 0;
      for (let i = block * BLOCK; i < (block + 1) * BLOCK; i++) sum += q[output * inDim + i]! * x[row * inDim + i]!;
      total = f(total + f(sum * f(weightScales[output * blocks + block]! * scales[row * blocks + block]!)));
    }
    out[at] = bias ? total + bias[output]! : total;
  }
  return out;
}
