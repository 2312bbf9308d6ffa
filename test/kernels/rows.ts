/**
 * Matrices of kernel tests, row by row.
 * @module
 */
import { random, randomInt } from '../harness.ts';

/** Applies `twin` to every row of x (rows, dim) and lays the results one after the other. */
export function mapRows(x: Float32Array, dim: number, twin: (row: Float32Array) => Float32Array): Float32Array {
  const results: number[] = [];
  for (let from = 0; from < x.length; from += dim) results.push(...twin(x.subarray(from, from + dim)));
  return Float32Array.from(results);
}

/** [rows, dim] with rows from 1 to 64 and dims up to `blocks` multiples of `multiple`: the corners first, then random ones. */
export function randomShapes(seed: number, multiple: number, blocks: number): [number, number][] {
  const next = random(seed);
  const shapes = Array.from({ length: 24 }, (): [number, number] => [
    1 + randomInt(next, 64),
    multiple * (1 + randomInt(next, blocks)),
  ]);
  return [[1, multiple], [64, multiple], [1, multiple * blocks], ...shapes];
}
