/**
 * Weights that are not stored row by row in the order of their part: by columns, or head by head.
 * @module
 */
import type { Rows, TensorDescription } from '../../formats/tensors.ts';
import type { Values } from '../../formats/values.ts';
import type { MatrixRows } from '../load-weights.ts';
import type { TensorName } from './layout.ts';

/** A matrix that is stored by columns, whole: each of its rows has an element in every row of the file. */
export async function* transposedRows(
  stored: AsyncIterable<Rows<Float32Array>>,
  tensor: TensorDescription,
): AsyncGenerator<MatrixRows> {
  const [cols, rows] = tensor.shape as [number, number];
  const values = new Float32Array(tensor.elements);
  for await (const { row: firstCol, data } of stored) {
    for (let i = 0; i < data.length; i++) values[(i % rows) * cols + firstCol + Math.floor(i / rows)] = data[i]!;
  }
  yield { row: 0, values, bytes: tensor.bytes };
}

/** A `spread`, by the row of the part that a row of the tensor becomes: rows are cut where they do not stay together. */
export function spreadBy(place: (row: number) => number): NonNullable<TensorName['spread']> {
  return function* ({ row, values }, inDim) {
    const count = lengthOf(values) / inDim;
    for (let from = 0, to = 1; from < count; from = to++) {
      while (to < count && place(row + to) === place(row + from) + to - from) to++;
      yield { row: place(row + from), values: slice(values, from * inDim, to * inDim) };
    }
  };
}

function lengthOf(values: Values): number {
  if (values instanceof Float32Array) return values.length;
  return 'q8' in values ? values.q8.q.length : values.q4.q.length * 2;
}

/** Elements from..to - 1: whole rows, and so whole blocks. */
function slice(values: Values, from: number, to: number): Values {
  if (values instanceof Float32Array) return values.subarray(from, to);
  const scales = ({ scale }: { scale: Uint16Array }) => scale.subarray(from / 32, to / 32);
  return 'q8' in values
    ? { q8: { q: values.q8.q.subarray(from, to), scale: scales(values.q8) } }
    : { q4: { q: values.q4.q.subarray(from / 2, to / 2), scale: scales(values.q4) } };
}
