/**
 * K-SEQ, for k independent draws: each is accepted with probability min(1, p(x) / (rho q(x))), with one rho in 1..k for all of them.
 * Source: Sun et al., "SpecTr", 2023, arXiv 2310.15141.
 *
 *   beta(rho)   = sum over x of min(q(x), p(x) / rho)             one draw is accepted
 *   accepted    = 1 - (1 - beta)^k                                one of k is
 *   residual(x) ∝ p(x) - min(q(x), p(x) / rho) accepted / beta
 *
 * The residual is nowhere negative where accepted / beta <= rho; the smallest such rho accepts most. rho beta - accepted grows with rho, so
 * bisection finds it, and its upper end is taken, where the residual is sound.
 * @module
 */
import { trialRule, type Trial } from './rule.ts';

/** Halvings of 1..k: the upper end is sound at any number, and so many leave less than a billionth of acceptance. */
const HALVINGS = 32;

/** How k draws are judged. */
export interface KSeqTerms {
  readonly rho: number;
  /** Probability that one draw is accepted. */
  readonly beta: number;
  /** Probability that one of k is. */
  readonly accepted: number;
}

/**
 * @param targetProb (V,) f64 p, sums to 1
 * @param draftProb  (V,) f64 q, sums to 1
 * @param count      k, at least 1
 */
export function kSeqTerms(targetProb: Float64Array, draftProb: Float64Array, count: number): KSeqTerms {
  const at = (rho: number): KSeqTerms => {
    let beta = 0;
    for (let id = 0; id < targetProb.length; id++) beta += Math.min(draftProb[id]!, targetProb[id]! / rho);
    return { rho, beta, accepted: 1 - (1 - Math.min(1, beta)) ** count };
  };
  let best = at(1);
  if (count === 1 || best.beta >= best.accepted) return best;
  let low = 1;
  best = at(count);
  for (let i = 0; i < HALVINGS; i++) {
    const middle = at((low + best.rho) / 2);
    if (middle.rho * middle.beta >= middle.accepted) best = middle;
    else low = middle.rho;
  }
  return best;
}

export const tryKSeq: Trial = (targetProb, { draftProb, children }, tokens, chooser) => {
  const { rho, beta, accepted } = kSeqTerms(targetProb, draftProb, children.length);
  for (const child of children) {
    const token = tokens[child]!;
    if (chooser.accept(Math.min(1, targetProb[token]! / (rho * draftProb[token]!)))) return child;
  }
  const share = beta > 0 ? Math.min(rho, accepted / beta) : 0;
  let total = 0;
  for (let id = 0; id < targetProb.length; id++) {
    const taken = share * Math.min(draftProb[id]!, targetProb[id]! / rho);
    total += targetProb[id] = Math.max(0, targetProb[id]! - taken);
  }
  // p and q are equal but for rounding: the rejection should not have been.
  return total > 0 || children.length === 0 ? -1 : children[0]!;
};

/** For independent draws. */
export const kSeq = trialRule(
  { name: 'k-seq', guarantee: 'sameDistribution', validFor: ['deterministic', 'independent'] },
  tryKSeq,
);
