/**
 * Suffix automaton: drafts what followed the longest end of the text that occurred before, however long ago, and only where it is long.
 * Source: "SAM Decoding: Speculative Decoding via Suffix Automaton", Hu et al., 2024, arXiv 2411.10666: the automaton over prompt and output.
 *
 * The gate of the paper, a chain where the match is long and another drafter where it is not, is made of two things that exist: this drafter has
 * no guess below `shortest`, and a list of drafters asks the next ones unless the first is sure. As in the paper the occurrence is the first one,
 * and a match with too little text behind it gives way to the next shorter one.
 * @module
 */
import type { DraftTree } from '../tree/draft-tree.ts';
import { TreeBuilder } from '../tree/tree-builder.ts';
import type { Drafter, Outlook, StepRecord } from './drafter.ts';
import { matchScore } from './match-score.ts';
import { SuffixAutomaton } from './suffix-automaton.ts';

export interface AutomatonOptions {
  /** Tokens that must agree before anything is drafted; default 5, as in the paper. */
  readonly shortest?: number;
}

const SHORTEST = 5;

export class Automaton implements Drafter {
  readonly name = 'automaton';
  readonly #text: SuffixAutomaton;
  readonly #shortest: number;
  readonly #tree = new TreeBuilder();

  /** @param context most tokens of prompt and output that the target's cache holds; the output may be one longer */
  constructor(context: number, { shortest = SHORTEST }: AutomatonOptions = {}) {
    this.#text = new SuffixAutomaton(context + 1);
    this.#shortest = Math.max(1, shortest);
  }

  /** Memory of the drafter, bytes. */
  static bytes(context: number): number {
    return SuffixAutomaton.bytes(context + 1);
  }

  begin(prompt: Int32Array): void {
    this.#text.clear();
    for (const token of prompt) this.#text.append(token);
  }

  outlook(): Outlook | undefined {
    const text = this.#text;
    const length = text.lengthOf(text.match);
    return length < this.#shortest
      ? undefined
      : { token: text.token(text.nextOf(text.match)), score: matchScore(length) };
  }

  propose(budget: number): DraftTree {
    const text = this.#text;
    const tree = this.#tree;
    tree.start(text.token(text.length - 1), budget);
    const state = this.#longEnough(budget - 1);
    const length = text.lengthOf(state);
    if (length < this.#shortest) return tree.build();
    let node = 0;
    const next = text.nextOf(state);
    for (let depth = 0; depth < budget - 1 && next + depth < text.length; depth++) {
      node = tree.add(node, text.token(next + depth), matchScore(length + depth));
    }
    return tree.build();
  }

  observe({ emitted }: StepRecord): void {
    for (const token of emitted) this.#text.append(token);
  }

  /** The longest match with `wanted` tokens behind its first occurrence, or else, of those that are long enough, the one with most. */
  #longEnough(wanted: number): number {
    const text = this.#text;
    let best = text.match;
    for (let state = best; text.lengthOf(state) >= this.#shortest; state = text.shorter(state)) {
      if (text.nextOf(state) < text.nextOf(best)) best = state;
      if (text.length - text.nextOf(best) >= wanted) break;
    }
    return best;
  }
}
