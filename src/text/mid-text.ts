/**
 * Encoding a text that goes on from another. Some tokenizers put a space in front of whatever they encode, as at the beginning of a whole text;
 * then something is encoded in front, and its tokens are taken off again.
 * @module
 */
import type { TextTokenizer } from './text-tokenizer.ts';

/** What may stand in front, and most tokens that it comes to: one of them does not grow together with the text behind it. */
const ANCHORS = [
  ['', 0],
  ['\n', 3],
  ['a', 3],
] as const;

/**
 * Ids that spell the text exactly, as a continuation.
 * @returns undefined where the tokenizer cannot: it changes texts, or has no tokens for this one
 * @example encodeMidText(llama2, 'tree'); // the ids of "t", "ree" and not of " tree"
 */
export function encodeMidText(tokenizer: TextTokenizer, text: string): Int32Array | undefined {
  for (const [anchor, most] of ANCHORS) {
    const ids = tokenizer.encode(anchor + text);
    for (let first = anchor === '' ? 0 : 1; first <= most; first++) {
      const rest = ids.subarray(first);
      if (textOf(tokenizer, rest) === text) return rest;
    }
  }
  return undefined;
}

/** Text of ids that go on from others: unlike `decode` it keeps a space in front. U+FFFD stands for an unfinished character at the end. */
export function textOf(tokenizer: TextTokenizer, ids: Iterable<number>): string {
  const detokenizer = tokenizer.detokenizer();
  let text = '';
  for (const id of ids) text += detokenizer.push(id);
  return text + detokenizer.flush();
}
