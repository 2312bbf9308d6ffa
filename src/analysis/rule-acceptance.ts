/**
 * What the rules of `foretoken/verify` accept at one position.
 * @module
 */
import { drawDistinct, SeededChooser } from '../verify/chooser.ts';
import { kSeqTerms } from '../verify/k-seq.ts';
import { tryWithoutReplacement } from '../verify/recursive-rejection.ts';
import { normalise } from '../verify/rule.ts';
import { optimalAcceptance, type RowPair } from './optimal-acceptance.ts';

/** Probability that one of `count` drafts is accepted, by the name of each rule. */
export const RULE_ACCEPTANCE = {
  speculative: recursiveAcceptance,
  'k-seq': ({ targetProb, draftProb }: RowPair, count: number) => kSeqTerms(targetProb, draftProb, count).accepted,
  'without-replacement': withoutReplacementAcceptance,
  // This rule reaches its optimum, and for children chosen by rule the exact draw does.
  'greedy-multi-draft': (pair: RowPair, count: number) => optimalAcceptance(pair, count, 'topAndOne'),
  'exact-draw': (pair: RowPair, count: number) => optimalAcceptance(pair, count, 'deterministic'),
} as const;

/** 1 - product over draws of (1 - sum of min(p, q)), p being the residual of the draws before. */
function recursiveAcceptance({ targetProb, draftProb }: RowPair, count: number): number {
  const residual = targetProb.slice();
  let rejected = 1;
  for (let draw = 0; draw < count && rejected > 0; draw++) {
    let overlap = 0;
    for (let id = 0; id < residual.length; id++) {
      const common = Math.min(residual[id]!, draftProb[id]!);
      overlap += common;
      residual[id]! -= common;
    }
    rejected *= Math.max(0, 1 - overlap);
    if (!normalise(residual)) return 1;
  }
  return 1 - rejected;
}

/** Runs of the rule where all of its ways would be too many, and how many ways are not. */
const RUNS = 4000;
const MOST_WAYS = 20_000;

/** By all ways in which draws can be rejected, where there are few; else the share of many runs of the rule, always the same ones. */
function withoutReplacementAcceptance({ targetProb, draftProb }: RowPair, count: number): number {
  const support = draftProb.reduce((ids, prob) => ids + (prob > 0 ? 1 : 0), 0);
  if (support ** Math.min(count, support) <= MOST_WAYS) return 1 - rejection(targetProb, draftProb, count);
  const chooser = new SeededChooser(0, 0);
  let accepted = 0;
  for (let run = 0; run < RUNS; run++) {
    const tokens = Int32Array.from(drawDistinct(chooser.at(run), draftProb, count));
    const draw = { draftProb, children: Int32Array.from(tokens.keys()) };
    if (tryWithoutReplacement(targetProb.slice(), draw, tokens, chooser) >= 0) accepted++;
  }
  return accepted / RUNS;
}

/** Probability that `count` draws without replacement are all rejected. */
function rejection(targetProb: Float64Array, draftProb: Float64Array, count: number): number {
  if (count === 0) return 1;
  const residual = targetProb.map((prob, id) => Math.max(0, prob - draftProb[id]!));
  if (!normalise(residual)) return 0;
  let rejected = 0;
  for (let id = 0; id < draftProb.length; id++) {
    const prob = draftProb[id]! - Math.min(draftProb[id]!, targetProb[id]!);
    if (prob <= 0) continue;
    const left = draftProb.slice();
    left[id] = 0;
    rejected += prob * (normalise(left) ? rejection(residual, left, count - 1) : 1);
  }
  return rejected;
}
