/**
 * How parameters begin.
 * @module
 */
import { philox } from '../decode/random.ts';
import type { Initial } from './graph.ts';

/** sqrt(12): a uniform number of -1/2..1/2 has a deviation of its inverse. */
const SPREAD = 3.4641016151377544;

/**
 * Fills a parameter. Random numbers depend on the seed, the parameter's number and the element's alone: philox of them, four elements at once, the upper
 * 24 bits of each word.
 *
 * @param seed integer, 0..2^53 - 1
 */
export function begin(values: Float32Array, initial: Initial, seed: number, parameter: number): void {
  if (typeof initial === 'number') values.fill(initial);
  else if (initial instanceof Float32Array) values.set(initial);
  else {
    const key = [seed >>> 0, Math.floor(seed / 2 ** 32)];
    for (let i = 0; i < values.length; i += 4) {
      const words = philox([i / 4, parameter, 0, 0], key);
      for (let lane = 0; lane < 4 && i + lane < values.length; lane++) {
        values[i + lane] = ((words[lane]! >>> 8) / 2 ** 24 - 0.5 + 2 ** -25) * SPREAD * initial.deviation;
      }
    }
  }
}
