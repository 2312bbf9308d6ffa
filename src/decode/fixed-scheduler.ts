/**
 * Fixed scheduler: the same budget at every step. Behind a named drafter, and with a budget of one node behind `draft: 'none'`.
 * @module
 */
import { keepBest } from '../tree/prune.ts';
import type { Scheduler } from './scheduler.ts';

/** @param nodes of every pass, the root included */
export function fixedScheduler(nodes: number): Scheduler {
  return {
    name: nodes > 1 ? 'fixed' : 'plain',
    budget: () => nodes,
    prune: (tree) => keepBest(tree, nodes),
    observe() {},
    explain: () =>
      nodes > 1 ? `up to ${nodes - 1} draft tokens in every pass` : 'one token per pass, nothing is drafted',
  };
}
