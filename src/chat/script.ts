/**
 * A chat as a template writes it out: what the template says, in which special tokens are marks, and what was said, in which nothing is.
 * @module
 */
import type { AddedToken } from '../text/added-tokens.ts';
import { AddedTokenFinder } from '../text/added-tokens.ts';
import type { TextTokenizer } from '../text/text-tokenizer.ts';
import { kindAt, SPACE } from '../text/unicode.ts';
import type { Turn } from './messages.ts';

/** Some text, and whose. */
export interface Piece {
  readonly text: string;
  /** The template's: a special token that it spells is that token. All other text stays text, whatever it spells. */
  readonly isTemplate: boolean;
}

/** Collects pieces in order. */
export class Script {
  readonly #pieces: Piece[] = [];
  /** The message that the answer goes on from, if any. */
  readonly #continued: Turn | undefined;
  /** Pieces up to the end of that message. */
  #end: number | undefined;

  /** @param continued a message after whose content the script ends, whatever the template writes behind it */
  constructor(continued?: Turn) {
    this.#continued = continued;
  }

  /** What the template says. Nothing from a message may be in it but its role. */
  template(text: string): void {
    this.#pieces.push({ text, isTemplate: true });
  }

  /** What anyone else says. */
  text(text: string): void {
    this.#pieces.push({ text, isTemplate: false });
  }

  /** A message's content. @param content where the template changes it */
  content(turn: Turn, content = turn.content): void {
    this.text(content);
    if (turn === this.#continued) this.#end = this.#pieces.length;
  }

  get pieces(): readonly Piece[] {
    return this.#pieces.slice(0, this.#end);
  }
}

/** The pieces as one text: what the reference prints. */
export function scriptText(pieces: readonly Piece[]): string {
  return pieces.map(({ text }) => text).join('');
}

/**
 * Token ids of a script: those that the reference finds in its text with special tokens allowed, unless what was said spells one.
 * Nothing is put in front of it or behind it: the template does that.
 */
export function encodeScript(pieces: readonly Piece[], tokenizer: TextTokenizer): Int32Array {
  const special = tokenizer.addedTokens.filter((token) => token.special);
  const finder = new AddedTokenFinder(special.map((token) => ({ ...token, lstrip: false, rstrip: false })));
  const flags = new Map(special.map((token) => [token.id, token]));
  // Texts side by side are one text to the tokenizer, so they are joined before they are encoded.
  const parts: (string | AddedToken)[] = [];
  const add = (text: string) => {
    if (typeof parts.at(-1) === 'string') parts[parts.length - 1] += text;
    else parts.push(text);
  };
  for (const { text, isTemplate } of pieces) {
    if (isTemplate)
      finder.split(
        text,
        () => true,
        ({ id }) => parts.push(flags.get(id)!),
        add,
      );
    else if (text !== '') add(text);
  }
  const ids: number[] = [];
  for (const [i, part] of parts.entries()) {
    if (typeof part !== 'string') ids.push(part.id);
    else for (const id of tokenizer.encode(stripped(part, parts[i - 1], parts[i + 1]))) ids.push(id);
  }
  return Int32Array.from(ids);
}

/** A text without the white space that the tokens beside it swallow. */
function stripped(
  text: string,
  before: string | AddedToken | undefined,
  after: string | AddedToken | undefined,
): string {
  let [from, to] = [0, text.length];
  if (typeof before === 'object' && before.rstrip) while (from < to && kindAt(text, from) === SPACE) from++;
  if (typeof after === 'object' && after.lstrip) while (to > from && kindAt(text, to - 1) === SPACE) to--;
  return text.slice(from, to);
}
