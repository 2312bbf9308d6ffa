/**
 * Which way of sampling drafts pays, and how many of them: from the distributions of target and drafter at the positions of a text, and from what
 * passes cost.
 *
 *   root ──┬── draft 1 ── 1 ── 1        n drafts after the root, each going on as a chain, L deep: 1 + n L nodes
 *          ├── draft 2 ── 2 ── 2        tokens = 1 + a(n) (1 + a(1) + a(1)² + ... + a(1)^(L-1))
 *          └── draft 3 ── 3 ── 3        gain   = tokens / (T(1 + n L) / T(1) + L c)
 *
 * a(n) is the mean acceptance of n drafts, taken to be the same at every depth; c the cost of the drafter's own pass in plain steps of the target.
 * @module
 */
import { outOfRange } from '../check-options.ts';
import type { DraftSampling } from '../tree/draft-tree.ts';
import { optimalAcceptance, type RowPair } from './optimal-acceptance.ts';
import { RULE_ACCEPTANCE } from './rule-acceptance.ts';

export type RuleName = keyof typeof RULE_ACCEPTANCE;

/** Each rule with the drafts it is compared on. */
const SAMPLING: Readonly<Record<RuleName, DraftSampling>> = {
  speculative: 'independent',
  'k-seq': 'independent',
  'without-replacement': 'withoutReplacement',
  'greedy-multi-draft': 'topAndOne',
  'exact-draw': 'deterministic',
};

export interface SamplingGain {
  readonly rule: RuleName;
  readonly sampling: DraftSampling;
  /** n, drafts after the root. */
  readonly count: number;
  /** Mean of alpha*: what no rule can exceed for this sampling. */
  readonly optimum: number;
  /** Mean acceptance of this rule. */
  readonly acceptance: number;
  /** The depth that pays most, 0 where none does better than a plain step, and nodes and expected tokens of its passes. */
  readonly depth: number;
  readonly nodes: number;
  readonly tokens: number;
  /** Tokens per cost of a plain step: the speed-up that is to be expected; 1 for depth 0. */
  readonly gain: number;
}

export interface ComparisonOptions {
  /** T(n), the cost of a pass over n tokens at index n, in any unit; depths that lead beyond its end are left out. */
  readonly costs: ArrayLike<number>;
  /** c, the cost of one pass of the drafter in plain steps of the target: default 0. */
  readonly draftCost?: number;
  /** Numbers of drafts to compare: default 1, 2, 3, 4. */
  readonly counts?: readonly number[];
}

/**
 * @param pairs at least one position
 * @returns every rule with every count, the largest gain first
 * @throws {ForetokenError} `option.range`
 */
export function compareSampling(
  pairs: readonly RowPair[],
  { costs, draftCost = 0, counts = [1, 2, 3, 4] }: ComparisonOptions,
): SamplingGain[] {
  if (pairs.length === 0) throw outOfRange('pairs', 'one position or more', 0);
  if (!(costs.length >= 2)) throw outOfRange('costs', 'costs of passes over 1, 2 ... tokens', costs.length);
  const mean = (value: (pair: RowPair) => number) => pairs.reduce((sum, pair) => sum + value(pair), 0) / pairs.length;
  const rules = Object.entries(SAMPLING) as [RuleName, DraftSampling][];
  const gains = rules.flatMap(([rule, sampling]) => {
    const one = mean((pair) => RULE_ACCEPTANCE[rule](pair, 1));
    return counts.map((count) => {
      const acceptance = count === 1 ? one : mean((pair) => RULE_ACCEPTANCE[rule](pair, count));
      const optimum = mean((pair) => optimalAcceptance(pair, count, sampling));
      return { rule, sampling, count, optimum, acceptance, ...bestDepth(acceptance, one, count, costs, draftCost) };
    });
  });
  return gains.sort((a, b) => b.gain - a.gain);
}

/** @param first acceptance after the root, @param later and further down */
function bestDepth(first: number, later: number, count: number, costs: ArrayLike<number>, draftCost: number) {
  let best = { depth: 0, nodes: 1, tokens: 1, gain: 1 };
  let tokens = 1;
  let reached = first;
  for (let depth = 1; 1 + count * depth < costs.length; depth++) {
    const nodes = 1 + count * depth;
    tokens += reached;
    reached *= later;
    const gain = tokens / (costs[nodes]! / costs[1]! + depth * draftCost);
    if (gain > best.gain) best = { depth, nodes, tokens, gain };
  }
  return best;
}
