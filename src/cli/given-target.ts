/**
 * A target that says a text it has been given: every pass is computed in full, and the choice of the next token is then the text's instead of the
 * model's. So the speed of decoding a right answer can be measured with a model that does not find it.
 * @module
 */
import type { LogitRows, Target, TargetRows } from '../model/target.ts';
import { type DraftTree, depths } from '../tree/draft-tree.ts';

export class GivenTarget implements Target {
  readonly vocab: number;
  readonly context: number;
  readonly maxNodes: number;
  /** Prompt and answer; without it the model speaks for itself. Greedy decoding only: logits are the model's own. */
  text: readonly number[] | undefined;
  readonly #target: Target;

  constructor(target: Target) {
    this.vocab = target.vocab;
    this.context = target.context;
    this.maxNodes = target.maxNodes;
    this.#target = target;
  }

  get length(): number {
    return this.#target.length;
  }

  forward(tree: DraftTree, logitRows: LogitRows): TargetRows {
    const { text } = this;
    const start = this.length;
    const rows = this.#target.forward(tree, logitRows);
    if (!text || logitRows === 'none') return rows;
    const nodeDepths = depths(tree);
    return {
      ...rows,
      argmax(node) {
        const own = rows.argmax(node); // takes its time
        return text[start + nodeDepths[node]! + 1] ?? own;
      },
    };
  }

  commit(path: Int32Array): void {
    this.#target.commit(path);
  }

  truncate(length: number): void {
    this.#target.truncate(length);
  }
}
