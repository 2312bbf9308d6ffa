/**
 * Adaptive scheduler, behind `draft: 'auto'`: verifies the part of a proposed tree that maximises expected tokens per unit of time, and takes
 * a plain step where nothing does better than that.
 *
 *   nodes, best joint probability first:   root   a     b     c     d
 *   tokens expected from the first n:      1      1.9   2.6   2.7   2.75      1 + sum of joint probabilities
 *   cost of a pass over n:                 1      1.4   1.8   2.1   2.5       T(n) / T(1)
 *   tokens per cost:                       1      1.36  1.44  1.29  1.10      keep the root, a and b
 *
 * @module
 */
import type { StepRecord } from '../draft/drafter.ts';
import type { DraftTree } from '../tree/draft-tree.ts';
import { bestFirst } from '../tree/best-first.ts';
import { jointScores, subtree } from '../tree/prune.ts';
import type { Acceptance } from './acceptance.ts';
import type { CostCurve, Scheduler, StepTiming } from './scheduler.ts';

/** Where the scheduler reads what passes and drafting cost, and tells what they took. */
export interface CostSource {
  /** (maxNodes + 1,) T(n) in any one unit. */
  readonly curve: CostCurve;
  /** Time of drafting in one step / T(1); 0 while times mean nothing: before the first measurement, or under an injected table. */
  readonly draftShare: number;
  /** @returns what the pass cost, in the unit of the curve */
  observe(nodes: number, passMs: number): number;
  observeDraft(draftMs: number): void;
}

/** A drafted pass must promise this times the tokens per cost of a plain step: estimates err. */
const MARGIN = 1.03;
/** The same while drafting has lost more than it won. */
const CAUTIOUS_MARGIN = 1.3;
/** Balance of drafting in plain steps: each token adds this allowance, so that losses stay below it in the long run ... */
const ALLOWANCE = 0.01;
/** ... a credit for later losses goes no higher, and below the debt it is time for caution. */
const MOST_CREDIT = 3;
const DEBT = -1;
/** Drafting that does not pay is tried again after 0, 1, 3, 7 ... steps, until trying costs this share of the time. */
const EXPLORATION = 0.005;
const LONGEST_PAUSE = 63;
/** Weight of the newest step in running means. */
const NEWEST = 0.1;
/** Drafters are asked for twice as many nodes as were kept lately, and never for fewer than this. */
const SMALLEST_PROPOSAL = 4;

export class AdaptiveScheduler implements Scheduler {
  readonly name = 'adaptive';
  readonly #costs: CostSource;
  readonly #acceptance: Acceptance;
  readonly #sources: readonly string[];
  readonly #maxNodes: number;
  /** What was proposed for the current step, if anything. */
  #proposed: DraftTree | undefined;
  /** Steps still to be taken without a proposal, and how many it will be after the next one that does not pay. */
  #pause = 0;
  #nextPause = 0;
  #balance = 0;
  /** Running means: plain steps that a proposal saves, nodes kept of a proposal. */
  #saved = 0;
  #kept: number;
  #steps = { plain: 0, drafted: 0, paused: 0 };

  /**
   * @param sources  names behind `DraftTree.sources`
   * @param maxNodes largest number of nodes of a pass, the root included
   */
  constructor(costs: CostSource, acceptance: Acceptance, sources: readonly string[], maxNodes: number) {
    this.#costs = costs;
    this.#acceptance = acceptance;
    this.#sources = sources;
    this.#maxNodes = maxNodes;
    this.#kept = maxNodes;
  }

  budget(): number {
    this.#proposed = undefined;
    if (this.#pause > 0) {
      this.#pause--;
      this.#steps.paused++;
      return 1;
    }
    return Math.min(this.#maxNodes, Math.max(SMALLEST_PROPOSAL, Math.ceil(2 * this.#kept)));
  }

  prune(tree: DraftTree): DraftTree {
    this.#proposed = tree;
    const cost = this.#costs.curve;
    const joint = jointScores(tree, this.#acceptance.estimate(tree, this.#sources));
    const order = bestFirst(joint);
    const margin = this.#balance < DEBT ? CAUTIOUS_MARGIN : MARGIN;

    let best = { nodes: 1, rate: margin / cost[1]!, tokens: 1 };
    let tokens = 1;
    for (let nodes = 2; nodes <= order.length; nodes++) {
      tokens += joint[order[nodes - 1]!]!;
      const rate = tokens / cost[nodes]!;
      if (rate > best.rate) best = { nodes, rate, tokens };
    }
    this.#saved += NEWEST * (best.tokens - cost[best.nodes]! / cost[1]! - this.#saved);
    this.#kept += (best.nodes > this.#kept ? 1 : NEWEST) * (best.nodes - this.#kept);
    return subtree(tree, order.subarray(0, best.nodes));
  }

  observe({ tree, emitted }: StepRecord, { draftMs, passMs }: StepTiming): void {
    const nodes = tree.tokens.length;
    this.#steps[nodes > 1 ? 'drafted' : 'plain']++;
    const cost = this.#costs.observe(nodes, passMs);
    // A plain step is the measure: only drafted ones can win or lose.
    let spent = nodes > 1 ? cost / this.#costs.curve[1]! : 1;
    if (this.#proposed) {
      this.#acceptance.observe(this.#proposed, this.#sources, emitted);
      this.#costs.observeDraft(draftMs);
      const share = this.#costs.draftShare;
      spent += share;
      this.#rest(nodes, share);
    }
    this.#balance = Math.min(MOST_CREDIT, this.#balance + (1 + ALLOWANCE) * emitted.length - spent);
  }

  /** Decides when drafters are asked again: at once after a proposal that paid, else each time later. */
  #rest(nodes: number, draftShare: number): void {
    if (nodes > 1 || this.#saved >= draftShare) {
      this.#nextPause >>= 1;
      return;
    }
    const longest = Math.min(LONGEST_PAUSE, Math.ceil(draftShare / EXPLORATION) - 1);
    this.#pause = Math.min(this.#nextPause, longest);
    this.#nextPause = 2 * this.#pause + 1;
  }

  explain(): string {
    const { plain, drafted, paused } = this.#steps;
    const cost = this.#costs.curve;
    const ratios = [2, 4, 8, 16, 32]
      .filter((n) => n <= this.#maxNodes)
      .map((n) => `T(${n}) ${(cost[n]! / cost[1]!).toFixed(2)}`);
    const costs = ratios.length > 0 ? `; in plain steps ${ratios.join(', ')}` : '';
    return `${drafted} drafted passes, ${plain} plain ones of which ${paused} without asking drafters${costs}`;
  }
}
