/**
 * Prompts of random tokens, each another one: nobody can keep what an earlier one left in a cache.
 * @module
 */
import { SHAPES } from '../../src/cli/random-model.ts';
import { generator } from '../../src/cli/statistics.ts';

export function randomPrompts(shape: string, length: number, seed: number): () => number[] {
  const next = generator(seed);
  const { vocab } = SHAPES[shape]!;
  return () => Array.from({ length }, () => Math.floor(next() * vocab));
}
