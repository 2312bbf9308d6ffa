/**
 * Chooser: every random decision of an acceptance rule, and of a drafter that samples. A generation's choices come from its seed; a test follows
 * all of them, each with its probability, so that the law of what is emitted comes out exactly.
 * @module
 */
import { uniform } from '../decode/random.ts';
import { select } from '../decode/sampling.ts';

export interface Chooser {
  /** True with this probability, 0..1. */
  accept(probability: number): boolean;
  /** An id, with a probability in proportion to its weight. @param weights (V,) f64, 0 or more, not all 0 */
  draw(weights: Float64Array): number;
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
}

/**
 * Ids drawn one after the other, each in proportion to its weight among those that are left: as many as asked for, or as have weight.
 *
 * This is the law of Gumbel-top-k, by which recursive speculative decoding draws, for a number an id instead of one for every token.
 * @param weights as for `Chooser.draw`
 */
export function drawDistinct(chooser: Chooser, weights: Float64Array, count: number): number[] {
  const left = weights.slice();
  const ids: number[] = [];
  while (ids.length < count && left.some((weight) => weight > 0)) {
    const id = chooser.draw(left);
    left[id] = 0;
    ids.push(id);
  }
  return ids;
}
