/**
 * Batch: what a graph's inputs hold in one step, checked and written to memory.
 * @module
 */
import { ForetokenError, quote } from '../errors.ts';
import type { Graph, Ids, Mask, Tensor } from './graph.ts';

/** By the names of the graph's inputs: numbers row by row, integers, or of a tree mask the parent of each row. */
export type Batch = Readonly<Record<string, ArrayLike<number>>>;

/** Weights of rows for the mean over those that have a label: 1 / their number, and 0 where the label is -1. */
export function meanWeights(labels: ArrayLike<number>): Float32Array {
  const weights = Float32Array.from(labels, (label) => (label < 0 ? 0 : 1));
  const count = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / Math.max(1, count));
}

/** @throws {ForetokenError} `train.batch` for an input that is missing or unknown, too long or too short, or holds what it must not */
export function checkBatch(graph: Graph, batch: Batch): void {
  for (const name of Object.keys(batch)) {
    if (!graph.inputs.has(name)) throw fault(name, `is no input: expected ${[...graph.inputs.keys()].join(', ')}`);
  }
  for (const [name, input] of graph.inputs) {
    const values = batch[name];
    if (values === undefined) throw fault(name, 'is missing');
    const expected = countOf(input);
    if (values.length !== expected) throw fault(name, `has ${values.length} numbers, expected ${expected}`);
    const wrong = firstWrong(input, values);
    if (wrong >= 0) throw fault(name, `number ${wrong} is ${values[wrong]}, expected ${rangeOf(input)}`);
  }
}

function fault(name: string, what: string): ForetokenError {
  return new ForetokenError('train.batch', `input ${quote(name)} ${what}`);
}

function countOf(input: Tensor | Ids | Mask): number {
  return 'segments' in input ? input.segments * input.rows : 'cols' in input ? input.elements : input.rows;
}

function rangeOf(input: Tensor | Ids | Mask): string {
  if ('segments' in input) return 'an earlier row of its segment, or -1';
  return 'cols' in input ? 'a finite number' : `an integer, -1..${input.limit - 1}`;
}

/** Index of the first number that an input must not hold, or -1. */
function firstWrong(input: Tensor | Ids | Mask, values: ArrayLike<number>): number {
  const numbers = 'cols' in input;
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (numbers ? Number.isFinite(value) : isBelow(value, 'segments' in input ? i % input.rows : input.limit)) continue;
    return i;
  }
  return -1;
}

const isBelow = (value: number, limit: number) => Number.isInteger(value) && value >= -1 && value < limit;

/** Writes the paths and depths of a mask. @param parents (segments, rows), or undefined where each row follows the one before it */
export function writeMask(
  buffer: ArrayBufferLike,
  mask: Mask,
  [pathsAt, depthsAt]: readonly [number, number],
  parents?: ArrayLike<number>,
): void {
  const { segments, rows } = mask;
  const tables = parents ? segments : 1;
  const paths = new Int32Array(buffer, pathsAt, tables * rows * rows);
  const depths = new Int32Array(buffer, depthsAt, segments * rows);
  for (let segment = 0; segment < segments; segment++) {
    const first = segment * rows;
    for (let row = 0; row < rows; row++) {
      const parent = parents ? parents[first + row]! : row - 1;
      const depth = parent < 0 ? 0 : depths[first + parent]! + 1;
      depths[first + row] = depth;
      if (segment >= tables) continue;
      const path = (first + row) * rows;
      if (parent >= 0) paths.copyWithin(path, (first + parent) * rows, (first + parent) * rows + depth);
      paths[path + depth] = row;
    }
  }
}
