/**
 * The order of rows of heads where llama.cpp rotates neighbours: for those families its conversion moves the rows of queries and keys, with
 * their biases, since Hugging Face rotates halves.
 * @module
 */
import type { RowOrder } from '../../formats/tensors.ts';

/**
 * To the order that a rotation of halves takes.
 *
 *   from   a0 b0 a1 b1 a2 b2      to   a0 a1 a2 b0 b1 b2
 */
export function fromNeighbours(headDim: number): RowOrder {
  return orderOf(headDim, (row) => (row % 2) * (headDim / 2) + Math.floor(row / 2));
}

/** The way back. */
export function toNeighbours(headDim: number): RowOrder {
  return orderOf(headDim, (row) => (row % (headDim / 2)) * 2 + Math.floor(row / (headDim / 2)));
}

/** @param target where a row of a group goes */
function orderOf(rows: number, target: (row: number) => number): RowOrder {
  return {
    rows,
    arrange(from, rowBytes, to) {
      for (let row = 0; row * rowBytes < from.length; row++) {
        const inGroup = row % rows;
        to.set(from.subarray(row * rowBytes, (row + 1) * rowBytes), (row - inGroup + target(inGroup)) * rowBytes);
      }
    },
  };
}
