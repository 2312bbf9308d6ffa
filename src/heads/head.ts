/**
 * A draft head at work: from the target's hidden state and the tokens of a path to the likeliest next ones.
 * @module
 */
import { MAX_TOP_K } from '../model/memory-plan.ts';
import type { HeadConfig } from './format.ts';
import { MOST_ROWS } from './head-plan.ts';
import type { Guess, HeadPasses } from './head-passes.ts';

/** A node of a tree that a head grows. */
export interface HeadNode {
  /** The target's id. */
  readonly token: number;
  /** Undefined for the root. */
  readonly parent: HeadNode | undefined;
  /** Estimates that the target chooses this node: once it is at the parent, and from the root on. */
  readonly score: number;
  readonly joint: number;
  /** (D,) recurrent state after this node, once it has been read. */
  state?: Float32Array;
}

/** What can be asked of a head. */
export interface GuessLimits {
  /** Levels that it guesses: K. */
  readonly depth: number;
  /** Most ranks of a guess. */
  readonly mostRanks: number;
  /** (K, ranks) see format.ts. */
  readonly accuracy: HeadConfig['accuracy'];
}

/**
 * The likeliest tokens below each of some nodes of one level.
 * @param level of the nodes: 0 for the root, below `depth`
 * @param ranks 1..mostRanks
 */
export type GuessBelow = (level: number, nodes: readonly HeadNode[], ranks: number) => Guess[];

/** What a kind of head reads. One file each. */
export interface HeadInput {
  /** Whether it reads nothing of the tokens: then all nodes of a level have the same guess. */
  readonly isIndependent: boolean;
  /** Which of the head's mlps guesses below a level. */
  mlpOf(level: number): number;
  /**
   * Writes what is read of at most MOST_ROWS nodes of a level.
   * @param hidden (D,) the target's hidden state before the root
   */
  write(passes: HeadPasses, hidden: Float32Array, level: number, nodes: readonly HeadNode[]): void;
}

export function limitsOf({ heads, accuracy, draftVocab, vocab }: HeadConfig): GuessLimits {
  return { depth: heads, accuracy, mostRanks: Math.min(MAX_TOP_K, draftVocab ?? vocab) };
}

export class Head {
  /** What all guesses start from: (D,) the target's hidden state of the last token before the root, or what a prefix layer makes of it. */
  readonly hidden: Float32Array;
  readonly #passes: HeadPasses;
  readonly #input: HeadInput;

  constructor(hidden: number, passes: HeadPasses, input: HeadInput) {
    this.hidden = new Float32Array(hidden);
    this.#passes = passes;
    this.#input = input;
  }

  readonly guess: GuessBelow = (level, nodes, ranks) => {
    const input = this.#input;
    const read = input.isIndependent ? nodes.slice(0, 1) : nodes;
    const guesses: Guess[] = [];
    for (let first = 0; first < read.length; first += MOST_ROWS) {
      const batch = read.slice(first, first + MOST_ROWS);
      input.write(this.#passes, this.hidden, level, batch);
      guesses.push(...this.#passes.guess(input.mlpOf(level), batch.length, ranks));
    }
    return input.isIndependent ? nodes.map(() => guesses[0]!) : guesses;
  };
}
