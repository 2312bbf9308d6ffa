/**
 * A target together with the tokens that its cache holds, so that a prompt which begins like them is not computed again.
 * @module
 */
import type { Target } from '../model/target.ts';
import type { DraftTree } from '../tree/draft-tree.ts';

/**
 * Every change of the target's cache goes through here, or is followed by `forget`. What is kept has the bits of a fresh computation, as
 * the keys and values of a position depend on the tokens up to it alone.
 */
export class TokenCache {
  readonly target: Target;
  #tokens: number[];

  /** @param tokens those of the target's committed positions, when there are any */
  constructor(target: Target, tokens: readonly number[] = []) {
    this.target = target;
    this.#tokens = [...tokens];
  }

  /** Tokens at the committed positions, in order. */
  get tokens(): readonly number[] {
    return this.#tokens;
  }

  /**
   * Truncates the cache to the positions that a prompt can use: its longest common beginning with the cache, without the prompt's last token,
   * whose logits are still to be computed.
   * @returns number of positions kept
   */
  reuse(prompt: Int32Array): number {
    if (this.target.length !== this.#tokens.length) this.forget();
    const most = Math.min(prompt.length - 1, this.#tokens.length);
    let kept = 0;
    while (kept < most && prompt[kept] === this.#tokens[kept]) kept++;
    this.#tokens.length = kept;
    this.target.truncate(kept);
    return kept;
  }

  /** Commits a path of the last pass. @param path nodes from the root down */
  commit(tree: DraftTree, path: Int32Array): void {
    this.target.commit(path);
    for (const node of path) this.#tokens.push(tree.tokens[node]!);
  }

  /** Forgets everything: for a cache that something else has changed. */
  forget(): void {
    this.#tokens = [];
    this.target.truncate(0);
  }
}
