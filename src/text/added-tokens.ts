/**
 * Tokens that are found in the text as a whole, before it is cut into pieces: special ones (`<|endoftext|>`) and others.
 * @module
 */
import { kindAt, SPACE } from './unicode.ts';

/** One entry of `added_tokens`. */
export interface AddedToken {
  readonly id: number;
  /** 1..128 UTF-16 units. */
  readonly content: string;
  /** A mark of the model's, not text: found in a text only where the caller allows it. */
  readonly special: boolean;
  /** Is looked for after normalisation, in what the other tokens left. */
  readonly normalized: boolean;
  /** Swallows the white space on its left. */
  readonly lstrip: boolean;
  /** Swallows the white space on its right. */
  readonly rstrip: boolean;
}

/** A node of the trie over UTF-16 units. */
interface TrieNode {
  readonly next: Map<number, TrieNode>;
  token: AddedToken | undefined;
}

const newNode = (): TrieNode => ({ next: new Map(), token: undefined });

/** Finds tokens from left to right, the longest at each place. A place costs at most the length of the longest token. */
export class AddedTokenFinder {
  readonly #root = newNode();

  constructor(tokens: Iterable<AddedToken>) {
    for (const token of tokens) {
      let node = this.#root;
      for (let i = 0; i < token.content.length; i++) {
        const unit = token.content.charCodeAt(i);
        if (!node.next.has(unit)) node.next.set(unit, newNode());
        node = node.next.get(unit)!;
      }
      node.token = token;
    }
  }

  /**
   * Hands the parts of a text, in order, to `onToken` and `onText` (never empty).
   *
   * @param allowed which special tokens are looked for; the spelling of any other is text
   */
  split(
    text: string,
    allowed: (token: AddedToken) => boolean,
    onToken: (token: AddedToken) => void,
    onText: (text: string) => void,
  ): void {
    let done = 0;
    let at = this.#root.next.size === 0 ? text.length : 0;
    while (at < text.length) {
      const token = this.#longest(text, at, allowed);
      if (token === undefined) {
        at++;
        continue;
      }
      let start = at;
      at += token.content.length;
      if (token.lstrip) while (start > done && kindAt(text, start - 1) === SPACE) start--;
      if (token.rstrip) while (kindAt(text, at) === SPACE) at++;
      if (start > done) onText(text.slice(done, start));
      onToken(token);
      done = at;
    }
    if (done < text.length) onText(text.slice(done));
  }

  #longest(text: string, from: number, allowed: (token: AddedToken) => boolean): AddedToken | undefined {
    let found: AddedToken | undefined;
    let node: TrieNode | undefined = this.#root;
    for (let at = from; (node = node.next.get(text.charCodeAt(at))) !== undefined; at++) {
      if (node.token !== undefined && (!node.token.special || allowed(node.token))) found = node.token;
    }
    return found;
  }
}
