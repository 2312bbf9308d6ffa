/**
 * The result of a call: pieces as they come, and everything about the output once it has ended.
 * @module
 */
import type { FinishReason, Output, Piece } from './output.ts';
import type { GenerationStats } from './stats.ts';

/**
 * A generation under way. It advances only while it is iterated or its text is awaited, and can be iterated once.
 *
 * @example for await (const { text } of model.generate(prompt)) write(text);
 * @example const text = await model.generate(prompt).text();
 */
export class Generation implements AsyncIterable<Piece> {
  readonly #pieces: AsyncGenerator<Piece, void, undefined>;
  readonly #output: Output;
  readonly #describe: () => GenerationStats;
  /** Settled like the first call of `text`. */
  #end: Promise<void> | undefined;

  constructor(pieces: AsyncGenerator<Piece, void, undefined>, output: Output, describe: () => GenerationStats) {
    this.#pieces = pieces;
    this.#output = output;
    this.#describe = describe;
  }

  /** Leaving the loop early stops the generation; the model is then free for the next call. */
  [Symbol.asyncIterator](): AsyncGenerator<Piece, void, undefined> {
    return this.#pieces;
  }

  /**
   * Runs to the end.
   * @returns the whole text, also when a part of it was iterated before
   * @throws what made it fail, at each call
   */
  async text(): Promise<string> {
    this.#end ??= this.#run();
    await this.#end;
    return this.#output.text;
  }

  async #run(): Promise<void> {
    for await (const _ of this.#pieces) {
      // The output collects the pieces.
    }
  }

  /** The tokens so far. */
  get tokens(): readonly number[] {
    return this.#output.tokens;
  }

  /** Undefined while the generation can go on. */
  get finishReason(): FinishReason | undefined {
    return this.#output.finishReason;
  }

  /** The statistics so far. */
  get stats(): GenerationStats {
    return this.#describe();
  }
}
