/**
 * The header of a GGUF file as a stream of numbers and texts. It does not say how long it is, so it is read in pieces that are no longer
 * than what must still follow by the counts seen so far: a count of n texts promises 8 n bytes of lengths. The pieces grow with the
 * counts and shrink towards the end, a few for each list, and not one byte behind the header is read. A count that lies is found out soon:
 * pieces begin small and grow to twice the one before.
 *
 * Every length is held against what is left of the file before it is believed.
 * @module
 */
import { ForetokenError } from '../errors.ts';
import type { ByteSource } from './byte-source.ts';
import { exactProduct } from './exact.ts';
import { exactSum } from './exact-sums.ts';

/** Longest header accepted; the largest published ones, of vocabularies of 256,000 tokens, have about 15 MB. */
const MOST_HEADER_BYTES = 100_000_000;

/** Pieces that are read for the sake of what follows: the first, which holds a usual header but for its vocabulary, and the largest. */
const PIECE_BYTES = { first: 2 ** 14, most: 2 ** 22 } as const;

/** Bytes of the length before a text. */
export const LENGTH_BYTES = 8;

export class HeaderReader {
  readonly source: ByteSource;
  readonly #signal: AbortSignal | undefined;
  /** Where the header ends at the latest. */
  readonly #limit: number;
  /** The bytes at hand: those of the file from `#start` on, of which the first `#at` have been taken. */
  #piece = new Uint8Array(0);
  #view = new DataView(this.#piece.buffer);
  #start = 0;
  #at = 0;
  /** Bytes that must follow what is asked for next, by the counts seen so far. */
  #owed = 0;
  /** Largest piece that is read for the sake of what follows. */
  #most: number = PIECE_BYTES.first;

  constructor(source: ByteSource, signal: AbortSignal | undefined) {
    this.source = source;
    this.#signal = signal;
    this.#limit = Math.min(source.size, MOST_HEADER_BYTES);
  }

  /** Where in the file the next byte stands. */
  get position(): number {
    return this.#start + this.#at;
  }

  /**
   * Takes note that `count` items of at least `bytes` each follow.
   * @param what what they are, for the message
   * @throws {ForetokenError} `file.header` when there is no room for them
   */
  expect(count: number, bytes: number, what: string): void {
    const promised = exactProduct(count, bytes);
    const owed = promised === undefined ? undefined : exactSum(this.#owed, promised);
    if (owed === undefined || owed > this.#limit - this.position) {
      throw this.fault(`${count} ${what} are claimed, and there is no room for them`);
    }
    this.#owed = owed;
  }

  /** One of the items expected is asked for next. */
  begin(bytes: number): void {
    this.#owed -= bytes;
  }

  /** Whether the next bytes are at hand. */
  has(bytes: number): boolean {
    return this.#at + bytes <= this.#piece.length;
  }

  /**
   * Brings the next bytes, which `has` told are missing.
   * @throws {ForetokenError} `file.header` when the file ends before them
   */
  async bring(bytes: number): Promise<void> {
    const rest = this.#piece.subarray(this.#at);
    const room = this.#limit - this.position;
    if (bytes > room) throw this.fault(`cut short: ${bytes} bytes are needed at ${this.position}, there are ${room}`);
    const length = Math.max(bytes, Math.min(bytes + this.#owed, this.#most, room));
    if (length === this.#most) this.#most = Math.min(length * 2, PIECE_BYTES.most);
    const fresh = await this.source.read(this.position + rest.length, length - rest.length, this.#signal);
    const piece = new Uint8Array(length);
    piece.set(rest);
    piece.set(fresh, rest.length);
    this.#start += this.#at;
    this.#at = 0;
    this.#piece = piece;
    this.#view = new DataView(piece.buffer);
  }

  /** Steps over bytes at hand. @returns them: a view that is valid until `bring` */
  take(bytes: number): DataView {
    const at = this.#at;
    this.#at += bytes;
    return new DataView(this.#view.buffer, at, bytes);
  }

  async u32(): Promise<number> {
    if (!this.has(4)) await this.bring(4);
    return this.take(4).getUint32(0, true);
  }

  /**
   * A count, length or offset of 64 bits.
   * @throws {ForetokenError} `file.header` when it is 2^53 or more
   */
  async count(what: string): Promise<number> {
    if (!this.has(8)) await this.bring(8);
    const value = this.take(8).getBigUint64(0, true);
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw this.fault(`${value} ${what} are claimed`);
    return Number(value);
  }

  /**
   * A text with its length before it.
   * @param most bytes accepted
   * @param what what it is, for messages
   * @throws {ForetokenError} `file.header` when it is longer; `file.entry` when it is not UTF-8
   */
  async text(most: number, what: string): Promise<string> {
    for (;;) {
      const text = this.textAtHand(most, what);
      if (typeof text === 'string') return text;
      await this.bring(text);
    }
  }

  /** As `text`, without a turn of the event loop for each of many. @returns how many bytes must be brought first, where some are missing */
  textAtHand(most: number, what: string): string | number {
    if (!this.has(LENGTH_BYTES)) return LENGTH_BYTES;
    const length = this.#view.getBigUint64(this.#at, true);
    if (length > most) throw this.fault(`${what} of ${length} bytes, expected at most ${most}`);
    const bytes = LENGTH_BYTES + Number(length);
    if (!this.has(bytes)) return bytes;
    const letters = new Uint8Array(this.#view.buffer, this.#at + LENGTH_BYTES, Number(length));
    this.#at += bytes;
    try {
      return DECODER.decode(letters);
    } catch {
      throw new ForetokenError('file.entry', `${this.source.name}: ${what} is not UTF-8`);
    }
  }

  fault(problem: string): ForetokenError {
    return new ForetokenError('file.header', `${this.source.name}: ${problem}`);
  }
}

const DECODER = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
