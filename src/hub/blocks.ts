/**
 * A file that is read through a store, block by block: what the store has is read there, what it lacks or has damaged comes from the network
 * and is kept. So a download that was broken off goes on where it stopped, any part of a file can be kept without the rest, and processes that
 * download the same file at once do no harm: they put the same bytes in the same places.
 *
 *   stored block   | bytes of the file, BLOCK_BYTES or the file's rest | check, 16 bytes |
 * @module
 */
import { type ByteSource, checkRead, readTarget } from '../formats/byte-source.ts';
import type { HubStore } from './options.ts';

/** Small beside the memory that loading may take, large beside what a file of its own costs on a disk. */
export const BLOCK_BYTES = 2 * 2 ** 20;
const CHECK_BYTES = 16;

export interface StoredFile {
  /** For messages. */
  readonly name: string;
  readonly size: number;
  /** Key of block i: this, a slash, and i. */
  readonly key: string;
  /** The file on the network, opened when the store lacks something. */
  remote(signal: AbortSignal | undefined): Promise<ByteSource>;
}

/** Files of one store. They hold a single block together, the one that was read last, since a model may lie in many files. */
export class Blocks {
  readonly #store: HubStore;
  /** The block with its check. */
  #frame = new Uint8Array(0);
  /** Key of the block that is held. */
  #held = '';
  /** Reads take turns: they share one block. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(store: HubStore) {
    this.#store = store;
  }

  /** A file whose `read` throws what `remote` throws, and reading it; never for the store's sake. */
  source(file: StoredFile): ByteSource {
    let opened: Promise<ByteSource> | undefined;
    const remote = (signal: AbortSignal | undefined) => {
      opened ??= file.remote(signal).catch((error: unknown) => {
        opened = undefined;
        throw error;
      });
      return opened;
    };
    const read = (target: Uint8Array, offset: number, signal: AbortSignal | undefined) => {
      const bytes = this.#turn.then(() => this.#fill({ ...file, remote }, target, offset, signal));
      this.#turn = bytes.catch(() => {});
      return bytes;
    };
    return {
      name: file.name,
      size: file.size,
      async read(offset, length, signal, into) {
        checkRead(this, offset, length, signal);
        return read(readTarget(length, into), offset, signal);
      },
      close() {
        opened?.then(
          (source) => source.close?.(),
          () => {},
        );
      },
    };
  }

  async #fill(file: StoredFile, target: Uint8Array, offset: number, signal: AbortSignal | undefined) {
    for (let filled = 0; filled < target.length; ) {
      signal?.throwIfAborted();
      const at = offset + filled;
      const index = Math.floor(at / BLOCK_BYTES);
      const within = at - index * BLOCK_BYTES;
      const bytes = (await this.#block(file, index, signal)).subarray(within, within + target.length - filled);
      target.set(bytes, filled);
      filled += bytes.length;
    }
    return target;
  }

  async #block(file: StoredFile, index: number, signal: AbortSignal | undefined): Promise<Uint8Array> {
    const start = index * BLOCK_BYTES;
    const length = Math.min(BLOCK_BYTES, file.size - start);
    if (this.#frame.length < length + CHECK_BYTES) this.#frame = new Uint8Array(length + CHECK_BYTES);
    const frame = this.#frame.subarray(0, length + CHECK_BYTES);
    const bytes = frame.subarray(0, length);
    const key = `${file.key}/${index}`;
    if (this.#held === key) return bytes;
    this.#held = '';
    const found = await this.#store.get(key, frame).catch(() => undefined);
    if (found?.length === frame.length && found.buffer !== frame.buffer) frame.set(found);
    if (found?.length !== frame.length || !isWhole(frame, index)) {
      const read = await (await file.remote(signal)).read(start, length, signal, bytes);
      if (read.buffer !== bytes.buffer) bytes.set(read);
      seal(frame, index);
      // A disk that is full keeps nothing, and stops nothing.
      await this.#store.put(key, frame).catch(() => {});
    }
    this.#held = key;
    return bytes;
  }
}

/** Writes a block's check behind its bytes. */
export function seal(frame: Uint8Array, index: number): void {
  for (const [i, word] of checkOf(frame, index).entries()) view(frame).setUint32(i * 4, word, true);
}

/** Whether a block is as it was sealed, and in its place. */
export function isWhole(frame: Uint8Array, index: number): boolean {
  return checkOf(frame, index).every((word, i) => view(frame).getUint32(i * 4, true) === word);
}

function view({ buffer, byteOffset, length }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset + length - CHECK_BYTES, CHECK_BYTES);
}

/** Odd, so that multiplication loses nothing: FNV's prime of 32 bits (Fowler, Noll, Vo). */
const PRIME = 0x01000193;

/**
 * Four sums over the block's words, word i in sum i mod 4, so that a processor works on four at once. Each step is one to one in the sum and in
 * the word: any damage to a single word of a sum shows for certain, other damage but for one chance in 2^32. Against accidents, not against ill will.
 */
function checkOf(frame: Uint8Array, index: number): number[] {
  const bytes = frame.length - CHECK_BYTES;
  const words = new Int32Array(frame.buffer, frame.byteOffset, bytes >> 2);
  let [a, b, c, d] = [1, 2, 3, 4].map((lane) => Math.imul(index + 1, PRIME) + lane) as [number, number, number, number];
  let i = 0;
  for (; i + 4 <= words.length; i += 4) {
    a = Math.imul(a ^ words[i]!, PRIME);
    b = Math.imul(b ^ words[i + 1]!, PRIME);
    c = Math.imul(c ^ words[i + 2]!, PRIME);
    d = Math.imul(d ^ words[i + 3]!, PRIME);
  }
  for (let at = i * 4; at < bytes; at++) a = Math.imul(a ^ frame[at]!, PRIME);
  return [a, b, c, d ^ bytes].map((sum) => sum >>> 0);
}
