/**
 * RoPE: the cosines and sines of positions, and heads turned by them. Backward: the gradient is turned back.
 * @module
 */
import { ROPE_TABLE } from '../../engine/opcodes.ts';
import { floatBits } from '../../engine/program.ts';
import { expectShape, type Ids, type Mask, type Tensor } from '../graph.ts';
import { ROTATE } from '../opcodes.ts';

/**
 * Cosines, then sines, of position * frequency; layers share it.
 *
 * @param positions   of the rows, 0 or more; of a mask those on the rows' paths, from 0
 * @param frequencies radians per position, one for each pair of a head
 * @param scale       both are multiplied by it
 * @returns (rows, 2 * frequencies)
 */
export function ropeTable(
  positions: Ids | Mask,
  frequencies: Float32Array,
  { scale = 1 }: { readonly scale?: number } = {},
): Tensor {
  const { graph } = positions;
  const rows = 'segments' in positions ? positions.segments * positions.rows : positions.rows;
  const half = frequencies.length;
  const perPosition = graph.constant(1, half, frequencies);
  return graph.apply(
    {
      inputs: [perPosition],
      reads: [],
      forward(write, table) {
        const at = 'segments' in positions ? write.mask(positions)[1] : write.at(positions);
        write.push(ROPE_TABLE, write.at(table), at, write.at(perPosition), rows, half, floatBits(scale));
      },
      backward() {},
    },
    rows,
    2 * half,
  );
}

/** Which elements of a head turn together: i and i + half, or 2i and 2i + 1. */
export type Pairing = 'halves' | 'interleaved';

export interface RopeOptions {
  readonly headDim: number;
  /** Default: halves, as Hugging Face's checkpoints have them. */
  readonly pairing?: Pairing;
}

/**
 * @param x     (rows, heads * headDim)
 * @param table what ropeTable made for the same rows; with fewer pairs than headDim / 2 the rest of a head stays
 */
export function rope(x: Tensor, table: Tensor, { headDim, pairing = 'halves' }: RopeOptions): Tensor {
  const { rows, cols } = x;
  const half = table.cols / 2;
  expectShape(table.rows === rows, `a rotary table of ${table.size} for ${rows} rows`);
  expectShape(
    cols % headDim === 0 && headDim % 4 === 0 && 2 * half <= headDim && half % (pairing === 'halves' ? 4 : 2) === 0,
    `heads of ${headDim} in rows of ${cols}, of which ${half} pairs turn, ${pairing}`,
  );
  const sizes = [rows, cols / headDim, headDim, half, pairing === 'halves' ? 0 : 1];
  return x.graph.apply(
    {
      inputs: [x, table],
      reads: [table],
      forward(write, out) {
        write.push(ROTATE, write.at(out), 0, write.at(x), write.at(table), ...sizes, floatBits(1));
      },
      backward(write, out) {
        const { address, keep } = write.into(x);
        write.push(ROTATE, address, keep, write.gradient(out), write.at(table), ...sizes, floatBits(-1));
      },
    },
    rows,
    cols,
  );
}
