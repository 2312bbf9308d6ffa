/**
 * ADED: drafts from tri-grams of what was read, weighted towards what is being written, by a tree search.
 * Source: "Adaptive Draft-Verification for Efficient Large Language Model Decoding", Liu et al., 2024, arXiv 2407.12021.
 *
 *   begin    the prompt is the corpus: its tri-grams are counted. The table lives as long as the drafter, so earlier texts help later ones
 *   observe  each tri-gram of the last 16 tokens weighs 0.04 more, 3 at most; so it is weighed in several steps, as long as it is among them
 *   propose  the search visits likely paths of 3 tokens; the 24 most visited ones, each with its likeliest next token, become a tree
 *
 * Differences from the paper: proposing changes no weight, so proposing twice is proposing once; a full tree ends the paths, where the paper's code
 * drops paths whose tokens it counts twice; the table has a fixed size and forgets; without a guess there is no dummy token.
 * @module
 */
import type { DraftTree } from '../tree/draft-tree.ts';
import { TreeBuilder } from '../tree/tree-builder.ts';
import type { Drafter, Outlook, StepRecord } from './drafter.ts';
import { type Reward, TrigramSearch } from './trigram-search.ts';
import { TrigramTable } from './trigram-table.ts';

export interface AdedOptions {
  /** What the search is rewarded for; default `intended`. `published` repeats the fault of the authors' code, for comparison. */
  readonly reward?: Reward;
  /** The table keeps 2^bits pairs of tokens; default 14, of 2.7 MB. 4..20 */
  readonly bits?: number;
}

const BITS = 14;
const PATHS = 24;
/** Tokens whose tri-grams weigh more after each step, and how much. */
const WINDOW = 16;
const STEP = 0.04;
const SEED = 0x9e3779b1;

export class Aded implements Drafter {
  readonly name = 'aded';
  readonly #table: TrigramTable;
  readonly #search: TrigramSearch;
  readonly #tree = new TreeBuilder();
  #before = -1;
  #last = 0;

  constructor({ reward = 'intended', bits = BITS }: AdedOptions = {}) {
    this.#table = new TrigramTable(Math.min(20, Math.max(4, bits)));
    this.#search = new TrigramSearch(this.#table, reward);
  }

  /** Memory of the drafter, bytes. */
  static bytes(bits = BITS): number {
    return TrigramTable.bytes(bits) + TrigramSearch.bytes;
  }

  /** Counts the tri-grams of a text. */
  learn(tokens: ArrayLike<number>): void {
    for (let i = 2; i < tokens.length; i++) this.#table.count(tokens[i - 2]!, tokens[i - 1]!, tokens[i]!);
  }

  /** Weight of a tri-gram: its share of what was counted after the pair, and 0.04 for each step; 0 when it is not known. */
  weight(a: number, b: number, c: number): number {
    return this.#table.weightOf(a, b, c);
  }

  begin(prompt: Int32Array): void {
    this.learn(prompt);
    this.#moveTo(prompt);
    this.#search.restart(SEED);
  }

  outlook(): Outlook | undefined {
    const pair = this.#table.find(this.#before, this.#last);
    const best = pair < 0 ? -1 : this.#heaviest(pair);
    return best < 0 ? undefined : { token: this.#table.token(best), score: this.#score(pair, best) };
  }

  propose(budget: number): DraftTree {
    const table = this.#table;
    const search = this.#search;
    const tree = this.#tree;
    tree.start(this.#last, budget);
    if (budget < 2 || table.find(this.#before, this.#last) < 0) return tree.build();
    search.run(this.#before, this.#last);
    // The place of each search node that is in the tree: a path's beginning is visited no less than the path, so it is there already.
    const places = new Map([[0, 0]]);
    for (const node of search.visited().slice(0, PATHS)) {
      const parent = search.parent(node);
      const place = this.#grow(places.get(parent)!, search.first(parent), search.first(node), search.entry(node));
      if (place < 0) break;
      places.set(node, place);
      const pair = table.find(search.first(node), search.second(node));
      const next = pair < 0 ? -1 : this.#heaviest(pair);
      if (next >= 0) this.#grow(place, search.first(node), search.second(node), next);
    }
    return tree.build();
  }

  observe({ emitted, history }: StepRecord): void {
    const start = Math.max(0, history.length - WINDOW);
    for (let i = start + 2; i < history.length; i++) {
      this.#table.bump(history[i - 2]!, history[i - 1]!, history[i]!, STEP);
    }
    if (emitted.length > 0) this.#moveTo(history);
  }

  #moveTo(text: ArrayLike<number>): void {
    this.#before = text[text.length - 2] ?? -1;
    this.#last = text[text.length - 1]!;
  }

  /** Adds the successor `entry` of the pair (a, b) below a node. @returns its place, or -1 when the tree is full */
  #grow(parent: number, a: number, b: number, entry: number): number {
    return this.#tree.add(parent, this.#table.token(entry), this.#score(this.#table.find(a, b), entry));
  }

  /** The heaviest successor of a pair, of equal ones the lowest id; -1 without any. */
  #heaviest(pair: number): number {
    const table = this.#table;
    let best = -1;
    for (let i = 0; i < table.size(pair); i++) {
      const entry = table.entry(pair, i);
      const heavier = best < 0 ? 1 : table.weight(entry) - table.weight(best) || table.token(best) - table.token(entry);
      if (heavier > 0) best = entry;
    }
    return best;
  }

  /** Share of the weight after a pair, less the share of one observation more: a pair seen once is a guess. */
  #score(pair: number, entry: number): number {
    const table = this.#table;
    let total = 0;
    for (let i = 0; i < table.size(pair); i++) total += table.weight(table.entry(pair, i));
    const evidence = table.evidence(pair);
    return total > 0 ? ((table.weight(entry) / total) * evidence) / (evidence + 1) : 0;
  }
}
