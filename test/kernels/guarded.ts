/**
 * Output matrices among sentinels, so that a test sees what a kernel wrote beside them.
 * @module
 */
import type { KernelHost } from './kernel-host.ts';

/** The bits of a NaN that no kernel computes. */
const SENTINEL = 0x7fc0dead;
/** Sentinels before and after the matrix. */
const MARGIN = 64;

export interface GuardedMatrix {
  /** Where the kernel writes. */
  readonly address: number;
  /** (rows, cols) what it wrote, without the gaps between rows. */
  values(): Float32Array;
  /** How many sentinels it wrote over: in the margins, and between the rows when the stride leaves a gap. */
  damage(): number;
}

/** Places a (rows, cols) matrix by `stride` in the host's memory. */
export function guardedMatrix(host: KernelHost, rows: number, cols: number, stride: number): GuardedMatrix {
  const words = 2 * MARGIN + rows * stride;
  const start = host.place(new Int32Array(words).fill(SENTINEL));
  const inside = (word: number) => {
    const at = word - MARGIN;
    return at >= 0 && at < rows * stride && at % stride < cols;
  };
  return {
    address: start + MARGIN * 4,
    values: () => host.floats(start, words).filter((_, word) => inside(word)),
    damage: () => host.ints(start, words).filter((value, word) => !inside(word) && value !== SENTINEL).length,
  };
}
