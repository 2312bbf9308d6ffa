/**
 * Rows of a matrix brought into another order, whatever they are stored in.
 * @module
 */
import type { Values } from '../formats/values.ts';
import type { TensorName } from '../model/architectures/layout.ts';
import type { RowRun } from '../model/load-weights.ts';

/** Elements that share a scale. */
const BLOCK = 32;

/** The arrays that values lie in, and how many elements of each a row of `cols` has. */
function planesOf(
  values: Values,
  cols: number,
): [array: Float32Array | Int8Array | Uint8Array | Uint16Array, perRow: number][] {
  if (values instanceof Float32Array) return [[values, cols]];
  const [{ q, scale }, perByte] = 'q8' in values ? [values.q8, 1] : [values.q4, 2];
  return [
    [q, cols / perByte],
    [scale, cols / BLOCK],
  ];
}

/** Room for so many rows in what other values are stored in. */
function roomLike(values: Values, rows: number, cols: number): Values {
  if (values instanceof Float32Array) return new Float32Array(rows * cols);
  const scale = new Uint16Array((rows * cols) / BLOCK);
  return 'q8' in values
    ? { q8: { q: new Int8Array(rows * cols), scale } }
    : { q4: { q: new Uint8Array((rows * cols) / 2), scale } };
}

/** Copies rows `from`.. of one matrix to rows `to`.. of another. */
function copyRows(source: Values, from: number, target: Values, to: number, count: number, cols: number): void {
  const targets = planesOf(target, cols);
  planesOf(source, cols).forEach(([array, perRow], i) => {
    targets[i]![0].set(array.subarray(from * perRow, (from + count) * perRow), to * perRow);
  });
}

/** Runs of rows as one matrix; undefined when there are none. */
export async function gatherRows(runs: AsyncIterable<RowRun>, rows: number, cols: number): Promise<Values | undefined> {
  let whole: Values | undefined;
  for await (const { row, values } of runs) {
    whole ??= roomLike(values, rows, cols);
    const [[array, perRow]] = planesOf(values, cols) as [[Float32Array, number]];
    copyRows(values, 0, whole, row, array.length / perRow, cols);
  }
  return whole;
}

/** A part as its tensor stores it, where `spread` says which row of the part each of its rows is. */
export function storedRows(part: Values, { shape, spread }: TensorName, cols: number): Values {
  if (!spread) return part;
  const rows = shape[0]!;
  const stored = roomLike(part, rows, cols);
  // Asked about a matrix whose rows are their own numbers; f32 holds them exactly up to 2^24.
  const numbers = Float32Array.from({ length: rows }, (_, row) => row);
  for (const { row, values } of spread({ row: 0, values: numbers }, 1)) {
    for (const [i, target] of (values as Float32Array).entries()) copyRows(part, row + i, stored, target, 1, cols);
  }
  return stored;
}

/** (rows, cols) floats as (cols, rows). */
export function transposed(values: Float32Array, rows: number, cols: number): Float32Array {
  const turned = new Float32Array(values.length);
  for (let row = 0; row < rows; row++) {
    for (let col = 0; col < cols; col++) turned[col * rows + row] = values[row * cols + col]!;
  }
  return turned;
}
