/**
 * Recurrent drafter: one head for all depths reads the hidden state and a state of its own, into which every token of the path has gone.
 * Source: Zhang et al., 2024, arXiv 2403.09919, section 3; that a state may have no weights is of apple/ml-recurrent-drafter.
 * @module
 */
import type { HeadInput, HeadNode } from './head.ts';

export const recurrent: HeadInput = {
  isIndependent: false,
  mlpOf: () => 0,
  write(passes, hidden, _level, nodes) {
    const width = hidden.length;
    const before = new Float32Array(nodes.length * width);
    nodes.forEach(({ parent }, row) => {
      if (parent) before.set(stateOf(parent), row * width);
    });
    passes.embed(nodes.map(({ token }) => token));
    const states = passes.advance(before);
    nodes.forEach((node, row) => {
      node.state = states.slice(row * width, (row + 1) * width);
      const input = passes.input(0, row);
      input.set(hidden);
      input.set(node.state, width);
    });
  },
};

/** Levels grow one below the other: a node is read after its parent. */
function stateOf({ state }: HeadNode): Float32Array {
  if (!state) throw new Error('a node was read before its parent');
  return state;
}
