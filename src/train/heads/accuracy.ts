/**
 * Accuracy of heads on texts that were held out: how often the guess of a rank is what the target itself says there.
 * @module
 */
import type { DraftVocabulary } from './draft-vocabulary.ts';
import { type BatchShape, teacherDistance } from './head-batch.ts';

/** Counts over as many batches as one likes. */
export class AccuracyCount {
  readonly #ranks: number;
  readonly #right: Float64Array[];
  readonly #seen: Float64Array;

  /** @param heads K @param ranks guesses of each that are looked at */
  constructor(heads: number, ranks: number) {
    this.#ranks = ranks;
    this.#right = Array.from({ length: heads }, () => new Float64Array(ranks));
    this.#seen = new Float64Array(heads);
  }

  /**
   * Adds what head i has guessed.
   * @param guesses (rows, ranks) draft ids, best first
   * @param choices of each segment's text (T,) the target's own choice behind every token
   */
  add(
    i: number,
    guesses: Int32Array,
    choices: readonly Int32Array[],
    { targetIds }: DraftVocabulary,
    { length }: BatchShape,
  ): void {
    const right = this.#right[i]!;
    choices.forEach((text, segment) => {
      for (let t = 0; t + teacherDistance(i) < text.length; t++) {
        const wanted = text[t + teacherDistance(i)]!;
        const first = (segment * length + t) * this.#ranks;
        this.#seen[i]!++;
        for (let rank = 0; rank < this.#ranks; rank++) {
          if (targetIds[guesses[first + rank]!] === wanted) right[rank]!++;
        }
      }
    });
  }

  /** (K, ranks) shares of the rows that were seen. */
  get accuracy(): number[][] {
    return this.#right.map((right, i) => Array.from(right, (count) => count / Math.max(1, this.#seen[i]!)));
  }
}

/**
 * Tokens that a pass gives with a chain of the heads' best guesses: 1 + a_0 + a_0 a_1 + ..., as each counts only if those before it are right.
 * Source: Cai et al., 2024, arXiv 2401.10774, section 2.1.2, for a tree of one path.
 */
export function chainLength(accuracy: readonly (readonly number[])[]): number {
  let [sum, chance] = [1, 1];
  for (const [best = 0] of accuracy) {
    chance *= best;
    sum += chance;
  }
  return sum;
}
