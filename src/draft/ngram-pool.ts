/**
 * N-grams by their first token: a few for each, the newest first.
 * @module
 */
import { ForetokenError } from '../errors.ts';

export class NgramPool {
  readonly #tail: number;
  readonly #kept: number;
  /** (V, kept, tail) the tokens after the first, newest n-gram first. */
  readonly #tokens: Int32Array;
  /** (V,) n-grams of each first token. */
  readonly #counts: Uint8Array;

  /**
   * @param tail tokens of an n-gram after the first
   * @param kept n-grams for each first token, at most 255; the one added longest ago goes
   */
  constructor(vocab: number, tail: number, kept: number) {
    if (NgramPool.bytes(vocab, tail, kept) > 2 ** 31) {
      throw new ForetokenError(
        'option.range',
        `n-grams of ${tail + 1} tokens, ${kept} for each of ${vocab}: over 2 GiB`,
      );
    }
    this.#tail = tail;
    this.#kept = kept;
    this.#tokens = new Int32Array(vocab * kept * tail);
    this.#counts = new Uint8Array(vocab);
  }

  /** Memory of a pool, bytes. */
  static bytes(vocab: number, tail: number, kept: number): number {
    return vocab * (4 * kept * tail + 1);
  }

  /** Keeps an n-gram, as the newest; one that is there already moves to the front. */
  add(ngram: ArrayLike<number>): void {
    const first = ngram[0]!;
    const count = this.#counts[first]!;
    let place = this.#placeOf(ngram, count);
    if (place < 0) {
      place = Math.min(count, this.#kept - 1);
      this.#counts[first] = Math.max(place + 1, count);
    }
    const start = first * this.#kept * this.#tail;
    this.#tokens.copyWithin(start + this.#tail, start, start + place * this.#tail);
    for (let i = 0; i < this.#tail; i++) this.#tokens[start + i] = ngram[i + 1]!;
  }

  /** The n-grams after a token, newest first, each without it. */
  after(token: number): Int32Array[] {
    return Array.from({ length: this.#counts[token]! }, (_, i) => {
      const start = (token * this.#kept + i) * this.#tail;
      return this.#tokens.subarray(start, start + this.#tail);
    });
  }

  /** The first token of the newest of them; -1 without any. */
  newest(token: number): number {
    return this.#counts[token]! > 0 ? this.#tokens[token * this.#kept * this.#tail]! : -1;
  }

  #placeOf(ngram: ArrayLike<number>, count: number): number {
    const first = ngram[0]!;
    for (let place = 0; place < count; place++) {
      const start = (first * this.#kept + place) * this.#tail;
      let same = 0;
      while (same < this.#tail && this.#tokens[start + same] === ngram[same + 1]) same++;
      if (same === this.#tail) return place;
    }
    return -1;
  }
}
