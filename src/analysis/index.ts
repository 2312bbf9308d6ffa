/**
 * `foretoken/analysis`: what rules could accept, what they do accept, and which way of drafting pays.
 * @module
 */
export { type ComparisonOptions, compareSampling, type RuleName, type SamplingGain } from './compare-sampling.ts';
export { optimalAcceptance, type RowPair } from './optimal-acceptance.ts';
export { RULE_ACCEPTANCE } from './rule-acceptance.ts';
