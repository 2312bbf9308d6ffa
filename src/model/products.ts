/**
 * Ops whose kernels depend on how a matrix is held: rows of an embedding, and products.
 * @module
 */
import * as op from '../engine/opcodes.ts';
import { floatBits, type ProgramWriter } from '../engine/program.ts';
import { isBlocked, type MatrixPlan } from './memory-plan.ts';

const EMBED = {
  f32: op.EMBED_F32,
  bf16: op.EMBED_BF16,
  f16: op.EMBED_F16,
  q8: op.EMBED_Q8,
  q4: op.EMBED_Q4,
} as const;
const MATMUL = {
  f32: op.MATMUL_F32,
  bf16: op.MATMUL_BF16,
  f16: op.MATMUL_F16,
  q8: op.MATMUL_Q8,
  q4: op.MATMUL_Q4,
} as const;

/** Room for the quantised inputs of a product, as in `PassPlan`. */
export interface ProductScratch {
  readonly quantized: number;
  readonly quantizedScales: number;
}

/** out (rows, inDim) = table[ids] * scale */
export function pushEmbed(
  program: ProgramWriter,
  table: MatrixPlan,
  out: number,
  ids: number,
  rows: number,
  scale = 1,
): void {
  program.push(EMBED[table.dtype], out, table.address, ids, rows, table.inDim, floatBits(scale));
}

/** out (rows, outDim) = x (rows, inDim) weightᵀ + bias; for weights in blocks x is quantised first. */
export function pushMatmul(
  program: ProgramWriter,
  { address, dtype, inDim, outDim, bias }: MatrixPlan,
  x: number,
  out: number,
  rows: number,
  { quantized, quantizedScales }: ProductScratch,
): void {
  const operands = [bias?.address ?? 0, rows, inDim, outDim, outDim];
  if (!isBlocked(dtype)) {
    program.push(MATMUL[dtype], out, x, address, ...operands);
    return;
  }
  program.push(dtype === 'q8' ? op.QUANTIZE_Q8 : op.QUANTIZE_Q4, quantized, quantizedScales, x, rows, inDim);
  program.push(MATMUL[dtype], out, quantized, quantizedScales, address, ...operands);
}
