/**
 * Tri-grams of a text that is still being read: for each pair of tokens the successors seen most, with weights that follow the text.
 *
 * A fixed number of pairs is kept, four to a bucket of a hash table; a pair that finds its bucket full takes the place of the one that was
 * touched longest ago. A pair keeps 12 successors; a new one takes the place of the lightest.
 * @module
 */

/** Successors kept for a pair, as in ADED. */
export const SUCCESSORS = 12;
const WAYS = 4;
const EMPTY = -1;
/** The cap of ADED on a weight. */
const MOST_WEIGHT = 3;

export class TrigramTable {
  readonly #bucketMask: number;
  // (pairs,)
  readonly #first: Int32Array;
  readonly #second: Int32Array;
  readonly #touched: Float64Array;
  /** Times that a pair was counted, whatever followed. */
  readonly #totals: Float32Array;
  readonly #used: Uint8Array;
  // (pairs, SUCCESSORS)
  readonly #tokens: Int32Array;
  readonly #counts: Float32Array;
  readonly #bumps: Float32Array;
  #clock = 0;

  /** @param bits 2^bits pairs, 4 at least */
  constructor(bits: number) {
    const pairs = 1 << bits;
    this.#bucketMask = pairs / WAYS - 1;
    this.#first = new Int32Array(pairs).fill(EMPTY);
    this.#second = new Int32Array(pairs);
    this.#touched = new Float64Array(pairs);
    this.#totals = new Float32Array(pairs);
    this.#used = new Uint8Array(pairs);
    this.#tokens = new Int32Array(pairs * SUCCESSORS);
    this.#counts = new Float32Array(pairs * SUCCESSORS);
    this.#bumps = new Float32Array(pairs * SUCCESSORS);
  }

  /** Memory of a table, bytes. */
  static bytes(bits: number): number {
    return (1 << bits) * (4 + 4 + 8 + 4 + 1 + SUCCESSORS * 12);
  }

  /** A tri-gram of a corpus: weights are shares of these counts, until they are bumped. */
  count(a: number, b: number, c: number): void {
    const pair = this.#claim(a, b);
    this.#counts[this.#entry(pair, c)]!++;
    this.#totals[pair]!++;
  }

  /** A tri-gram of the text that is being written weighs `step` more, up to the cap. */
  bump(a: number, b: number, c: number, step: number): void {
    const entry = this.#entry(this.#claim(a, b), c);
    const room = MOST_WEIGHT - this.weight(entry);
    this.#bumps[entry]! += Math.min(step, Math.max(0, room));
  }

  /** Where a pair lies; -1 when it is not known. */
  find(a: number, b: number): number {
    const start = this.#bucket(a, b);
    for (let pair = start; pair < start + WAYS; pair++) {
      if (this.#first[pair] === a && this.#second[pair] === b) return pair;
    }
    return -1;
  }

  /** Number of successors of a pair. */
  size(pair: number): number {
    return this.#used[pair]!;
  }

  /** The i-th successor of a pair; `token` and `weight` tell of it. */
  entry(pair: number, i: number): number {
    return pair * SUCCESSORS + i;
  }

  token(entry: number): number {
    return this.#tokens[entry]!;
  }

  weight(entry: number): number {
    const total = this.#totals[(entry / SUCCESSORS) | 0]!;
    const share = total > 0 ? this.#counts[entry]! / total : 0;
    return Math.min(MOST_WEIGHT, share + this.#bumps[entry]!);
  }

  /** Weight of a tri-gram; 0 for one that is not known. */
  weightOf(a: number, b: number, c: number): number {
    const pair = this.find(a, b);
    for (let i = 0; pair >= 0 && i < this.#used[pair]!; i++) {
      const entry = this.entry(pair, i);
      if (this.#tokens[entry] === c) return this.weight(entry);
    }
    return 0;
  }

  /** How well a pair is known: times counted, and every cap's worth of bumps as much as a count. */
  evidence(pair: number): number {
    let bumps = 0;
    for (let i = 0; i < this.#used[pair]!; i++) bumps += this.#bumps[this.entry(pair, i)]!;
    return this.#totals[pair]! + bumps;
  }

  #bucket(a: number, b: number): number {
    const hash = Math.imul(Math.imul(a, 0x9e3779b1) ^ b, 0x85ebca6b);
    return ((hash ^ (hash >>> 15)) & this.#bucketMask) * WAYS;
  }

  /** The pair, in the place of the one touched longest ago where there is no room. */
  #claim(a: number, b: number): number {
    let pair = this.find(a, b);
    if (pair < 0) {
      const start = this.#bucket(a, b);
      pair = start;
      for (let way = start + 1; way < start + WAYS; way++) if (this.#touched[way]! < this.#touched[pair]!) pair = way;
      this.#first[pair] = a;
      this.#second[pair] = b;
      this.#totals[pair] = 0;
      this.#used[pair] = 0;
    }
    this.#touched[pair] = ++this.#clock;
    return pair;
  }

  /** The successor, in the place of the lightest where there is no room. */
  #entry(pair: number, token: number): number {
    const used = this.#used[pair]!;
    let lightest = this.entry(pair, 0);
    for (let i = 0; i < used; i++) {
      const entry = this.entry(pair, i);
      if (this.#tokens[entry] === token) return entry;
      if (this.weight(entry) <= this.weight(lightest)) lightest = entry;
    }
    const entry = used < SUCCESSORS ? this.entry(pair, this.#used[pair]!++) : lightest;
    this.#tokens[entry] = token;
    this.#counts[entry] = 0;
    this.#bumps[entry] = 0;
    return entry;
  }
}
