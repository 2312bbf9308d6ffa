/**
 * Exact draw: a token is drawn from the target's distribution, and the child that carries it is followed, however it was chosen. What
 * generations do without a rule, as a rule: beside a drafter of any kind it gives the tokens of plain decoding.
 *
 * It is rejection with a point mass for q: child x is accepted with probability p(x), a rejection takes p(x) away, and so on.
 * @module
 */
import { LogitsProcessor } from '../decode/sampling.ts';
import { exactMatch } from './exact-match.ts';
import { acceptanceRule } from './rule.ts';
import { seedCoupled } from './seed-coupled.ts';

export const exactDraw = acceptanceRule(
  {
    name: 'exact-draw',
    guarantee: 'sameBits',
    validFor: ['deterministic', 'independent', 'withoutReplacement', 'topAndOne'],
  },
  ({ sampling, seed }, vocab) => {
    const processor = new LogitsProcessor(vocab, sampling);
    return sampling.temperature > 0 ? seedCoupled(processor, seed) : exactMatch(processor);
  },
);
