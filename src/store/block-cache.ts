/**
 * Blocks of a file in memory: what is read often is at hand at once, what is not is read by range: at once from a source that can, which for a block
 * of a disk takes a few microseconds, else as a miss that is waited for. The memory is reserved at the start.
 * @module
 */
import { ForetokenError } from '../errors.ts';
import type { ByteSource } from '../formats/byte-source.ts';

/** Thrown by a read of a block that is not in memory; `BlockCache.load` gets it, and the reading begins again. */
export class BlockMiss {
  block = 0;
}

export class BlockCache {
  readonly #source: ByteSource;
  readonly #blockBytes: number;
  readonly #bytes: Uint8Array;
  readonly #words: Uint32Array;
  readonly #halves: Uint16Array;
  /** Where each block lies. A map keeps the order of insertion: the first key is the block that was used longest ago. */
  readonly #places = new Map<number, number>();
  readonly #capacity: number;
  readonly #miss = new BlockMiss();
  readonly #scratch: Uint8Array;
  /** The block read last, and where it lies: most reads are of that one. */
  #lastBlock = -1;
  #lastPlace = 0;

  /**
   * @param source     of a size that is a multiple of 4
   * @param blockBytes a power of two, 4 at least
   * @param cacheBytes memory for blocks
   */
  constructor(source: ByteSource, blockBytes: number, cacheBytes: number) {
    this.#source = source;
    this.#blockBytes = blockBytes;
    this.#capacity = Math.max(1, Math.min(Math.floor(cacheBytes / blockBytes), Math.ceil(source.size / blockBytes)));
    const memory = new ArrayBuffer(this.#capacity * blockBytes);
    this.#bytes = new Uint8Array(memory);
    this.#scratch = new Uint8Array(blockBytes);
    this.#words = new Uint32Array(memory);
    this.#halves = new Uint16Array(memory);
  }

  /** Memory for blocks, bytes. */
  get bytes(): number {
    return this.#bytes.length;
  }

  /** @param offset a multiple of 4 @throws {BlockMiss} */
  word(offset: number): number {
    return this.#words[this.#at(offset) >> 2]!;
  }

  /** @param offset a multiple of 2 @throws {BlockMiss} */
  half(offset: number): number {
    return this.#halves[this.#at(offset) >> 1]!;
  }

  /**
   * Brings in the block of a miss, in the place of the one used longest ago.
   * @throws what the source throws; `source.read` when it gives another number of bytes than it was asked for
   */
  async load(block: number): Promise<void> {
    const offset = block * this.#blockBytes;
    const length = Math.min(this.#blockBytes, this.#source.size - offset);
    const bytes = await this.#source.read(offset, length);
    if (bytes.length !== length) {
      const { name } = this.#source;
      throw new ForetokenError('source.read', `${name}: ${bytes.length} bytes came where ${length} were asked for`);
    }
    // Another reading may have brought it in meanwhile.
    if (!this.#places.has(block)) this.#keep(block, bytes);
  }

  /** @returns where the block lies now: in the place of the one used longest ago */
  #keep(block: number, bytes: Uint8Array): number {
    let place = this.#places.size;
    if (place === this.#capacity) {
      const [oldest, free] = this.#places.entries().next().value!;
      this.#places.delete(oldest);
      place = free;
      if (oldest === this.#lastBlock) this.#lastBlock = -1;
    }
    this.#places.set(block, place);
    this.#bytes.set(bytes, place * this.#blockBytes);
    return place;
  }

  /** @throws {BlockMiss} from a source that is waited for; what others throw */
  #bring(block: number): number {
    if (!this.#source.readNow) {
      this.#miss.block = block;
      throw this.#miss;
    }
    const offset = block * this.#blockBytes;
    // Apart first: a read that fails must not spoil a block.
    const bytes = this.#scratch.subarray(0, Math.min(this.#blockBytes, this.#source.size - offset));
    this.#source.readNow(offset, bytes);
    return this.#keep(block, bytes);
  }

  #at(offset: number): number {
    const block = Math.floor(offset / this.#blockBytes);
    if (block !== this.#lastBlock) {
      let place = this.#places.get(block);
      if (place === undefined) place = this.#bring(block);
      else {
        this.#places.delete(block);
        this.#places.set(block, place);
      }
      this.#lastBlock = block;
      this.#lastPlace = place;
    }
    return this.#lastPlace * this.#blockBytes + (offset % this.#blockBytes);
  }
}
