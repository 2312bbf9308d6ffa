/**
 * Running estimates of how often the target chooses a drafted node once it is at the node's parent: what drafters claim, corrected by
 * what happened.
 * @module
 */
import type { Outlook } from '../draft/drafter.ts';
import { scoreAt, type DraftTree } from '../tree/draft-tree.ts';

/** Scores are told apart by these bounds: even steps of the odds, as 0.98 and 0.995 differ more than 0.48 and 0.52. */
const BOUNDS = [0.02, 0.05, 0.12, 0.27, 0.5, 0.73, 0.88, 0.95, 0.98] as const;
const BUCKETS = BOUNDS.length + 1;
/** Nodes that the drafter's own score counts as much as. */
const PRIOR = 6;
/** Nodes that are remembered, in a short and a long memory: the lower of the two estimates is believed. */
const MEMORIES = [24, 200] as const;

function bucketOf(score: number): number {
  let bucket = 0;
  while (bucket < BOUNDS.length && score >= BOUNDS[bucket]!) bucket++;
  return bucket;
}

/** Of one source: accepted and offered nodes in each memory, for each bucket. */
type Tally = Float64Array;
const FIELDS = 2 * MEMORIES.length;

export class Acceptance {
  /** By source name, so that estimates outlive the proposer and its numbering. */
  readonly #tallies = new Map<string, Tally>();
  /** Of outlooks, by the drafter's name. */
  readonly #outlooks = new Map<string, Tally>();

  /** Corrected probability that a drafter's outlook comes true. */
  chance(drafter: string, { score }: Outlook): number {
    return estimateIn(tallyOf(this.#outlooks, drafter), score);
  }

  /** Learns from the token that came. */
  observeOutlook(drafter: string, { token, score }: Outlook, emitted: number): void {
    count(tallyOf(this.#outlooks, drafter), bucketOf(score) * FIELDS, token === emitted);
  }

  /** (N,) corrected probability of each node given its parent; the root has 1. */
  estimate(tree: DraftTree, sources: readonly string[]): Float64Array {
    const tallies = this.#talliesOf(sources);
    const estimates = new Float64Array(tree.tokens.length);
    estimates[0] = 1;
    for (let node = 1; node < estimates.length; node++) {
      estimates[node] = estimateIn(tallies[tree.sources?.[node] ?? 0]!, scoreAt(tree, node));
    }
    return estimates;
  }

  /**
   * Learns from what the target chose. Nodes that were proposed but not verified teach as well, as far as the emitted tokens go: so a
   * drafter that is not used can win its place back at no cost in passes.
   * @param tree    as proposed, with the root of the step
   * @param emitted tokens of the step
   */
  observe(tree: DraftTree, sources: readonly string[], emitted: Int32Array): void {
    const tallies = this.#talliesOf(sources);
    let parent = 0;
    for (const token of emitted) {
      let chosen = -1;
      for (let node = parent + 1; node < tree.tokens.length; node++) {
        if (tree.parents[node] !== parent) continue;
        const accepted = tree.tokens[node] === token && chosen < 0;
        if (accepted) chosen = node;
        count(tallies[tree.sources?.[node] ?? 0]!, bucketOf(scoreAt(tree, node)) * FIELDS, accepted);
      }
      if (chosen < 0) return;
      parent = chosen;
    }
  }

  #talliesOf(sources: readonly string[]): Tally[] {
    return sources.map((source) => tallyOf(this.#tallies, source));
  }
}

function tallyOf(tallies: Map<string, Tally>, name: string): Tally {
  let tally = tallies.get(name);
  if (!tally) tallies.set(name, (tally = new Float64Array(BUCKETS * FIELDS)));
  return tally;
}

/** A score, corrected by what came of scores like it: the lowest of what each memory says. */
function estimateIn(tally: Tally, score: number): number {
  const start = bucketOf(score) * FIELDS;
  let lowest = 1;
  for (let field = start; field < start + FIELDS; field += 2) {
    lowest = Math.min(lowest, (tally[field]! + PRIOR * score) / (tally[field + 1]! + PRIOR));
  }
  return lowest;
}

/** One more node in every memory of a bucket; each forgets as much as it must to stay within its size. */
function count(tally: Tally, start: number, accepted: boolean): void {
  for (let memory = 0; memory < MEMORIES.length; memory++) {
    const field = start + 2 * memory;
    const keep = Math.min(1, MEMORIES[memory]! / (tally[field + 1]! + 1));
    tally[field] = (tally[field]! + (accepted ? 1 : 0)) * keep;
    tally[field + 1] = (tally[field + 1]! + 1) * keep;
  }
}
