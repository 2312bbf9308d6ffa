/**
 * Memory that reading and converting use again and again. Without it every piece of a file would leave garbage many times its size, which a
 * host collects late: V8 lets some 32 MB of such arrays come together first.
 * @module
 */

/**
 * What memory is for: two uses never share any. A piece of a file lies in the memory of the first line until the next is read, while parts of it
 * are converted in that of the second.
 */
export type ScratchUse =
  | ('read' | 'readAhead' | 'order' | 'values' | 'storedQ' | 'storedScales')
  | ('floats' | 'halves' | 'q' | 'scale' | 'blockScales');

/** Memory by use, the same for every request of a use, and as large as the largest. What it holds at first is undefined. */
export class Scratch {
  readonly #memory = new Map<ScratchUse, ArrayBuffer>();

  /** (length,) */
  bytes(length: number, use: ScratchUse): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.#atLeast(length, use), 0, length);
  }

  /** (length,) */
  halves(length: number, use: ScratchUse): Uint16Array<ArrayBuffer> {
    return new Uint16Array(this.#atLeast(length * 2, use), 0, length);
  }

  /** (length,) */
  floats(length: number, use: ScratchUse): Float32Array<ArrayBuffer> {
    return new Float32Array(this.#atLeast(length * 4, use), 0, length);
  }

  #atLeast(bytes: number, use: ScratchUse): ArrayBuffer {
    let memory = this.#memory.get(use);
    if (!memory || memory.byteLength < bytes) this.#memory.set(use, (memory = new ArrayBuffer(bytes)));
    return memory;
  }
}
