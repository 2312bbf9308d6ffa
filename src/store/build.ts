/**
 * Builds a store of text. The tokens are held, in 2 or 4 bytes each, and for a moment twice; places are sorted part by part, each of the places
 * after some tokens, and leave at once. So memory is bounded by
 *
 *   2 x T x (2 or 4) + 4 x max(4 M, places after the most frequent token) bytes
 *
 * which for 100 MB of text, about 30 M tokens, is 120 to 240 MB and 16 MB or little more. Sorting by parts needs no suffix sort in linear time
 * (SA-IS), whose working memory is that of all places at once: the order looks at 16 tokens only, so comparing them is cheap.
 * @module
 */
import { ForetokenError } from '../errors.ts';
import { MOST } from '../formats/limits.ts';
import { encodeHeader, endFor, layoutOf, MOST_TOKENS } from './format.ts';
import { sortPlaces, type Text } from './sort-places.ts';

/** Tokens of a page, while their number is not known. */
const PAGE = 2 ** 20;
/** Places that are sorted at once, unless one token has more. */
const PART = 2 ** 22;

export class StoreBuilder {
  readonly #vocab: number;
  readonly #part: number;
  readonly #end: number;
  #pages: (Uint16Array | Uint32Array)[] = [];
  #tokens = 0;

  /**
   * @param vocab of the model that will read the store
   * @param part  places that are sorted at once; a smaller number takes less memory, and more passes over the tokens
   * @throws {ForetokenError} `option.range`
   */
  constructor(vocab: number, { part = PART }: { readonly part?: number } = {}) {
    if (!(Number.isInteger(vocab) && vocab >= 1 && vocab <= MOST.vocab)) {
      throw new ForetokenError('option.range', `vocab: expected 1..${MOST.vocab}, got ${vocab}`);
    }
    this.#vocab = vocab;
    this.#part = Math.max(1, part);
    this.#end = endFor(vocab);
  }

  /** Tokens so far, ends of documents included. */
  get tokens(): number {
    return this.#tokens;
  }

  /**
   * More of the current document.
   * @throws {ForetokenError} `prompt.token` for an id that is no token, `store.full` beyond 2^32 - 1 tokens
   */
  add(tokens: ArrayLike<number>): void {
    for (let i = 0; i < tokens.length; i++) {
      const token = tokens[i]!;
      if (!(Number.isInteger(token) && token >= 0 && token < this.#vocab)) {
        throw new ForetokenError(
          'prompt.token',
          `token ${i} of a text is ${token}: expected an integer, 0..${this.#vocab - 1}`,
        );
      }
      this.#append(token);
    }
  }

  /** Nothing is retrieved across the end of a document. */
  endDocument(): void {
    this.#append(this.#end);
  }

  /**
   * The file, in pieces. The builder is empty afterwards.
   * @param onPart called after each part, with the number of places sorted so far, and of all
   */
  *pieces(onPart?: (done: number, total: number) => void): Generator<Uint8Array> {
    const text = this.#joined();
    const starts = this.#starts(text);
    const places = starts[this.#vocab]!;
    yield encodeHeader(layoutOf(this.#vocab, text.tokens.length, places));
    yield bytesOf(starts);
    yield bytesOf(text.tokens);
    const padding = -text.tokens.byteLength & 3;
    if (padding > 0) yield new Uint8Array(padding);
    for (let from = 0; from < this.#vocab; ) {
      let to = from + 1;
      while (to < this.#vocab && starts[to + 1]! - starts[from]! <= this.#part) to++;
      const part = placesAfter(text, starts, from, to);
      for (let token = from; token < to; token++) {
        const [start, end] = [starts[token]! - starts[from]!, starts[token + 1]! - starts[from]!];
        if (end - start > 1) sortPlaces(text, part.subarray(start, end), 1);
      }
      if (part.length > 0) yield bytesOf(part);
      onPart?.(starts[to]!, places);
      from = to;
    }
  }

  #append(token: number): void {
    if (this.#tokens === MOST_TOKENS)
      throw new ForetokenError('store.full', `a store holds ${MOST_TOKENS} tokens at most`);
    const at = this.#tokens++ % PAGE;
    if (at === 0) this.#pages.push(this.#array(PAGE));
    this.#pages[this.#pages.length - 1]![at] = token;
  }

  #array(length: number): Uint16Array | Uint32Array {
    return this.#end === 0xffff ? new Uint16Array(length) : new Uint32Array(length);
  }

  #joined(): Text {
    const tokens = this.#array(this.#tokens);
    this.#pages.forEach((page, i) => {
      tokens.set(page.subarray(0, Math.min(PAGE, tokens.length - i * PAGE)), i * PAGE);
    });
    this.#pages = [];
    this.#tokens = 0;
    return { tokens, end: this.#end };
  }

  /** (vocab + 1,) where the places after each token begin. */
  #starts({ tokens, end }: Text): Uint32Array {
    const starts = new Uint32Array(this.#vocab + 1);
    for (let place = 1; place < tokens.length; place++) {
      if (tokens[place] !== end && tokens[place - 1] !== end) starts[tokens[place - 1]! + 1]!++;
    }
    for (let token = 0; token < this.#vocab; token++) starts[token + 1]! += starts[token]!;
    return starts;
  }
}

/** Places after the tokens `from`..`to` - 1, ordered by that token and by position. */
function placesAfter({ tokens, end }: Text, starts: Uint32Array, from: number, to: number): Uint32Array {
  const start = starts[from]!;
  const places = new Uint32Array(starts[to]! - start);
  const next = starts.slice(from, to);
  for (let place = 1; place < tokens.length; place++) {
    const before = tokens[place - 1]!;
    if (before >= from && before < to && tokens[place] !== end) {
      places[next[before - from]!++ - start] = place;
    }
  }
  return places;
}

function bytesOf(array: Uint16Array | Uint32Array): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}
