/**
 * Running estimates of how often the target chooses a drafted node once it is at the node's parent: what drafters claim, corrected by
 * what happened.
 * @module
 */
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

/** Accepted and offered nodes of one bucket, fading, for each memory. */
type Tally = Float64Array;

export class Acceptance {
  /** By source name, so that estimates outlive the proposer and its numbering: BUCKETS tallies each. */
  readonly #tallies = new Map<string, Tally>();

  /** (N,) corrected probability of each node given its parent; the root has 1. */
  estimate(tree: DraftTree, sources: readonly string[]): Float64Array {
    const estimates = new Float64Array(tree.tokens.length);
    estimates[0] = 1;
    for (let node = 1; node < estimates.length; node++) {
      const score = scoreAt(tree, node);
      const tally = this.#tally(tree, node, sources);
      let lowest = 1;
      for (let memory = 0; memory < MEMORIES.length; memory++) {
        const [accepted, offered] = [tally[2 * memory]!, tally[2 * memory + 1]!];
        lowest = Math.min(lowest, (accepted + PRIOR * score) / (offered + PRIOR));
      }
      estimates[node] = lowest;
    }
    return estimates;
  }

  /**
   * Learns from what the target chose. Also nodes that were proposed but not verified teach, as far as the emitted tokens go: so a drafter that is not
   * used can win its place back at no cost in passes.
   * @param tree    as proposed, with the root of the step
   * @param emitted tokens of the step
   */
  observe(tree: DraftTree, sources: readonly string[], emitted: Int32Array): void {
    let parent = 0;
    for (const token of emitted) {
      let chosen = -1;
      for (let node = parent + 1; node < tree.tokens.length; node++) {
        if (tree.parents[node] !== parent) continue;
        const accepted = tree.tokens[node] === token && chosen < 0;
        if (accepted) chosen = node;
        this.#count(this.#tally(tree, node, sources), accepted);
      }
      if (chosen < 0) return;
      parent = chosen;
    }
  }

  #tally(tree: DraftTree, node: number, sources: readonly string[]): Tally {
    const source = sources[tree.sources?.[node] ?? 0]!;
    let tallies = this.#tallies.get(source);
    if (!tallies) this.#tallies.set(source, (tallies = new Float64Array(BUCKETS * 2 * MEMORIES.length)));
    const start = bucketOf(scoreAt(tree, node)) * 2 * MEMORIES.length;
    return tallies.subarray(start, start + 2 * MEMORIES.length);
  }

  #count(tally: Tally, accepted: boolean): void {
    for (let memory = 0; memory < MEMORIES.length; memory++) {
      const keep = Math.min(1, MEMORIES[memory]! / (tally[2 * memory + 1]! + 1));
      tally[2 * memory] = (tally[2 * memory]! + (accepted ? 1 : 0)) * keep;
      tally[2 * memory + 1] = (tally[2 * memory + 1]! + 1) * keep;
    }
  }
}
