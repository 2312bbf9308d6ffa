/**
 * Arena: the layout of one linear memory, settled before the memory exists.
 *
 * Every region is reserved by size, in order; `pages` is then what the memory must have. Nothing is freed or grown:
 * a model's memories live and die as a whole.
 * @module
 */

import { TEAM_END } from './team-block.ts';

/** Bytes of one WebAssembly page. */
export const PAGE_BYTES = 65_536;

/** A wasm32 memory ends at 4 GiB. */
export const MOST_MEMORY_BYTES = 2 ** 32;

/** Regions begin on cache lines. */
const ALIGNMENT = 64;

/** Reserves regions one after the other, behind the words of a team. Address 0 is never given out, so that 0 can mean "none". */
export class Arena {
  #bytes = TEAM_END;

  /** Bytes reserved so far, alignment included. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Whole pages that hold everything reserved so far, and one byte more: kernels compare with the end of a region, which must not be 2^32. */
  get pages(): number {
    return Math.ceil((this.#bytes + 1) / PAGE_BYTES);
  }

  /** @returns the byte address of a new region */
  reserve(bytes: number): number {
    const address = this.#bytes;
    this.#bytes = Math.ceil((address + bytes) / ALIGNMENT) * ALIGNMENT;
    return address;
  }
}
