/**
 * Text from tokens as they come. A token may end in the middle of a character: such bytes wait for the tokens that complete it.
 * @module
 */
import type { Tokenizer } from './tokenizer.ts';
import { Utf8Decoder } from './utf8.ts';

/**
 * Turns token ids into pieces of text that goes on from another. The pieces and the flush, joined, are `tokenizer.decode` of all the ids, but
 * for the space that it takes off the front of a whole text; no piece ends inside a character, and bytes that are not UTF-8 become U+FFFD.
 *
 * @example
 * const detokenizer = new Detokenizer(tokenizer);
 * for (const id of ids) write(detokenizer.push(id));
 * write(detokenizer.flush());
 */
export class Detokenizer {
  readonly #tokenizer: Pick<Tokenizer, 'tokenBytes'>;
  readonly #decoder = new Utf8Decoder();

  constructor(tokenizer: Pick<Tokenizer, 'tokenBytes'>) {
    this.#tokenizer = tokenizer;
  }

  /**
   * @returns the characters that this token completes; '' when it completes none
   * @throws {ForetokenError} `tokenizer.token` when the id is not in the vocabulary; nothing is taken in then
   */
  push(id: number): string {
    return this.#decoder.push(this.#tokenizer.tokenBytes(id));
  }

  /** Ends the text. The next push begins a new one. @returns U+FFFD when a character was left incomplete, else '' */
  flush(): string {
    return this.#decoder.flush();
  }
}
