/**
 * Reference drafting: follows a text that the output is expected to resemble, and finds its place again after insertions, deletions and changes.
 * Behind the option `prediction`: OpenAI's predicted outputs, or the old text in an edit.
 *
 *   reference   const total = count + 1 ; return total ;      a cursor stands on the reference, from its first token on;
 *   output      const sum = count + 1 ; return                where the output departs it looks for the way back (copy-cursor.ts);
 *                                              ^ sum, or total    what was replaced once is expected to be replaced again
 *
 * After a long insertion, or where parts of the reference change places, the cursor starts anew wherever the reference holds the output's last
 * tokens. Source of the idea: "Inference with Reference", Yang et al., 2023, arXiv 2304.04487.
 * @module
 */
import { takeBest } from '../tree/best-first.ts';
import type { DraftTree } from '../tree/draft-tree.ts';
import { TreeBuilder } from '../tree/tree-builder.ts';
import { CopyCursor, type CopyState } from './copy-cursor.ts';
import type { Drafter, Outlook, StepRecord } from './drafter.ts';
import { matchScore } from './match-score.ts';
import { type Match, TokenIndex } from './token-index.ts';

/** Stands between reference and output; no token. */
const END = -1;
/** A reference is given because it is right: the cursor begins as if so many tokens agreed. */
const TRUST = 9;
/** Paths less likely than this are not drafted, as in lookup.ts. */
const LEAST_JOINT = 0.02;

/** A node whose children may be drafted next. */
interface Leaf {
  readonly node: number;
  readonly depth: number;
  readonly joint: number;
  readonly copy: CopyState;
}

export class Reference implements Drafter {
  readonly name = 'reference';
  readonly #reference: Int32Array;
  /** The reference, `END`, and the output. */
  readonly #text: TokenIndex;
  readonly #cursor: CopyCursor;
  readonly #tree = new TreeBuilder();
  #root = 0;

  /**
   * @param reference (R,) tokens
   * @param context most tokens of prompt and output that the target's cache holds; the output may be one longer
   */
  constructor(reference: ArrayLike<number>, context: number) {
    this.#reference = Int32Array.from(reference);
    this.#text = new TokenIndex(this.#reference.length + context + 2);
    this.#cursor = new CopyCursor(this.#text);
  }

  /** Memory of the drafter, bytes. */
  static bytes(reference: number, context: number): number {
    return 4 * reference + TokenIndex.bytes(reference + context + 2);
  }

  begin(prompt: Int32Array): void {
    this.#root = prompt[prompt.length - 1]!;
    this.#text.clear();
    this.#cursor.clear();
    for (const token of this.#reference) this.#text.append(token);
    this.#text.append(END);
    this.#cursor.offer({ next: 0, length: TRUST });
  }

  outlook(): Outlook | undefined {
    const copy = this.#cursor.state;
    const step = copy && this.#cursor.steps(copy)[0];
    if (!step || step.token === END) return undefined;
    return { token: step.token, score: step.share * matchScore(this.#cursor.agreed) };
  }

  propose(budget: number): DraftTree {
    const tree = this.#tree;
    tree.start(this.#root, budget);
    const leaves: Leaf[] = [];
    const copy = this.#cursor.state;
    if (copy) leaves.push({ node: 0, depth: 0, joint: 1, copy });
    while (leaves.length > 0 && !tree.full) {
      const { node, depth, joint, copy } = takeBest(leaves);
      for (const { token, share, state } of this.#cursor.steps(copy)) {
        const score = share * matchScore(this.#cursor.agreed + depth);
        if (token === END || joint * score < LEAST_JOINT) continue;
        const child = tree.add(node, token, score);
        if (child > 0) leaves.push({ node: child, depth: depth + 1, joint: joint * score, copy: state });
      }
    }
    return tree.build();
  }

  observe({ emitted }: StepRecord): void {
    for (const token of emitted) {
      this.#text.append(token);
      this.#cursor.read();
    }
    this.#root = emitted[emitted.length - 1]!;
    const match = this.#longest();
    if (match) this.#cursor.offer(match);
  }

  /** The longest match in the reference itself; of equal ones the last. */
  #longest(): Match | undefined {
    let best: Match | undefined;
    for (const match of this.#text.matches()) {
      if (match.next < this.#reference.length && match.length > (best?.length ?? 0)) best = match;
    }
    return best;
  }
}
