/**
 * Lookahead: drafts n-grams that the target itself wrote while it guessed ahead in parallel (Jacobi iterations).
 * Source: "Break the Sequential Dependency of LLM Inference Using Lookahead Decoding", Fu et al., 2024, arXiv 2402.02057.
 *
 * The paper adds a window of guesses to the target's batch, with positions and a mask of its own. That window is a tree, and so fits into the
 * draft tree as it is: level 0 is a trunk below the pending token, and the levels of each column hang from the trunk's token.
 *
 *      column   0        1        2            position of (level l, column c) = root + c + l = depth in this tree
 *      level 0  root ─── a1 ───── a2           what it sees = its ancestors: columns 0..c of level 0, levels 1..l of its column
 *      level 1  └── b0   └── b1   └── b2
 *      level 2      └── c0   └── c1   └── c2   the target's argmax here is the next token of each column's n-gram
 *
 * After a pass every column gives an n-gram: its tokens, and the argmax at its last one. The pool keeps some for each first token; those of the
 * pending token are the guesses of the next tree. Then the columns move up by a level. As trunk and columns are nodes like any other, a token of
 * the window that the target agrees with is accepted, too: never less than the paper, which throws the window away.
 *
 * Differences: a budget that is too small for window and guesses is halved between them, and shows the first columns only; all columns start
 * with one token of the prompt each and grow a level in each pass, guesses are verified from the first pass on.
 * @module
 */
import { childWith, type DraftTree } from '../tree/draft-tree.ts';
import { TreeBuilder } from '../tree/tree-builder.ts';
import type { Drafter, Outlook, StepRecord } from './drafter.ts';
import { NgramPool } from './ngram-pool.ts';

export interface LookaheadOptions {
  /** Tokens of an n-gram, its first one included (N of the paper); default 5. 2..16 */
  readonly ngram?: number;
  /** Columns (W); default 7. 1..64 */
  readonly window?: number;
  /** Guesses kept for each first token (G); default 7. 1..64 */
  readonly guesses?: number;
}

/**
 * An n-gram of the pool is right about one time in two or three; a token of the window hardly ever, but a scheduler that cuts it off ends the
 * learning, so it has the score of a poor guess.
 */
const GUESS_SCORE = 0.4;
const WINDOW_SCORE = 0.1;
const SEED = 0x2545f491;

export class Lookahead implements Drafter {
  readonly name = 'lookahead';
  readonly #ngram: number;
  readonly #window: number;
  readonly #pool: NgramPool;
  readonly #tree = new TreeBuilder();
  /** Tokens of each column, its level 0 first; that of column 0 is the root, whatever stands there. */
  readonly #columns: number[][] = [];
  #root = 0;

  /** @param vocab of the target */
  constructor(vocab: number, { ngram = 5, window = 7, guesses = 7 }: LookaheadOptions = {}) {
    this.#ngram = Math.min(16, Math.max(2, ngram));
    this.#window = Math.min(64, Math.max(1, window));
    this.#pool = new NgramPool(vocab, this.#ngram - 1, Math.min(64, Math.max(1, guesses)));
  }

  /** Memory of the drafter, bytes: nearly all of it is the pool. */
  static bytes(vocab: number, { ngram = 5, guesses = 7 }: LookaheadOptions = {}): number {
    return NgramPool.bytes(vocab, ngram - 1, guesses);
  }

  /** The n-grams that would be guessed after a token, each without it, newest first. */
  guesses(token: number): Int32Array[] {
    return this.#pool.after(token);
  }

  /** The pool stays: it is what the target has written, in any text. */
  begin(prompt: Int32Array): void {
    this.#root = prompt[prompt.length - 1]!;
    let random = SEED;
    this.#columns.length = 0;
    for (let column = 0; column < this.#window; column++) {
      random = (Math.imul(random, 1664525) + 1013904223) >>> 0; // of Numerical Recipes: any token of the prompt will do
      this.#columns.push([prompt[Math.floor((random / 4294967296) * prompt.length)]!]);
    }
  }

  outlook(): Outlook | undefined {
    const token = this.#pool.newest(this.#root);
    return token < 0 ? undefined : { token, score: GUESS_SCORE };
  }

  propose(budget: number): DraftTree {
    const tree = this.#tree;
    tree.start(this.#root, budget);
    const guesses = this.#pool.after(this.#root);
    const room = budget - 1;
    const windowNodes = this.#window - 1 + this.#window * (this.#ngram - 2);
    const guessNodes = guesses.length * (this.#ngram - 1);
    const forGuesses = Math.min(guessNodes, Math.max(room - windowNodes, room >> 1));
    for (const guess of guesses) {
      let node = 0;
      for (let i = 0; i < guess.length && tree.size - 1 < forGuesses; i++)
        node = tree.add(node, guess[i]!, GUESS_SCORE);
    }
    this.#addWindow();
    return tree.build();
  }

  observe({ tree, emitted, rows }: StepRecord): void {
    let trunk = 0;
    for (let c = 0; c < this.#window && trunk >= 0; c++) {
      const column = this.#columns[c]!;
      if (c === 0) column[0] = this.#root;
      else trunk = childWith(tree, trunk, column[0]!);
      let node = trunk;
      for (let level = 1; level < column.length && node >= 0; level++) node = childWith(tree, node, column[level]!);
      // A column that was cut off, for want of room or by a scheduler, waits for the next pass.
      if (node < 0) continue;
      column.push(rows.argmax(node));
      if (column.length < this.#ngram) continue;
      // The root has taken the place of what column 0 was written after: its n-gram is the target's if its first step is.
      if (c > 0 || rows.argmax(0) === column[1]) this.#pool.add(column);
      column.shift();
    }
    this.#root = emitted[emitted.length - 1]!;
  }

  /** Whole columns, the first ones first: a column without its last level could learn nothing. */
  #addWindow(): void {
    const tree = this.#tree;
    let trunk = 0;
    for (let c = 0; c < this.#window; c++) {
      const column = this.#columns[c]!;
      if (c > 0) trunk = tree.add(trunk, column[0]!, WINDOW_SCORE);
      let node = trunk;
      for (let level = 1; level < column.length && node >= 0; level++)
        node = tree.add(node, column[level]!, WINDOW_SCORE);
      if (node < 0) return;
    }
  }
}
