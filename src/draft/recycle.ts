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
import { takeBest } from '../tree/best-first.ts';
import { TreeBuilder } from '../tree/tree-builder.ts';
import type { Drafter, Outlook, StepRecord } from './drafter.ts';
import { RANKS, TEMPLATE } from './recycle-template.ts';

/** A slot of the template that may be filled next. */
interface Candidate {
  readonly slot: number;
  /** Node of the tree below which it stands, and the joint share of that node. */
  readonly parent: number;
  readonly parentJoint: number;
  /** Index into the table. */
  readonly entry: number;
  readonly joint: number;
}

export class Recycle implements Drafter {
  readonly name = 'recycle';
  /** (V, RANKS) token ids; -1 in rows never written. */
  readonly #table: Int32Array;
  /** (V, RANKS) how likely each was, among the eight. */
  readonly #shares: Float32Array;
  readonly #tree = new TreeBuilder();
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

  /** The nodes of the template with the highest joint shares: siblings stand in order of rank, so only the next of each is a candidate. */
  propose(budget: number): DraftTree {
    const tree = this.#tree;
    tree.start(this.#root, budget);
    const candidates: Candidate[] = [];
    const consider = (slot: number, parent: number, parentJoint: number) => {
      if (slot < 0) return;
      const entry = tree.tokenAbove(parent, 0) * RANKS + TEMPLATE.ranks[slot]!;
      const share = this.#shares[entry]!;
      if (this.#table[entry]! >= 0) candidates.push({ slot, parent, parentJoint, entry, joint: parentJoint * share });
    };
    consider(TEMPLATE.firstChild[0]!, 0, 1);
    while (candidates.length > 0 && !tree.full) {
      const { slot, parent, parentJoint, entry, joint } = takeBest(candidates);
      const node = tree.add(parent, this.#table[entry]!, this.#shares[entry]!);
      consider(TEMPLATE.nextSibling[slot]!, parent, parentJoint);
      consider(TEMPLATE.firstChild[slot]!, node, joint);
    }
    return tree.build();
  }

  outlook(): Outlook | undefined {
    const best = this.#root * RANKS;
    return this.#table[best]! < 0 ? undefined : { token: this.#table[best]!, score: this.#shares[best]! };
  }

  observe({ tree, emitted, rows }: StepRecord): void {
    for (let node = 0; node < tree.tokens.length; node++) {
      const token = tree.tokens[node]!;
      if (tree.tokens.lastIndexOf(token) === node) this.#write(token, rows, node);
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
