/**
 * Attention under a mask; formulas in assembly/gradient/attention.ts.
 * @module
 */
import { attentionScratchBytes } from '../../engine/kv-type.ts';
import { ATTENTION_TILE, KEY_BLOCK } from '../../engine/opcodes.ts';
import { floatBits } from '../../engine/program.ts';
import { expectShape, type Mask, type Tensor } from '../graph.ts';
import { ATTEND, ATTEND_BACKWARD, KEEP_DK, KEEP_DQ, KEEP_DV, ONE_MASK } from '../opcodes.ts';

export interface AttentionOptions {
  readonly headDim: number;
  /** Of scores; default 1 / sqrt(headDim). */
  readonly scale?: number;
}

/**
 * @param q    (rows, heads * headDim)
 * @param k    (rows, kvHeads * headDim), kvHeads a divisor of heads
 * @param v    the same
 * @param mask of as many rows in all
 * @returns (rows, heads * headDim)
 */
export function attention(q: Tensor, k: Tensor, v: Tensor, mask: Mask, { headDim, scale }: AttentionOptions): Tensor {
  const heads = q.cols / headDim;
  const kvHeads = k.cols / headDim;
  expectShape(
    headDim % 4 === 0 && Number.isInteger(kvHeads) && Number.isInteger(heads / kvHeads) && v.cols === k.cols,
    `queries of ${q.cols}, keys of ${k.cols} and values of ${v.cols} do not share out heads of ${headDim}`,
  );
  expectShape(
    [q, k, v].every(({ rows }) => rows === mask.segments * mask.rows),
    `a mask of ${mask.segments} x ${mask.rows} rows for ${q.rows}, ${k.rows} and ${v.rows}`,
  );
  expectShape(q.base !== k.base && q.base !== v.base && k.base !== v.base, 'queries, keys and values are one tensor');
  const shared = mask.name === undefined ? ONE_MASK : 0;
  const sizes = [mask.segments, mask.rows, heads, kvHeads, headDim, floatBits(scale ?? 1 / Math.sqrt(headDim))];
  const capacity = Math.ceil(mask.rows / KEY_BLOCK) * KEY_BLOCK;
  const tileBytes = ATTENTION_TILE * (capacity + headDim) * 4 + attentionScratchBytes(capacity, headDim);
  const threadBytes = 5 * capacity * headDim * 4 + tileBytes;
  return q.graph.apply(
    {
      inputs: [q, k, v],
      reads: [q, k, v],
      scratchBytes: (threads) => threads * threadBytes,
      forward(write, out) {
        const operands = [write.at(q), write.at(k), write.at(v), ...write.mask(mask), shared, ...sizes];
        write.push(ATTEND, write.at(out), ...operands, write.scratch);
      },
      backward(write, out) {
        const [dq, dk, dv] = [write.into(q), write.into(k), write.into(v)];
        const flags = shared | (dq.keep & KEEP_DQ) | (dk.keep & KEEP_DK) | (dv.keep & KEEP_DV);
        const operands = [write.at(q), write.at(k), write.at(v), ...write.mask(mask), flags, ...sizes];
        const gradients = [dq.address, dk.address, dv.address, write.gradient(out)];
        write.push(ATTEND_BACKWARD, ...gradients, ...operands, write.scratch);
      },
    },
    q.rows,
    q.cols,
  );
}
