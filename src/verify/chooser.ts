/**
 * Chooser: every random decision of an acceptance rule, and of a drafter that samples. A generation's choices come from its seed; a test follows
 * all of them, each with its probability, so that the law of what is emitted comes out exactly.
 * @module
 */
import { log } from '../engine/math.ts';
import { uniform } from '../decode/random.ts';
import { select } from '../decode/sampling.ts';

export interface Chooser {
  /** True with this probability, 0..1. */
  accept(probability: number): boolean;
  /** An id, with a probability in proportion to its weight. @param weights (V,) f64, 0 or more, not all 0 */
  draw(weights: Float64Array): number;
  /**
   * Ids drawn one after the other, each in proportion to its weight among those that are left: as many as asked for, or as have weight.
   * @param weights as for `draw`
   */
  order(weights: Float64Array, count: number): number[];
}

/** What a drafter samples with. */
export interface Sampler extends Chooser {
  /** The next number: a multiple of 2^-53 in [0, 1). */
  number(): number;
}

/** Streams of random numbers under one seed: what decides tokens, and what drafts. */
export const STREAMS = { verify: 0, draft: 1 } as const;

/** Choices by numbers of `uniform`: the first one at a place in stream 0 is plain decoding's at that position. */
export class SeededChooser implements Sampler {
  readonly #seed: number;
  readonly #stream: number;
  #place = 0;
  #draws = 0;

  /** @param seed integer, 0..2^53 - 1 */
  constructor(seed: number, stream: number) {
    this.#seed = seed;
    this.#stream = stream;
  }

  /** Begins the numbers of a place: a position, or a step. Places that are visited once give numbers that are independent of all others. */
  at(place: number): this {
    this.#place = place;
    this.#draws = 0;
    return this;
  }

  number(): number {
    return uniform(this.#seed, this.#place, this.#draws++, this.#stream);
  }

  accept(probability: number): boolean {
    return this.number() < probability;
  }

  draw(weights: Float64Array): number {
    return select(weights, this.number());
  }

  /**
   * The ids of the largest log weights after Gumbel noise: their order is the law of draws without replacement.
   * Source: Kool, van Hoof and Welling, 2019, arXiv 1903.06059.
   */
  order(weights: Float64Array, count: number): number[] {
    const keys: { readonly id: number; readonly key: number }[] = [];
    for (let id = 0; id < weights.length; id++) {
      if (weights[id]! > 0) keys.push({ id, key: log(weights[id]!) + gumbel(this.number()) });
    }
    return keys
      .sort((a, b) => b.key - a.key || a.id - b.id)
      .slice(0, count)
      .map(({ id }) => id);
  }
}

/** -log(-log u), finite for every u of `uniform`: 0 counts as half the smallest step. */
export function gumbel(u: number): number {
  return -log(-log(Math.max(u, 2 ** -54)));
}
