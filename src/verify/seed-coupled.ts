/**
 * Seed-coupled sampling: the target draws its own token with a random number keyed by (seed, position), and the child that carries
 * that token is followed.
 *
 * The draw at a position is the one that plain decoding makes there, so the output has the same bits with any tree. It is also the delta
 * rule for deterministic drafts (accept child x with its target probability; speculative-sampling basics, rule C): the expected number of
 * accepted nodes is the sum over nodes of the target probability of their path.
 * @module
 */
import { uniform } from '../decode/random.ts';
import type { LogitsProcessor } from '../decode/sampling.ts';
import { childWith } from '../tree/draft-tree.ts';
import type { Verifier } from './verifier.ts';

/** @param seed integer, 0..2^53 - 1 */
export function seedCoupled(processor: LogitsProcessor, seed: number): Verifier {
  return {
    name: 'seed-coupled',
    guarantee: 'sameBits',
    decide(tree, node, rows, history) {
      const token = processor.draw(rows.logits(node), history, uniform(seed, history.length));
      return { token, child: childWith(tree, node, token) };
    },
  };
}
