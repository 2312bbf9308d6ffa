/**
 * Exact match: a node's next token is the target's most likely one, and the child that carries it is followed. Greedy decoding.
 * @module
 */
import type { LogitsProcessor } from '../decode/sampling.ts';
import { childWith } from '../tree/draft-tree.ts';
import type { Verifier } from './verifier.ts';

/**
 * @param processor applied before the maximum is taken, on each node's own history; without it the target's argmax decides.
 *   Ties go to the lowest id either way.
 */
export function exactMatch(processor?: LogitsProcessor): Verifier {
  return {
    name: 'exact-match',
    guarantee: 'sameBits',
    decide(tree, node, rows, history) {
      const token = processor ? processor.largest(rows.logits(node), history) : rows.argmax(node);
      return { token, child: childWith(tree, node, token) };
    },
  };
}
