/**
 * Recursive rejection: the drawn children are tried in the order in which they were drawn. Child x is accepted with probability
 * min(1, p(x) / q(x)); a rejection leaves the residual norm(max(p - q, 0)) as the p of the next.
 *
 * One independent draw is speculative sampling: Leviathan, Kalman and Matias, 2022, arXiv 2211.17192; Chen et al., 2023, arXiv 2302.01318.
 * Several: Miao et al., 2023, arXiv 2305.09781 (SpecInfer). Without replacement: Jeon et al., 2024, arXiv 2402.14160. With the most likely tokens
 * as further children and one draw among the others it is greedy multi-draft sampling, which reaches the most that this way of drafting allows:
 * Hu et al., 2025, arXiv 2502.18779.
 *
 * @module
 */
import { trialRule, normalise, type Trial } from './rule.ts';

/** Draws of one distribution, which may repeat a token: q stays as it is. */
export const tryIndependent: Trial = (targetProb, draw, tokens, chooser) =>
  tryLenient(1, targetProb, draw, tokens, chooser);

/** The same against lenience times q: with less than 1 more is accepted than the target's distribution allows. */
export function tryLenient(lenience: number, ...[targetProb, draw, tokens, chooser]: Parameters<Trial>): number {
  const { draftProb, children } = draw;
  for (const child of children) {
    const token = tokens[child]!;
    if (chooser.accept(Math.min(1, targetProb[token]! / (lenience * draftProb[token]!)))) return child;
    if (!leaveResidual(targetProb, draftProb, lenience)) return child;
  }
  return -1;
}

/**
 * Draws of distinct tokens: after a rejected one q is what it was drawn from without it. Independent draws are such draws as well, once those that
 * repeat a token are passed over.
 */
export const tryWithoutReplacement: Trial = (targetProb, { draftProb, children }, tokens, chooser) => {
  let left = draftProb;
  let mass = 1;
  for (const child of children) {
    const token = tokens[child]!;
    if (!(left[token]! > 0)) continue;
    if (chooser.accept(Math.min(1, (targetProb[token]! * mass) / left[token]!))) return child;
    // The whole of q is taken off, not only the rejected token's share.
    if (!leaveResidual(targetProb, left, 1 / mass)) return child;
    if (left === draftProb) left = draftProb.slice();
    left[token] = 0;
    // Summed anew: taken off the sum before, a small rest would be all rounding.
    mass = 0;
    for (let id = 0; id < left.length; id++) mass += left[id]!;
  }
  return -1;
};

/**
 * p becomes norm(max(p - scale q, 0)).
 * @returns false when nothing is left: p and q are equal but for rounding, so that the rejection should not have been
 */
function leaveResidual(targetProb: Float64Array, draftProb: Float64Array, scale: number): boolean {
  for (let id = 0; id < targetProb.length; id++) {
    targetProb[id] = Math.max(0, targetProb[id]! - scale * draftProb[id]!);
  }
  return normalise(targetProb);
}

/** For independent draws: speculative sampling, with several draws at a node recursive rejection with replacement. */
export const speculativeSampling = trialRule(
  { name: 'speculative', guarantee: 'sameDistribution', validFor: ['deterministic', 'independent'] },
  tryIndependent,
);

/** For draws without replacement, level by level or as beams, and for independent ones. */
export const withoutReplacement = trialRule(
  {
    name: 'without-replacement',
    guarantee: 'sameDistribution',
    validFor: ['deterministic', 'independent', 'withoutReplacement'],
  },
  tryWithoutReplacement,
);

/** For the most likely tokens and one draw among the others. A residual that falls on one of the former is followed as well. */
export const greedyMultiDraft = trialRule(
  { name: 'greedy-multi-draft', guarantee: 'sameDistribution', validFor: ['deterministic', 'topAndOne'] },
  tryIndependent,
);
