/**
 * Scalar twin of assembly/matmul/floats.ts, on a plain row-major weight.
 * @module
 */
const f = Math.fround;

export interface FloatProduct {
  /** (rows, inDim) */
  readonly x: Float32Array;
  /** (outDim, inDim) */
  readonly weight: Float32Array;
  /** (outDim,) */
  readonly bias?: Float32Array | undefined;
  readonly inDim: number;
}

/** @returns (rows, outDim). Bits: one sum an output, inputs in order, product and sum each rounded; then the bias. */
export function matmulFloats({ x, weight, bias, inDim }: FloatProduct): Float32Array {
  const [rows, outDim] = [x.length / inDim, weight.length / inDim];
  const out = new Float32Array(rows * outDim);
  for (let at = 0; at < out.length; at++) {
    const [row, output] = [Math.floor(at / outDim), at % outDim];
    let sum = 0;
    for (let i = 0; i < inDim; i++) sum = f(sum + f(weight[output * inDim + i]! * x[row * inDim + i]!));
    out[at] = bias ? sum + bias[output]! : sum;
  }
  return out;
}
