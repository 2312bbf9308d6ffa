/**
 * A store of text, opened: where does the end of this text occur in it, and how did it go on?
 * @module
 */
import { checkNames, outOfRange, wrongType } from '../check-options.ts';
import { Retrieval, type RetrievalOptions } from '../draft/retrieval.ts';
import { ForetokenError } from '../errors.ts';
import type { ByteSource } from '../formats/byte-source.ts';
import { type FileInput, openSource } from '../formats/folder.ts';
import { BlockCache, BlockMiss } from './block-cache.ts';
import { DEPTH, type StoreLayout, readLayout } from './format.ts';

export interface StoreOptions {
  /** Memory for the parts of the file that are read often, bytes; default and least 16 MiB. */
  readonly cacheBytes?: number;
  readonly signal?: AbortSignal;
}

/** Small, as a search jumps; a disk reads no less at once. */
const BLOCK_BYTES = 4096;
/** A search looks at some 200 places and the tokens before each, so all its blocks fit. */
const LEAST_CACHE = 4096 * BLOCK_BYTES;
const MOST_CACHE = 2 ** 30;
/** More misses than that of one search, and somebody else takes the blocks away. */
const MOST_LOADS = 8192;

/** Places of a store that follow the longest known end of a text. */
export interface Found {
  /** Tokens that agree, 0 for none. */
  readonly length: number;
  /** Numbers of the places, from .. to - 1. */
  readonly from: number;
  readonly to: number;
}

const NOWHERE: Found = { length: 0, from: 0, to: 0 };

/**
 * Opens a store. The table of its tokens is read, the rest when it is needed.
 *
 * @param input a path, a URL, bytes, or a source of the caller's own
 * @throws {ForetokenError} `option.*`; `source.*` where it cannot be read; `store.*` for what is no sound store, before memory is reserved
 * @example const store = await openStore('notes.store'); model.generate(prompt, { draft: ['auto', store.drafter()] })
 */
export async function openStore(input: FileInput, options: StoreOptions = {}): Promise<TextStore> {
  checkNames(options, ['cacheBytes', 'signal']);
  const { cacheBytes = LEAST_CACHE, signal } = options;
  if (typeof cacheBytes !== 'number') throw wrongType('cacheBytes', 'a number', cacheBytes);
  if (!(cacheBytes >= LEAST_CACHE && cacheBytes <= MOST_CACHE)) {
    throw outOfRange('cacheBytes', `${LEAST_CACHE}..${MOST_CACHE}`, cacheBytes);
  }
  const source = await openSource(input, signal ? { signal } : {});
  try {
    const layout = await readLayout(source, signal);
    return new TextStore(source, layout, await readStarts(source, layout, signal), cacheBytes);
  } catch (error) {
    source.close?.();
    throw error;
  }
}

/** @throws {ForetokenError} `store.table` where it does not rise from 0 to the number of places */
async function readStarts(source: ByteSource, layout: StoreLayout, signal?: AbortSignal): Promise<Uint32Array> {
  const { vocab, places, startsAt } = layout;
  const bytes = Uint8Array.from(await source.read(startsAt, 4 * (vocab + 1), signal));
  const starts = new Uint32Array(bytes.buffer);
  const rises = starts.every((start, token) => start >= (token > 0 ? starts[token - 1]! : 0));
  if (!rises || starts[0] !== 0 || starts[vocab] !== places) {
    throw new ForetokenError('store.table', `${source.name}: the table of tokens does not rise from 0 to ${places}`);
  }
  return starts;
}

export class TextStore {
  /** Tokens of the model that it was made for. */
  readonly vocab: number;
  /** Tokens of text, ends of documents included. */
  readonly tokens: number;
  readonly #source: ByteSource;
  readonly #layout: StoreLayout;
  readonly #starts: Uint32Array;
  readonly #cache: BlockCache;

  constructor(source: ByteSource, layout: StoreLayout, starts: Uint32Array, cacheBytes: number) {
    this.vocab = layout.vocab;
    this.tokens = layout.tokens;
    this.#source = source;
    this.#layout = layout;
    this.#starts = starts;
    this.#cache = new BlockCache(source, BLOCK_BYTES, cacheBytes);
  }

  /** Memory that is held, bytes: the table and the cache. */
  get bytes(): number {
    return this.#starts.byteLength + this.#cache.bytes;
  }

  /** What drafts from it; one for each session that generates at the same time. */
  drafter(options?: RetrievalOptions): Retrieval {
    return new Retrieval(this, options);
  }

  /** Lets go of what reading keeps open. */
  close(): void {
    this.#source.close?.();
  }

  /**
   * Runs a reading of the store, which begins anew after each block that had to be read.
   *
   * @param reading calls `find`, `place`, `tokenAt`; without an effect of its own until it returns
   * @returns its result, at once where everything is in memory
   * @throws {ForetokenError} `store.offset`, `store.token` for what a sound store does not hold; `source.*`
   */
  run<T>(reading: () => T): T | Promise<T> {
    const result = this.attempt(reading);
    return result instanceof BlockMiss ? this.#load(reading, result.block) : result;
  }

  /** The result of a reading, or what is missing for it. */
  attempt<T>(reading: () => T): T | BlockMiss {
    try {
      return reading();
    } catch (miss) {
      if (miss instanceof BlockMiss) return miss;
      throw miss;
    }
  }

  async #load<T>(reading: () => T, block: number): Promise<T> {
    let missing = block;
    for (let loads = 0; loads < MOST_LOADS; loads++) {
      await this.#cache.load(missing);
      const result = this.attempt(reading);
      if (!(result instanceof BlockMiss)) return result;
      missing = result.block;
    }
    throw new ForetokenError(
      'source.read',
      `${this.#source.name}: too many searches at once for the cache of this store`,
    );
  }

  /**
   * The places after the longest known end of a text.
   *
   * @param text ids below `vocab`; its last 16 tokens count
   * @throws {BlockMiss}
   */
  find(text: ArrayLike<number>): Found {
    const last = text[text.length - 1]!;
    if (!(text.length > 0 && last < this.vocab)) return NOWHERE;
    const [from, to] = [this.#starts[last]!, this.#starts[last + 1]!];
    if (from === to) return NOWHERE;
    // Where the text would stand among the places: those that agree longest lie on both sides.
    const here = firstWhere(from, to, (number) => this.#isBehind(number, text));
    const before = here > from ? this.#agreement(here - 1, text) : 0;
    const length = Math.max(before, here < to ? this.#agreement(here, text) : 0);
    const agrees = (number: number) => this.#agreement(number, text) >= length;
    return {
      length,
      from: before < length ? here : here - reach(here - from, (steps) => agrees(here - steps)),
      to: here + reach(to - here, (steps) => agrees(here + steps - 1)),
    };
  }

  /** Position of a place, by its number. @throws {BlockMiss} @throws {ForetokenError} `store.offset` */
  place(number: number): number {
    const position = this.#cache.word(this.#layout.placesAt + 4 * number);
    if (position < 1 || position >= this.tokens) {
      const { name } = this.#source;
      throw new ForetokenError(
        'store.offset',
        `${name}: place ${number} is ${position}: expected 1..${this.tokens - 1}`,
      );
    }
    return position;
  }

  /** Token at a position; -1 at the end of a document, and of the text. @throws {BlockMiss} @throws {ForetokenError} `store.token` */
  tokenAt(position: number): number {
    if (position >= this.tokens) return -1;
    const { tokensAt, tokenBytes, end } = this.#layout;
    const offset = tokensAt + tokenBytes * position;
    const token = tokenBytes === 2 ? this.#cache.half(offset) : this.#cache.word(offset);
    if (token === end) return -1;
    if (token >= this.vocab) {
      const { name } = this.#source;
      throw new ForetokenError('store.token', `${name}: token ${position} is ${token}: expected 0..${this.vocab - 1}`);
    }
    return token;
  }

  /** Tokens before a place that agree with the end of a text; its last one does. */
  #agreement(number: number, text: ArrayLike<number>): number {
    const position = this.place(number);
    const most = Math.min(DEPTH, text.length, position);
    let agreed = 1;
    while (agreed < most && this.tokenAt(position - 1 - agreed) === text[text.length - 1 - agreed]) agreed++;
    return agreed;
  }

  /** Whether the tokens before a place, read backwards, are those of the text or come after them. */
  #isBehind(number: number, text: ArrayLike<number>): boolean {
    const agreed = this.#agreement(number, text);
    if (agreed === DEPTH || agreed === text.length) return true;
    const position = this.place(number);
    const token = position > agreed ? this.tokenAt(position - 1 - agreed) : -1;
    return token > text[text.length - 1 - agreed]!;
  }
}

/** The first number of from..to - 1 that `holds`, as do all behind it; `to` where none does. */
function firstWhere(from: number, to: number, holds: (number: number) => boolean): number {
  let [low, high] = [from, to];
  while (low < high) {
    const middle = low + ((high - low) >>> 1);
    if (holds(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** How many steps go on, of `most`: the first ones do, up to one. In strides that double, as mostly few do. */
function reach(most: number, goesOn: (steps: number) => boolean): number {
  let stride = 1;
  while (stride <= most && goesOn(stride)) stride *= 2;
  return firstWhere((stride >> 1) + 1, Math.min(stride, most + 1), (steps) => !goesOn(steps)) - 1;
}
