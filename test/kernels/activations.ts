/**
 * Quantised activations as each build keeps them: what quantizeQ8 and quantizeQ4 write and the products read.
 *
 *   plain     i16, of every four the first, third, second, fourth
 *   relaxed   bytes in order, for q8 with 64 added
 * @module
 */
import type { Build, KernelHost, Numbers } from './kernel-host.ts';

/** The weights that activations are quantised for. */
export type BlockType = 'q8' | 'q4';

const BLOCK = 32;
/** Largest magnitude of an activation. */
export const MOST = { q8: 63, q4: 127 } as const;
const OFFSET = { q8: 64, q4: 0 } as const;
const PLAIN_ORDER = [0, 2, 1, 3] as const;

/** @param q (n,) in order @returns what the kernel writes */
export function storedActivations(build: Build, dtype: BlockType, q: Int16Array): Int16Array | Int8Array {
  if (build === 'relaxed') return Int8Array.from(q, (value) => value + OFFSET[dtype]);
  return q.map((_, i) => q[i - (i % 4) + PLAIN_ORDER[(i % 4) as 0 | 1 | 2 | 3]]!);
}

/** What a kernel has written at `address`, for n activations. */
export function readActivations(host: KernelHost, address: number, n: number): Int16Array | Int8Array {
  return host.build === 'relaxed' ? host.bytes(address, n) : host.shorts(address, n);
}

/** Minus eight times the sums of the activations of a block that the sums of q4 products start from, as one word. */
function startOf(build: Build, q: Int16Array): number {
  const sum = (...places: number[]) =>
    -8 * q.reduce((total, value, i) => total + (places.includes(i % 4) ? value : 0), 0);
  return build === 'plain' ? sum(0, 1, 2, 3) : (sum(0, 1) & 0xffff) | (sum(2, 3) << 16);
}

/** @param scales (blocks,) of q (blocks * 32,) @returns what the kernel writes beside the activations */
export function storedScales(build: Build, dtype: BlockType, scales: Float32Array, q: Int16Array): Numbers {
  if (dtype === 'q8') return scales;
  const words = new Int32Array(2 * scales.length);
  for (let block = 0; block < scales.length; block++) {
    words[2 * block + 1] = startOf(build, q.subarray(block * BLOCK, (block + 1) * BLOCK));
  }
  const pairs = new Float32Array(words.buffer);
  scales.forEach((scale, block) => {
    pairs[2 * block] = scale;
  });
  return words;
}
