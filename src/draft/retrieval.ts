/**
 * Retrieval: drafts what followed the text's last tokens in a store of the user's own text.
 * Source: "REST: Retrieval-Based Speculative Decoding", He et al., 2024, arXiv 2311.08252.
 *
 *   longest known end of the text, 16 tokens down to 2  ->  its places in the store, 32 of them at most, spread over all
 *   10 tokens from each place on, not beyond its document  ->  a tree of counts  ->  its most frequent paths
 *
 * A node's score is its share of the continuations that came to its parent, times how often a match of that length is right (match-score.ts). In
 * a list of drafters its tree is fused with theirs by common beginnings; `Fused` also prunes it by what another one thinks.
 *
 * Differences from the paper: 32 places instead of 5000, as each may be a read from disk; scores instead of a cut at 64 paths.
 * @module
 */
import { takeBest } from '../tree/best-first.ts';
import type { DraftTree } from '../tree/draft-tree.ts';
import { TreeBuilder } from '../tree/tree-builder.ts';
import { BlockMiss } from '../store/block-cache.ts';
import { DEPTH } from '../store/format.ts';
import type { TextStore } from '../store/store.ts';
import { ForetokenError } from '../errors.ts';
import type { Drafter, Outlook, StepRecord } from './drafter.ts';
import { matchScore } from './match-score.ts';

export interface RetrievalOptions {
  /** Tokens that must agree before anything is drafted; default 2. 1..16 */
  readonly shortest?: number;
}

/** Places that are looked at, of all that the text's end has. */
const PLACES = 32;
/** Tokens that are read from each. */
const CONTINUATION = 10;
/** Paths less likely than this are not drafted, as in lookup.ts. */
const LEAST_JOINT = 0.02;

/** What the store has to say at one place of the text. */
interface Retrieved {
  /** Tokens that agree. */
  readonly length: number;
  /** Continuations, each as far as its document goes. */
  readonly texts: readonly (readonly number[])[];
}

interface Leaf {
  readonly node: number;
  readonly depth: number;
  readonly joint: number;
  readonly texts: Retrieved['texts'];
}

const NOTHING: Retrieved = { length: 0, texts: [] };

export class Retrieval implements Drafter {
  readonly name = 'store';
  readonly #store: TextStore;
  readonly #shortest: number;
  readonly #tree = new TreeBuilder();
  /** The last DEPTH tokens, or fewer. */
  #end: readonly number[] = [];
  /** What was found for `#end`, once it was. */
  #retrieved: Retrieved | undefined;

  constructor(store: TextStore, { shortest = 2 }: RetrievalOptions = {}) {
    this.#store = store;
    this.#shortest = Math.min(DEPTH, Math.max(1, shortest));
  }

  begin(prompt: Int32Array): void {
    this.#moveTo(prompt);
  }

  /** Where the store must be read first, that begins, and there is no outlook yet. */
  outlook(): Outlook | undefined {
    if (!this.#retrieved) {
      const end = this.#end;
      const result = this.#store.attempt(() => this.#retrieve(end));
      if (result instanceof BlockMiss) {
        // What fails here fails again where it is needed, and is reported there.
        Promise.resolve(this.#store.run(() => this.#retrieve(end))).catch(() => {});
        return undefined;
      }
      this.#retrieved = result;
    }
    const { length, texts } = this.#retrieved;
    const [best] = counted(texts, 0);
    return best && { token: best.token, score: (best.texts.length / texts.length) * matchScore(length) };
  }

  propose(budget: number): DraftTree | Promise<DraftTree> {
    const end = this.#end;
    const root = end[end.length - 1]!;
    if (this.#retrieved) return this.#grow(root, this.#retrieved, budget);
    const result = this.#store.run(() => this.#retrieve(end));
    if (!(result instanceof Promise)) return this.#grow(root, (this.#retrieved = result), budget);
    return result.then((retrieved) => this.#grow(root, retrieved, budget));
  }

  observe({ emitted, history }: StepRecord): void {
    if (emitted.length > 0) this.#moveTo(history);
  }

  /** @throws {ForetokenError} `store.vocab` for a text that the store's model cannot have written */
  #moveTo(text: ArrayLike<number>): void {
    const start = Math.max(0, text.length - DEPTH);
    this.#end = Array.from({ length: text.length - start }, (_, i) => text[start + i]!);
    this.#retrieved = undefined;
    const foreign = this.#end.find((token) => token >= this.#store.vocab);
    if (foreign !== undefined) {
      const message = `token ${foreign} in a store of ${this.#store.vocab}: it was made with another model`;
      throw new ForetokenError('store.vocab', message);
    }
  }

  #retrieve(end: readonly number[]): Retrieved {
    const store = this.#store;
    const { length, from, to } = store.find(end);
    if (length < this.#shortest) return NOTHING;
    const count = Math.min(PLACES, to - from);
    const texts = Array.from({ length: count }, (_, i) => {
      const position = store.place(from + Math.floor((i * (to - from)) / count));
      const text: number[] = [];
      while (text.length < CONTINUATION) {
        const token = store.tokenAt(position + text.length);
        if (token < 0) break;
        text.push(token);
      }
      return text;
    });
    return { length, texts };
  }

  #grow(root: number, { length, texts }: Retrieved, budget: number): DraftTree {
    const tree = this.#tree;
    tree.start(root, budget);
    const leaves: Leaf[] = [{ node: 0, depth: 0, joint: 1, texts }];
    while (leaves.length > 0 && !tree.full) {
      const { node, depth, joint, texts } = takeBest(leaves);
      for (const { token, texts: going } of counted(texts, depth)) {
        const score = (going.length / texts.length) * matchScore(length + depth);
        if (joint * score < LEAST_JOINT) break;
        const child = tree.add(node, token, score);
        if (child < 0) break;
        leaves.push({ node: child, depth: depth + 1, joint: joint * score, texts: going });
      }
    }
    return tree.build();
  }
}

/** The tokens at one depth of some continuations, with those that have each: most first, of equal ones the first. */
function counted(
  texts: Retrieved['texts'],
  depth: number,
): { readonly token: number; readonly texts: (readonly number[])[] }[] {
  const byToken = new Map<number, (readonly number[])[]>();
  for (const text of texts) {
    if (depth >= text.length) continue;
    const others = byToken.get(text[depth]!);
    if (others) others.push(text);
    else byToken.set(text[depth]!, [text]);
  }
  return Array.from(byToken, ([token, texts]) => ({ token, texts })).sort((a, b) => b.texts.length - a.texts.length);
}
