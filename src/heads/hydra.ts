/**
 * Hydra and Hydra++: a head reads the hidden state and the embeddings of all tokens of the path, the root's first.
 * Source: Ankner et al., 2024, arXiv 2402.05109.
 * @module
 */
import type { HeadInput, HeadNode } from './head.ts';

export const hydra: HeadInput = {
  isIndependent: false,
  mlpOf: (level) => level,
  write(passes, hidden, level, nodes) {
    const embedded = passes.embed(nodes.flatMap(tokensTo));
    const width = embedded.length / nodes.length; // (level + 1) D
    for (let row = 0; row < nodes.length; row++) {
      const input = passes.input(level, row);
      input.set(hidden);
      input.set(embedded.subarray(row * width, (row + 1) * width), hidden.length);
    }
  },
};

/** Tokens from the root down to a node. */
function tokensTo(node: HeadNode): number[] {
  const tokens: number[] = [];
  for (let at: HeadNode | undefined = node; at; at = at.parent) tokens.push(at.token);
  return tokens.reverse();
}
