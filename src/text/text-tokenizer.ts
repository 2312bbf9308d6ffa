/**
 * What a model needs of a tokenizer. The built-in ones are `Tokenizer`; others come with the option `tokenizer`.
 * @module
 */
import type { StreamingDetokenizer } from '../decode/output.ts';
import type { AddedToken } from './added-tokens.ts';
import type { EncodeOptions } from './tokenizer.ts';

export interface TextTokenizer {
  /** What its tokens are made of, in words. */
  readonly kind: string;
  /** V: ids are 0..vocab - 1. */
  readonly vocab: number;
  /** Every token that is found as a whole, special or not. */
  readonly addedTokens: readonly AddedToken[];
  /** Ids that belong before and after a text. */
  readonly prefix: readonly number[];
  readonly suffix: readonly number[];
  /** Ids of a text. What spells a special token stays text unless allowed. */
  encode(text: string, options?: EncodeOptions): Int32Array;
  /** Text of the ids of a whole text. */
  decode(ids: Iterable<number>): string;
  /** The bytes that a token stands for; none for an id without a token. Absent where a tokenizer tells texts only. */
  tokenBytes?(id: number): Uint8Array;
  /** For ids that come one at a time, and go on from others. */
  detokenizer(): StreamingDetokenizer;
  /** Id of a special token by its content. */
  specialToken(content: string): number | undefined;
}
