/**
 * `foretoken/verify`: acceptance rules for `generate({ verifier })`.
 * @module
 */
export { exactDraw } from './exact-draw.ts';
export { type JudgeHead, type JudgeOptions, lossyJudge } from './judge.ts';
export { kSeq } from './k-seq.ts';
export { lossyLenience, lossyTypical, type TypicalOptions } from './lossy.ts';
export { greedyMultiDraft, speculativeSampling, withoutReplacement } from './recursive-rejection.ts';
export type { AcceptanceRule, Decision, Guarantee, RuleSettings, Verifier } from './verifier.ts';
