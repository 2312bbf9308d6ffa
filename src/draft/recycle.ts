/**
 * Token Recycling: drafts from what the target itself thought likely the last time it read each token.
 * Source: "Turning Trash into Treasure", Luo et al., 2024, arXiv 2408.08696.
 *
 *   table[t] = the 8 tokens that the target found most likely after token t, best first, when it last read t
 *   drafting: node n of the template carries table[token of its parent][rank of n]
 *   learning: after each pass the row of every node's token is replaced, rejected nodes included; of several nodes with one token
 *             the last in the tree's order decides
 *
 * Two differences from the paper: a row that was never written proposes nothing (the paper's proposes token 0 eight times), and each
 * candidate keeps its share of the softmax over the eight, so that a small budget goes to what the target was sure of.
 * @module
 */
import { exp } from '../engine/math.ts';
import type { TargetRows } from '../model/target.ts';
import type { DraftTree } from '../tree/draft-tree.ts';
import { keepBest } from '../tree/prune.ts';
import { TreeBuilder } from '../tree/tree-builder.ts';
import type { Drafter, StepRecord } from './drafter.ts';
import { RANKS, TEMPLATE } from './recycle-template.ts';

export class Recycle implements Drafter {
  readonly name = 'recycle';
  /** (V, RANKS) token ids; -1 in rows never written. */
  readonly #table: Int32Array;
  /** (V, RANKS) how likely each was, among the eight. */
  readonly #shares: Float32Array;
  #root = 0;

  /** The table starts empty and lives as long as the drafter: one for each model. */
  constructor(vocab: number) {
    this.#table = new Int32Array(vocab * RANKS).fill(-1);
    this.#shares = new Float32Array(vocab * RANKS);
  }

  /** Memory of the drafter, bytes. */
  static bytes(vocab: number): number {
    return vocab * RANKS * 8;
  }

  /** The tokens that would be proposed after `token`, best first; empty when the target has not read it yet. */
  candidates(token: number): Int32Array {
    return this.#table.slice(token * RANKS, (token + 1) * RANKS).filter((id) => id >= 0);
  }

  begin(prompt: Int32Array): void {
    this.#root = prompt[prompt.length - 1]!;
  }

  propose(budget: number): DraftTree {
    const { parents, ranks } = TEMPLATE;
    const tree = new TreeBuilder(this.#root, parents.length);
    const places = new Int32Array(parents.length);
    for (let node = 1; node < parents.length; node++) {
      const parent = places[parents[node]!]!;
      const entry = parent < 0 ? -1 : tree.tokenAbove(parent, 0) * RANKS + ranks[node]!;
      const token = entry < 0 ? -1 : this.#table[entry]!;
      places[node] = token < 0 ? -1 : tree.add(parent, token, this.#shares[entry]!);
    }
    return keepBest(tree.build(), budget);
  }

  observe({ tree, emitted, rows }: StepRecord): void {
    const written = new Set<number>();
    for (let node = tree.tokens.length - 1; node >= 0; node--) {
      const token = tree.tokens[node]!;
      if (written.has(token)) continue;
      written.add(token);
      this.#write(token, rows, node);
    }
    this.#root = emitted[emitted.length - 1]!;
  }

  #write(token: number, rows: TargetRows, node: number): void {
    const logits = rows.logits(node);
    const ids = rows.topK(node, Math.min(RANKS, logits.length));
    const start = token * RANKS;
    this.#table.set(ids, start);
    let total = 0;
    for (let rank = 0; rank < ids.length; rank++) {
      total += this.#shares[start + rank] = exp(logits[ids[rank]!]! - logits[ids[0]!]!);
    }
    for (let rank = 0; rank < ids.length; rank++) this.#shares[start + rank]! /= total;
  }
}
