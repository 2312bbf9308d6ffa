/**
 * Prompt lookup as it was published, to set beside the one of src/draft: the leftmost earlier place of the text's last 3 tokens, else 2, else 1, and the
 * tokens after it as a chain.
 * Source: "Prompt Lookup Decoding", A. Saxena, 2023; 10 tokens there. Unlike the original a chain may be shorter where the text ends, as in
 * Hugging Face's version.
 * @module
 */
import type { Drafter, StepRecord } from '../../src/draft/drafter.ts';
import { chain, type DraftTree } from '../../src/tree/draft-tree.ts';

const LONGEST_NGRAM = 3;

export class PublishedLookup implements Drafter {
  readonly name = 'published-lookup';
  #text: readonly number[] = [];

  begin(prompt: Int32Array): void {
    this.#text = Array.from(prompt);
  }

  observe({ history }: StepRecord): void {
    this.#text = history;
  }

  propose(budget: number): DraftTree {
    const text = this.#text;
    const root = text[text.length - 1]!;
    for (let length = Math.min(LONGEST_NGRAM, text.length - 1); length > 0; length--) {
      const last = text.slice(text.length - length);
      for (let at = 0; at + length < text.length; at++) {
        if (last.every((token, i) => text[at + i] === token)) {
          return chain([root, ...text.slice(at + length, at + length + budget - 1)]);
        }
      }
    }
    return chain([root]);
  }
}
