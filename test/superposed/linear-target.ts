/**
 * A target whose logits are linear in its input: after a prompt, logits are the mean over the mixed tokens of a row of numbers each. What each pass read is
 * kept.
 * @module
 */
import type { LogitRows, Target, TargetRows } from '../../src/model/target.ts';
import { descending, largest } from '../decode/made-up-target.ts';
import type { DraftTree } from '../../src/tree/draft-tree.ts';

/** What a pass read. */
export interface Read {
  readonly tokens: readonly number[];
  readonly weights: readonly number[];
}

export class LinearTarget implements Target {
  readonly vocab: number;
  readonly context: number;
  readonly maxNodes = 16;
  length = 0;
  readonly reads: Read[] = [];
  readonly #table: readonly Float32Array[];
  #pending = 0;

  /** @param table (V, V) logits after each token */
  constructor(table: readonly Float32Array[], context = 64) {
    this.#table = table;
    this.vocab = table.length;
    this.context = context;
  }

  forward(tree: DraftTree, logitRows: LogitRows): TargetRows {
    const last = tree.tokens.length - 1;
    if (logitRows === 'none') this.#check(tree.tokens.length);
    else return this.superpose(tree.tokens.subarray(last), [1]);
    return this.#rows(new Float32Array(0));
  }

  superpose(tokens: Int32Array, weights: ArrayLike<number>): TargetRows {
    this.#check(1);
    this.reads.push({ tokens: [...tokens], weights: Array.from(weights) });
    const logits = new Float32Array(this.vocab);
    tokens.forEach((token, i) => {
      this.#table[token]!.forEach((value, id) => {
        logits[id]! += weights[i]! * value;
      });
    });
    return this.#rows(logits);
  }

  commit(path: Int32Array): void {
    if (path.length > this.#pending) throw new Error('a commit without a pass');
    this.length += path.length;
    this.#pending = 0;
  }

  truncate(length: number): void {
    if (length > this.length) throw new Error(`truncated to ${length} of ${this.length}`);
    this.length = length;
  }

  #check(nodes: number): void {
    if (this.length + nodes > this.context) throw new Error('a pass beyond the context');
    this.#pending = nodes;
  }

  #rows(logits: Float32Array): TargetRows {
    return {
      logits: () => logits,
      argmax: () => largest(logits),
      topK: (_, k) => descending(logits).subarray(0, k),
    };
  }
}
