/**
 * A language model made up of arithmetic: after any token comes `(3 token + 1) mod vocab`, whatever stood before.
 * @module
 */
import type { Target } from '../../src/model/target.ts';

export const VOCAB = 17;

export const after = (token: number): number => (3 * token + 1) % VOCAB;

/** The n tokens after a prompt. */
export function continuation(prompt: readonly number[], n: number): number[] {
  const tokens = [after(prompt[prompt.length - 1]!)];
  while (tokens.length < n) tokens.push(after(tokens[tokens.length - 1]!));
  return tokens;
}

export class MadeUpTarget implements Target {
  readonly vocab = VOCAB;
  readonly context = 256;
  readonly maxNodes = 16;
  /** Nodes of every pass so far. */
  readonly passes: number[] = [];
  length = 0;

  forward({ tokens }: { readonly tokens: Int32Array }) {
    this.passes.push(tokens.length);
    return {
      logits: (node: number) => Float32Array.from({ length: VOCAB }, (_, id) => (id === after(tokens[node]!) ? 1 : 0)),
      argmax: (node: number) => after(tokens[node]!),
      topK: (node: number) => Int32Array.of(after(tokens[node]!)),
    };
  }

  commit(path: Int32Array): void {
    this.length += path.length;
  }

  truncate(length: number): void {
    this.length = length;
  }
}
