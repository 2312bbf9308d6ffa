/**
 * Log probabilities of tokens, for people who want to see what the model thought.
 * @module
 */
import { exp, log } from '../engine/math.ts';
import type { TargetRows } from '../model/target.ts';

export interface TokenLogprob {
  readonly token: number;
  /** Natural logarithm of the target's own probability: the softmax of its logits, before penalty, temperature and cuts. */
  readonly logprob: number;
}

/** A chosen token and the most likely ones at its position, best first. */
export interface ChosenLogprob extends TokenLogprob {
  readonly top: readonly TokenLogprob[];
}

/**
 * @param token the one that was chosen after `node`
 * @param count how many of the most likely tokens to list
 */
export function logprobsAt(rows: TargetRows, node: number, token: number, count: number): ChosenLogprob {
  const logits = rows.logits(node);
  let maximum = -Infinity;
  for (let id = 0; id < logits.length; id++) if (logits[id]! > maximum) maximum = logits[id]!;
  let sum = 0;
  for (let id = 0; id < logits.length; id++) sum += exp(logits[id]! - maximum);
  const normaliser = maximum + log(sum);
  const entry = (id: number): TokenLogprob => ({ token: id, logprob: logits[id]! - normaliser });
  const ids = count > 0 ? rows.topK(node, Math.min(count, logits.length)) : [];
  return { ...entry(token), top: Array.from(ids, entry) };
}
