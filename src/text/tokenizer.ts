/**
 * A BPE tokenizer, over bytes or over characters: the same tokens as Hugging Face tokenizers, on every runtime.
 *
 * text -> added tokens found -> normalised, where the file asks for it -> pieces -> bytes or characters -> merges -> ids
 *
 * What differs from the reference, each on purpose: special tokens are found only where the caller allows them; an added token
 * decodes to its content (the reference reads "é" as a byte); bytes that are not UTF-8 become U+FFFD as everywhere on the web (the reference:
 * one for each byte of a run of tokens of bytes, also for those that are characters); letters, numbers, white space and normalisation are those
 * of fixed Unicode versions (unicode-ranges.ts, nfc.ts).
 * @module
 */
import { ForetokenError, quote } from '../errors.ts';
import { type AddedToken, AddedTokenFinder } from './added-tokens.ts';
import { spell } from './byte-alphabet.ts';
import { BytePairs } from './byte-pairs.ts';
import { Detokenizer } from './detokenizer.ts';
import type { TextTokenizer } from './text-tokenizer.ts';
import type { TokenizerParts } from './tokenizer-file.ts';

export type { AddedToken };

export interface EncodeOptions {
  /**
   * Which special tokens are found in the text: none (the default: what spells one stays text), all, or these.
   * A prompt from outside must not be able to forge the marks of a chat.
   */
  readonly allowSpecial?: boolean | 'all' | readonly string[];
  /** Put `prefix` and `suffix` around the ids. Default false. */
  readonly addSpecial?: boolean;
}

/**
 * Longest piece that the cache keeps, in UTF-16 units, and how many pieces: about 1 MB. Most words are shorter, and a longer slice would
 * keep the whole text that it was cut from alive (V8 copies slices of up to 12 units).
 */
const CACHE = { units: 12, pieces: 8192 } as const;

export class Tokenizer implements TextTokenizer {
  /** V: ids are 0..vocab - 1. */
  readonly vocab: number;
  /** Every token that is found as a whole, special or not, as the file lists them. */
  readonly addedTokens: readonly AddedToken[];
  /** Ids that the file wants before a text, such as a beginning-of-text token; mostly none. */
  readonly prefix: readonly number[];
  /** Ids that the file wants after a text; mostly none. */
  readonly suffix: readonly number[];
  /** What its tokens are made of. */
  readonly kind: 'byte-level BPE' | 'SentencePiece BPE';

  readonly #parts: TokenizerParts;
  readonly #pairs: BytePairs;
  readonly #special: ReadonlyMap<string, number>;
  /** Found in the text as it is, and after that in the normalised rest. */
  readonly #rawFinder: AddedTokenFinder;
  readonly #normalFinder: AddedTokenFinder;
  readonly #cache = new Map<string, readonly number[]>();

  constructor(parts: TokenizerParts) {
    this.vocab = parts.vocab;
    this.addedTokens = parts.addedTokens;
    this.prefix = parts.prefix;
    this.suffix = parts.suffix;
    this.kind = parts.symbolsOf ? 'SentencePiece BPE' : 'byte-level BPE';
    this.#parts = parts;
    this.#pairs = new BytePairs(parts.pairs);
    this.#special = new Map(parts.addedTokens.filter(({ special }) => special).map(({ content, id }) => [content, id]));
    this.#rawFinder = new AddedTokenFinder(parts.addedTokens.filter(({ normalized }) => !normalized));
    const normalized = parts.addedTokens.filter((token) => token.normalized);
    this.#normalFinder = new AddedTokenFinder(
      normalized.map((token) => ({ ...token, content: this.#normalize(token.content) })),
    );
  }

  /**
   * Token ids of a text. An unpaired surrogate counts as U+FFFD, as TextEncoder has it.
   *
   * @throws {ForetokenError} `option.type` when `text` is not a string or `allowSpecial` none of its kinds; `tokenizer.special` when
   *   `allowSpecial` names a token that is not special
   */
  encode(text: string, options: EncodeOptions = {}): Int32Array {
    if (typeof text !== 'string') throw wrongType('text', text, 'a string');
    const allowed = allowedTokens(options.allowSpecial ?? false, (content) => this.#special.get(content));
    const ids: number[] = [];
    let isFirst = true;
    const add = ({ id }: AddedToken) => {
      ids.push(id);
      isFirst = false;
    };
    this.#rawFinder.split(text.replace(/\p{Surrogate}/gu, '\ufffd'), allowed, add, (raw) => {
      this.#normalFinder.split(this.#normalize(raw), allowed, add, (part) => {
        const visit = (piece: string) => {
          for (const id of this.#encodePiece(piece)) ids.push(id);
        };
        this.#parts.split(part, visit, isFirst);
        isFirst = false;
      });
    });
    return Int32Array.from(options.addSpecial ? [...this.prefix, ...ids, ...this.suffix] : ids);
  }

  /**
   * Text of token ids, special tokens by their content. Bytes that are not UTF-8 become U+FFFD. The ids are taken for a whole text: a space
   * that encoding puts in front of one is taken off.
   *
   * @throws {ForetokenError} `tokenizer.token` when an id is not in the vocabulary; `option.type` when `ids` cannot be iterated
   */
  decode(ids: Iterable<number>): string {
    if (typeof ids?.[Symbol.iterator] !== 'function') throw wrongType('ids', ids, 'an iterable of token ids');
    const detokenizer = this.detokenizer();
    let text = '';
    for (const id of ids) text += detokenizer.push(id);
    text += detokenizer.flush();
    let leading = 0;
    while (leading < (this.#parts.leadingSpaces ?? 0) && text[leading] === ' ') leading++;
    return text.slice(leading);
  }

  detokenizer(): Detokenizer {
    return new Detokenizer(this);
  }

  /**
   * The bytes that a token stands for: a view that callers do not write to. None for an id without a token.
   *
   * @throws {ForetokenError} `tokenizer.token` when the id is not in the vocabulary
   */
  tokenBytes(id: number): Uint8Array {
    if (!(Number.isInteger(id) && id >= 0 && id < this.vocab)) {
      throw new ForetokenError('tokenizer.token', `token ${id}: expected 0..${this.vocab - 1}`);
    }
    const { bytes, offsets } = this.#parts;
    const end = offsets.at(-1);
    return bytes.subarray(offsets[id] ?? end, offsets[id + 1] ?? end);
  }

  /** Id of a special token by its content. */
  specialToken(content: string): number | undefined {
    return this.#special.get(content);
  }

  #normalize(text: string): string {
    return this.#parts.normalize?.(text) ?? text;
  }

  #encodePiece(piece: string): readonly number[] {
    const known = this.#cache.get(piece);
    if (known !== undefined) return known;
    const { symbolsOf } = this.#parts;
    const ids = symbolsOf ? this.#merge(symbolsOf(piece)) : this.#mergeBytes(new TextEncoder().encode(piece));
    if (piece.length <= CACHE.units) {
      if (this.#cache.size === CACHE.pieces) this.#cache.clear();
      this.#cache.set(piece, ids);
    }
    return ids;
  }

  #mergeBytes(bytes: Uint8Array): readonly number[] {
    const { byteTokens, unknownToken, fuseUnknown, wholePieces } = this.#parts;
    const whole = wholePieces.size > 0 ? wholePieces.get(spell(bytes)) : undefined;
    if (whole !== undefined) return [whole];

    const symbols = new Int32Array(bytes.length);
    let count = 0;
    let wasUnknown = false;
    for (const byte of bytes) {
      const id = byteTokens[byte]!;
      const isUnknown = id < 0;
      if (!isUnknown) symbols[count++] = id;
      else if (unknownToken >= 0 && !(wasUnknown && fuseUnknown)) symbols[count++] = unknownToken;
      wasUnknown = isUnknown;
    }
    return this.#merge(symbols, count);
  }

  /** Merges the first `count` symbols. */
  #merge(symbols: Int32Array, count = symbols.length): readonly number[] {
    return Array.from(symbols.subarray(0, this.#pairs.merge(symbols, count)));
  }
}

/**
 * Which special tokens are found.
 * @throws {ForetokenError} `option.type`, `tokenizer.special`
 */
export function allowedTokens(
  choice: NonNullable<EncodeOptions['allowSpecial']>,
  idOf: (content: string) => number | undefined,
): (token: AddedToken) => boolean {
  if (typeof choice === 'boolean' || choice === 'all') return () => choice !== false;
  if (!Array.isArray(choice)) throw wrongType('allowSpecial', choice, 'a boolean, "all" or a list of special tokens');
  const ids = new Set(
    choice.map((content) => {
      const id = idOf(content);
      if (id === undefined) throw new ForetokenError('tokenizer.special', `${quote(content)} is not a special token`);
      return id;
    }),
  );
  return ({ id }) => ids.has(id);
}

export function wrongType(name: string, value: unknown, expected: string): ForetokenError {
  return new ForetokenError(
    'option.type',
    `${name} is ${value === null ? 'null' : typeof value}, expected ${expected}`,
  );
}
