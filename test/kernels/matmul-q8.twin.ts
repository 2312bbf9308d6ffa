/**
 * Scalar twin of assembly/matmul/q8.ts, on a plain row-major weight.
 * @module
 */
const f = Math.fround;
const BLOCK = 32;

export interface Q8Product {
  /** (rows, inDim) in -127..127 */
  readonly x: Int16Array;
  /** (rows, inDim / 32) */
  readonly scales: Float32Array;
  /** (outDim, inDim) */
  readonly q: Int8Array;
  /** (outDim, inDim / 32) f32 */
  readonly weightScales: Float32Array;
  /** (outDim,) */
  readonly bias?: Float32Array | undefined;
  readonly inDim: number;
}

/** @returns (rows, outDim). Bits: integer sums of 32 products, times the rounded product of the scales, blocks in order; then the bias. */
export function matmulQ8({ x, scales, q, weightScales, bias, inDim }: Q8Product): Float32Array {
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
