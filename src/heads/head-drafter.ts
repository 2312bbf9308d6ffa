/**
 * A draft head as a drafter. After every step it takes the target's hidden state of the last accepted node, from which, with the token that the target chose
 * there, the next tree grows.
 *
 *   target has read   ... x(t)      h(t) is known
 *   root                    x(t+1)  chosen by the target, not read yet
 *   head i guesses                  x(t+2+i), a token at depth i + 1
 *
 * The first guess is made at once: it is what `outlook` tells, and its time counts as learning, so that `auto` lets a head rest that does not pay.
 * @module
 */
import type { Drafter, Outlook, PrefillRecord, StepRecord } from '../draft/drafter.ts';
import { ForetokenError } from '../errors.ts';
import type { TargetRows } from '../model/target.ts';
import { type DraftTree, rootOnly } from '../tree/draft-tree.ts';
import type { HeadKind } from './format.ts';
import type { Head, HeadNode } from './head.ts';
import type { Guess } from './head-passes.ts';
import type { PrefixLayer } from './prefix-layer.ts';
import type { GrowTree } from './trees.ts';

/** What a drafter is made of. */
export interface HeadParts {
  readonly kind: HeadKind;
  readonly head: Head;
  /** Hydra++ only. */
  readonly prefix: PrefixLayer | undefined;
  /** How many ranks the head can be asked for. */
  readonly mostRanks: number;
  readonly grow: GrowTree;
  /** Linear memory reserved, bytes. */
  readonly bytes: number;
  readonly dispose: () => void;
}

export class HeadDrafter implements Drafter {
  readonly name: HeadKind;
  /** Linear memory of the head, bytes. */
  readonly bytes: number;
  /** Ends its threads; the memory is garbage once the drafter is. */
  readonly dispose: () => void;
  readonly #head: Head;
  readonly #prefix: PrefixLayer | undefined;
  readonly #mostRanks: number;
  readonly #grow: GrowTree;
  /** Position of the token whose hidden state the head has, while no guess has been made from it. */
  #position: number | undefined;
  #root = rootNode(0);
  /** The guess below the root; undefined where there is no hidden state to guess from. */
  #first: Guess | undefined;

  /** Use `loadHead`. */
  constructor({ kind, head, prefix, mostRanks, grow, bytes, dispose }: HeadParts) {
    this.name = kind;
    this.bytes = bytes;
    this.dispose = dispose;
    this.#head = head;
    this.#prefix = prefix;
    this.#mostRanks = mostRanks;
    this.#grow = grow;
  }

  prefill({ prompt, start, count, rows }: PrefillRecord): void {
    this.#take(this.#statesOf(rows, count), prompt, start, count);
  }

  begin(prompt: Int32Array): void {
    // What was read last belongs to this text only if it has just been read, up to the root.
    this.#follow(prompt);
  }

  propose(budget: number): DraftTree {
    if (!this.#first || budget < 2) return rootOnly(this.#root.token);
    return this.#grow(this.#head.guess, this.#root, this.#first, budget);
  }

  outlook(): Outlook | undefined {
    return this.#first && { token: this.#first.tokens[0]!, score: Math.min(1, this.#first.probs[0]!) };
  }

  observe({ tree, path, history, rows }: StepRecord): void {
    const { length } = this.#head.hidden;
    const all = this.#statesOf(rows, tree.tokens.length);
    const states = new Float32Array(path.length * length);
    for (const [i, node] of path.entries()) states.set(all.subarray(node * length, (node + 1) * length), i * length);
    this.#take(states, history, history.length - 1 - path.length, path.length);
    this.#follow(history);
  }

  /** @param states (count, D) hidden states of positions `start`... of a text */
  #take(states: Float32Array, text: ArrayLike<number>, start: number, count: number): void {
    const { hidden } = this.#head;
    hidden.set(this.#prefix ? this.#prefix.read(states, text, start, count) : states.subarray(-hidden.length));
    this.#position = start + count - 1;
  }

  /** The next root is the last of these tokens. */
  #follow(tokens: ArrayLike<number>): void {
    this.#root = rootNode(tokens[tokens.length - 1]!);
    const isFresh = this.#position === tokens.length - 2;
    this.#position = undefined;
    this.#first = isFresh ? this.#head.guess(0, [this.#root], this.#mostRanks)[0] : undefined;
  }

  /** @throws {ForetokenError} `heads.target` for a target that tells no hidden states, or others than the head was made for */
  #statesOf(rows: TargetRows, count: number): Float32Array {
    const states = rows.normed?.();
    if (states?.length === count * this.#head.hidden.length) return states;
    throw new ForetokenError(
      'heads.target',
      'this head drafts for another model: use it with the one that it was loaded for',
    );
  }
}

function rootNode(token: number): HeadNode {
  return { token, parent: undefined, score: 1, joint: 1 };
}
