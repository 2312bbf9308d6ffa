/**
 * A store of text, as a file: tokens, and all places in them ordered by the text before each, read backwards.
 *
 *   bytes              what                all numbers little-endian, all sections at multiples of 4
 *   0   8              "fttstore"
 *   8   4              version: 1
 *   12  4              bytes of a token: 2 or 4
 *   16  4              vocab
 *   20  4              tokens before a place that the order looks at: 16
 *   24  4 + 4          T tokens, M places
 *   32  32             zeros
 *   64  4 (vocab + 1)  starts: places whose nearest token before is t are starts[t] .. starts[t + 1] - 1
 *   .   T tokens       all ones for the end of a document; zeros up to a multiple of 4
 *   .   4 M            places: positions in the tokens, ordered by tokens p-1, p-2 ... p-16, then by position
 *
 * An end of a document, and the start of the text, come before every token in this order. A suffix array of the reversed text would be the same, but
 * for the depth: so all places with the longest end of a text before them lie side by side, within those of every shorter one, and one descent finds
 * them, where a suffix array of the text is searched once for every length.
 * @module
 */
import { ForetokenError } from '../errors.ts';
import { type ByteSource, checkRead } from '../formats/byte-source.ts';
import { MOST } from '../formats/limits.ts';

export const VERSION = 1;
export const HEADER_BYTES = 64;
/** Tokens before a place that the order looks at. */
export const DEPTH = 16;
const MAGIC = new TextEncoder().encode('fttstore');
/** Positions are 32-bit numbers. */
export const MOST_TOKENS = 2 ** 32 - 1;

/** What a header says, and where the sections lie. */
export interface StoreLayout {
  readonly vocab: number;
  readonly tokens: number;
  readonly places: number;
  readonly tokenBytes: 2 | 4;
  /** Stands for the end of a document. */
  readonly end: number;
  /** Offsets in the file, bytes. */
  readonly startsAt: number;
  readonly tokensAt: number;
  readonly placesAt: number;
  readonly bytes: number;
}

/** All are 32-bit numbers, so no sum of sizes is rounded. */
export function layoutOf(vocab: number, tokens: number, places: number): StoreLayout {
  const tokenBytes = tokenBytesFor(vocab);
  const tokensAt = HEADER_BYTES + 4 * (vocab + 1);
  const placesAt = tokensAt + 4 * Math.ceil((tokens * tokenBytes) / 4);
  const bytes = placesAt + 4 * places;
  const end = endFor(vocab);
  return { vocab, tokens, places, tokenBytes, end, startsAt: HEADER_BYTES, tokensAt, placesAt, bytes };
}

/** Two bytes where every token, and the end of a document, fits. */
export function tokenBytesFor(vocab: number): 2 | 4 {
  return vocab < 0xffff ? 2 : 4;
}

/** Stands for the end of a document. */
export function endFor(vocab: number): number {
  return tokenBytesFor(vocab) === 2 ? 0xffff : 0xffffffff;
}

export function encodeHeader({ vocab, tokens, places, tokenBytes }: StoreLayout): Uint8Array {
  const header = new Uint8Array(HEADER_BYTES);
  header.set(MAGIC);
  const view = new DataView(header.buffer);
  const words = [VERSION, tokenBytes, vocab, DEPTH, tokens, places];
  for (const [i, word] of words.entries()) view.setUint32(8 + 4 * i, word, true);
  return header;
}

/**
 * Reads and checks a header; nothing is reserved on its word.
 *
 * @throws {ForetokenError} `store.format` for another kind of file, `store.version` for a store of another version, `store.header` for numbers that
 *   cannot be, `store.size` for a file that is shorter or longer than its header says
 * @throws what reading throws
 */
export async function readLayout(source: ByteSource, signal?: AbortSignal): Promise<StoreLayout> {
  const { name, size } = source;
  if (size < HEADER_BYTES)
    throw new ForetokenError('store.format', `${name} has ${size} bytes, which is no store of text`);
  checkRead(source, 0, HEADER_BYTES, signal);
  const header = Uint8Array.from(await source.read(0, HEADER_BYTES, signal));
  if (MAGIC.some((byte, i) => header[i] !== byte))
    throw new ForetokenError('store.format', `${name} is no store of text`);
  const view = new DataView(header.buffer);
  const [version, tokenBytes, vocab, depth, tokens, places] = Array.from({ length: 6 }, (_, i) =>
    view.getUint32(8 + 4 * i, true),
  ) as [number, number, number, number, number, number];
  if (version !== VERSION) {
    throw new ForetokenError('store.version', `${name} has version ${version} of the format: expected ${VERSION}`);
  }
  const bad = (what: string) => new ForetokenError('store.header', `${name}: ${what}`);
  if (vocab < 1 || vocab > MOST.vocab) throw bad(`a vocabulary of ${vocab}: expected 1..${MOST.vocab}`);
  if (tokenBytes !== tokenBytesFor(vocab)) {
    throw bad(`tokens of ${tokenBytes} bytes: expected ${tokenBytesFor(vocab)} for a vocabulary of ${vocab}`);
  }
  if (depth !== DEPTH) throw bad(`an order of ${depth} tokens: expected ${DEPTH}`);
  if (places > tokens) throw bad(`${places} places in ${tokens} tokens`);
  if (header.subarray(32).some((byte) => byte !== 0)) throw bad('bytes that must be zero are not');
  const layout = layoutOf(vocab, tokens, places);
  if (layout.bytes !== size) {
    throw new ForetokenError('store.size', `${name} has ${size} bytes: expected ${layout.bytes} by its header`);
  }
  return layout;
}
