/**
 * What a model thinks of a text.
 * @module
 */
import { exp, log } from '../../src/engine/math.ts';
import type { Target } from '../../src/model/target.ts';
import { chain } from '../../src/tree/draft-tree.ts';

/** Cost of each token but the first, in nats. */
export function costs(target: Target, tokens: readonly number[]): number[] {
  target.truncate(0);
  const result: number[] = [];
  for (let start = 0; start < tokens.length; start += target.maxNodes) {
    const piece = chain(tokens.slice(start, start + target.maxNodes));
    const rows = target.forward(piece, 'all');
    for (let i = 0; i < piece.tokens.length && start + i + 1 < tokens.length; i++) {
      result.push(costOf(rows.logits(i), tokens[start + i + 1]!));
    }
    target.commit(Int32Array.from(piece.tokens.keys()));
  }
  return result;
}

/** -ln of the softmax at one token. */
function costOf(logits: Float32Array, token: number): number {
  const most = logits.reduce((a, b) => Math.max(a, b));
  let sum = 0;
  for (const logit of logits) sum += exp(logit - most);
  return most + log(sum) - logits[token]!;
}
