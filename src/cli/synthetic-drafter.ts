/**
 * Synthetic acceptance: a drafter that knows the right answer and is wrong on purpose, at a given rate. So the cost of the system can be
 * measured apart from any drafter's luck, also on random weights, whose text nobody could guess.
 * @module
 */
import type { Drafter, StepRecord } from '../draft/drafter.ts';
import type { DraftTree } from '../tree/draft-tree.ts';
import { generator } from './statistics.ts';

export class SyntheticDrafter implements Drafter {
  readonly name = 'synthetic';
  readonly #known: readonly number[];
  readonly #rate: number;
  readonly #vocab: number;
  readonly #next: () => number;
  #root = 0;
  #emitted = 0;

  /**
   * @param known tokens that plain decoding gives after the prompt
   * @param rate probability that a drafted token is the right one, 0..1, each on its own
   * @param vocab number of token ids, at least 2
   */
  constructor(known: readonly number[], rate: number, vocab: number, seed = 1) {
    this.#known = known;
    this.#rate = rate;
    this.#vocab = vocab;
    this.#next = generator(seed);
  }

  begin(prompt: Int32Array): void {
    this.#root = prompt[prompt.length - 1]!;
    this.#emitted = 0;
  }

  /** A chain: the root, then the known tokens, some of them replaced by their neighbour in the vocabulary. */
  propose(budget: number): DraftTree {
    const right = this.#known.slice(this.#emitted, this.#emitted + budget - 1);
    const drafted = right.map((token) => (this.#next() < this.#rate ? token : (token + 1) % this.#vocab));
    const tokens = Int32Array.of(this.#root, ...drafted);
    return {
      tokens,
      parents: tokens.map((_, node) => node - 1),
      scores: Float32Array.from(tokens, (_, node) => (node === 0 ? 1 : this.#rate)),
    };
  }

  observe({ emitted }: StepRecord): void {
    this.#emitted += emitted.length;
    this.#root = emitted[emitted.length - 1]!;
  }
}
