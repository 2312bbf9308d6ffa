/**
 * A text in the target's tokens, as a draft model of another vocabulary reads it: what is before the root of every tree. Which of the draft model's tokens
 * they are changes no token of the output, only how well it guesses.
 * @module
 */
import { encodeMidText, textOf } from '../text/mid-text.ts';
import type { TextTokenizer } from '../text/text-tokenizer.ts';
import type { SharedTokens, Vocabularies } from './shared-tokens.ts';

export interface Translation {
  /**
   * The draft model's tokens of a text. Texts that go on from the one before are cheap.
   * @param history of the target
   * @returns undefined where there are none: a text that ends inside a character
   */
  translate(history: readonly number[]): Int32Array | undefined;
}

/** Where shared tokens have the same ids. Others, such as marks of chats that one of the two lacks, are encoded by their text. */
export function translationById(
  { toDraft }: SharedTokens,
  target: TextTokenizer | undefined,
  draft: TextTokenizer | undefined,
): Translation {
  const others = (token: number) => (target && draft ? Array.from(draft.encode(textOf(target, [token]))) : []);
  return {
    translate(history) {
      const tokens = Int32Array.from(history, (token) => toDraft[token]!);
      if (!tokens.includes(-1)) return tokens;
      const found = history.flatMap((token, i) => (tokens[i]! >= 0 ? tokens[i]! : others(token)));
      return found.length > 0 ? Int32Array.from(found) : undefined;
    },
  };
}

/** Tokens that are encoded together, and those of them that stay when there are more: what comes may change how they are cut. */
const TAIL = { most: 256, kept: 64 } as const;

/**
 * By text, wherever vocabularies differ: a cursor on the target's tokens, with the draft model's tokens up to it.
 *
 *   target   │ the  qu ick  bro wn │ fox  jum ps     both have a boundary in front of the tail;
 *   draft    │ the   quick  brown  │ fox  jumps      behind it the text is encoded anew at each step
 *             ◄──── settled ──────► ◄── tail ──►
 *
 * Where the boundary lies is a function of the text alone, so that a text is always translated alike, and the draft model's cache is of use.
 */
export class TranslationByText implements Translation {
  readonly #target: TextTokenizer;
  readonly #draft: TextTokenizer;
  readonly #toDraft: Int32Array;
  readonly #special: ReadonlySet<number>;
  /** Spaces that the target's tokenizer puts in front of a whole text. */
  readonly #leading: string;
  /** The target's tokens that have been taken in. */
  #taken: number[] = [];
  #settled: number[] = [];
  #tail: number[] = [];
  /** Whether no text has been settled yet. */
  #isStart = true;

  constructor({ target, draft, shared }: Vocabularies) {
    this.#target = target;
    this.#draft = draft;
    this.#toDraft = shared.toDraft;
    this.#special = new Set(target.addedTokens.flatMap(({ special, id }) => (special ? [id] : [])));
    this.#leading = /^ */.exec(textOf(target, target.encode('a')))![0];
    this.#clear();
  }

  translate(history: readonly number[]): Int32Array | undefined {
    const goesOn = this.#taken.length <= history.length && this.#taken.every((token, i) => token === history[i]);
    if (!goesOn) this.#clear();
    for (let i = this.#taken.length; i < history.length; i++) this.#take(history[i]!);
    const text = textOf(this.#target, this.#tail);
    // A character that is not finished, or bytes that are no text.
    if (text.endsWith('\ufffd')) return undefined;
    const end = this.#encode(text);
    const tokens = new Int32Array(this.#settled.length + end.length);
    tokens.set(this.#settled);
    tokens.set(end, this.#settled.length);
    return tokens.length > 0 ? tokens : undefined;
  }

  #clear(): void {
    this.#taken = [];
    this.#settled = [...this.#draft.prefix];
    this.#tail = [];
    this.#isStart = true;
  }

  #take(token: number): void {
    const place = this.#taken.push(token) - 1;
    // What the target sees in front of a text the draft model has in its own way.
    if (this.#target.prefix[place] === token && place < this.#target.prefix.length) return;
    if (this.#special.has(token)) {
      this.#settle(this.#tail.length);
      const same = this.#toDraft[token]!;
      this.#settled.push(...(same >= 0 ? [same] : this.#encode(textOf(this.#target, [token]))));
      this.#isStart = false;
      return;
    }
    this.#tail.push(token);
    if (this.#tail.length === TAIL.most) this.#settle(this.#boundary());
  }

  /** Tokens of the tail up to the last word that begins where enough is kept behind it; where there is no word, up to the last whole character. */
  #boundary(): number {
    const last = TAIL.most - TAIL.kept;
    const places = Array.from({ length: last - TAIL.kept }, (_, i) => last - i);
    const alone = (place: number) => textOf(this.#target, [this.#tail[place]!]);
    const isWord = (place: number) => /^ [^\s\ufffd]/.test(alone(place)) && /[^\s\ufffd]$/.test(alone(place - 1));
    const isWhole = (place: number) => !textOf(this.#target, this.#tail.slice(0, place)).endsWith('\ufffd');
    return places.find(isWord) ?? places.find(isWhole) ?? last;
  }

  /** Encodes the first tokens of the tail for good. */
  #settle(count: number): void {
    if (count === 0) return;
    this.#settled.push(...this.#encode(textOf(this.#target, this.#tail.slice(0, count))));
    this.#tail = this.#tail.slice(count);
    this.#isStart = false;
  }

  #encode(text: string): ArrayLike<number> & Iterable<number> {
    if (!this.#isStart) return encodeMidText(this.#draft, text) ?? this.#draft.encode(text);
    return this.#draft.encode(text.startsWith(this.#leading) ? text.slice(this.#leading.length) : text);
  }
}
