/**
 * Finds where the end of a growing text has occurred before, without reading the text again.
 * @module
 */

/** Most earlier occurrences that one search looks at, newest first. */
export const MAX_OCCURRENCES = 64;
/** Longest match that is told apart from longer ones. */
export const MAX_MATCH = 64;

/** A place in the text that follows an earlier occurrence of the text's end. */
export interface Match {
  /** Position of the token after the occurrence: where copying would begin. */
  readonly next: number;
  /** Tokens before it that agree with the end of the text, 1..MAX_MATCH. */
  readonly length: number;
}

/**
 * The text is indexed by single tokens and by pairs. Every position is linked to the one before it with the same key, as in LZ77 with
 * hash chains: appending costs O(1), and a search walks one chain.
 */
export class TokenIndex {
  readonly #tokens: Int32Array;
  readonly #singles: HashChains;
  readonly #pairs: HashChains;
  #length = 0;

  /** @param capacity most tokens that the text will have; `TokenIndex.bytes` of them are reserved */
  constructor(capacity: number) {
    this.#tokens = new Int32Array(capacity);
    this.#singles = new HashChains(capacity);
    this.#pairs = new HashChains(capacity);
  }

  /** Memory of an index, bytes. */
  static bytes(capacity: number): number {
    return 4 * capacity + 2 * HashChains.bytes(capacity);
  }

  get length(): number {
    return this.#length;
  }

  token(position: number): number {
    return this.#tokens[position]!;
  }

  clear(): void {
    this.#length = 0;
    this.#singles.clear();
    this.#pairs.clear();
  }

  append(token: number): void {
    const position = this.#length++;
    this.#tokens[position] = token;
    this.#singles.add(token, position);
    if (position > 0) this.#pairs.add(pairKey(this.#tokens[position - 1]!, token), position);
  }

  /**
   * Earlier occurrences of the end of the text, newest first: those of its last two tokens, or of its last one where the pair is new. At
   * most MAX_OCCURRENCES.
   */
  matches(): Match[] {
    const last = this.#length - 1;
    if (last < 1) return [];
    const pairs = this.#walk(this.#pairs, last, 2);
    return pairs.length > 0 ? pairs : this.#walk(this.#singles, last, 1);
  }

  /** The newest earlier occurrence of the text's last two tokens. */
  newest(): Match | undefined {
    const last = this.#length - 1;
    const occurrence = last < 1 ? -1 : this.#pairs.before(last);
    const length = occurrence < 0 ? 0 : this.#common(occurrence, last);
    return length < 2 ? undefined : { next: occurrence + 1, length };
  }

  #walk(chains: HashChains, last: number, shortest: number): Match[] {
    const found: Match[] = [];
    let occurrence = chains.before(last);
    for (let seen = 0; occurrence >= 0 && seen < MAX_OCCURRENCES; seen++) {
      const length = this.#common(occurrence, last);
      // Keys are hashed: a chain may hold strangers.
      if (length >= shortest) found.push({ next: occurrence + 1, length });
      occurrence = chains.before(occurrence);
    }
    return found;
  }

  /** Number of equal tokens that end at two positions, at most MAX_MATCH. */
  #common(a: number, b: number): number {
    const tokens = this.#tokens;
    const most = Math.min(a + 1, MAX_MATCH);
    let length = 0;
    while (length < most && tokens[a - length] === tokens[b - length]) length++;
    return length;
  }
}

function pairKey(first: number, second: number): number {
  return Math.imul(first, 0x9e3779b1) ^ second;
}

/** Positions with equal hashed keys, each linked to the one before it. */
class HashChains {
  /** Newest position of each slot + 1; 0 for none. */
  readonly #newest: Int32Array;
  /** For each position the one before it + 1; 0 for none. */
  readonly #before: Int32Array;
  readonly #shift: number;

  constructor(capacity: number) {
    const bits = HashChains.#bits(capacity);
    this.#newest = new Int32Array(1 << bits);
    this.#before = new Int32Array(capacity);
    this.#shift = 32 - bits;
  }

  static bytes(capacity: number): number {
    return 4 * (capacity + (1 << HashChains.#bits(capacity)));
  }

  /** At least as many slots as positions. */
  static #bits(capacity: number): number {
    return Math.max(4, 32 - Math.clz32(capacity));
  }

  clear(): void {
    this.#newest.fill(0);
  }

  add(key: number, position: number): void {
    const slot = Math.imul(key, 0x85ebca6b) >>> this.#shift;
    this.#before[position] = this.#newest[slot]!;
    this.#newest[slot] = position + 1;
  }

  /** The newest position before `position` in its chain, or -1. */
  before(position: number): number {
    return this.#before[position]! - 1;
  }
}
