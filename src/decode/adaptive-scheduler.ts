/**
 * Adaptive scheduler, behind `draft: 'auto'`: verifies the part of a proposed tree from which most is expected in the long run, and takes
 * a plain step where no part does better than that.
 *
 *   nodes, best joint probability first:   root   a     b     c     d
 *   tokens expected from the first n:      1      1.9   2.6   2.7   2.75      1 + sum of joint probabilities
 *   cost of a pass over n:                 1      1.4   1.8   2.1   2.5       T(n) / T(1)
 *   tokens less 1.2 for each cost:        -0.2    0.22  0.44  0.18 -0.25      keep the root, a and b
 *
 * The 1.2 are the tokens per cost of the steps so far, and no less than those of plain steps: what the time of a pass would bring otherwise (the
 * renewal-reward theorem; the best tokens per cost of each single step would make passes too small where guesses are good). A new text
 * begins with the latter.
 *
 * Drafting costs time as well: once a pass, so that larger passes have less of it for each token. Where drafters tell their outlook, a tree is asked for only where a chain of guesses as good as the first
 * would pay; what came of outlooks is counted in every step, so that a drafter's first good guess is not missed. A drafter whose learning takes
 * more time than its outlooks promise, beyond those of the others, rests for a while.
 * @module
 */
import type { StepRecord } from '../draft/drafter.ts';
import type { Outlooks, Proposer } from '../draft/proposer.ts';
import type { DraftTree } from '../tree/draft-tree.ts';
import { jointScores, keepOrder, subtree } from '../tree/prune.ts';
import type { Acceptance } from './acceptance.ts';
import type { Patience } from './patience.ts';
import type { CostCurve, Scheduler, StepTiming } from './scheduler.ts';
import { SteadyMean } from './steady-mean.ts';

/** Where the scheduler reads what passes and drafting cost, and tells what they took. */
export interface CostSource {
  /** (maxNodes + 1,) T(n) in any one unit. */
  readonly curve: CostCurve;
  /** A time / T(1); 0 while times mean nothing: before the first measurement, or under an injected table. */
  share(ms: number): number;
  /** @returns what the pass cost, in the unit of the curve */
  observe(nodes: number, passMs: number): number;
}

/** What the scheduler needs of those who draft. */
export type Drafters = Pick<Proposer, 'drafters' | 'sources' | 'outlooks' | 'rest' | 'wake' | 'learningMs'>;

/** What a model has learnt about its drafters, from one generation to the next. */
export interface Experience {
  readonly acceptance: Acceptance;
  readonly patience: Patience;
}

/** A drafted pass must promise this times the tokens per cost of a plain step: estimates err. */
const MARGIN = 1.03;
/** The same while drafting has lost more than it won. */
const CAUTIOUS_MARGIN = 1.3;
/** Of plain passes, which are all alike, so many share one measurement. */
const PLAIN_TIMED = 4;
/** A chain that is less likely to hold than this is not looked at further. */
const LEAST_LIKELY = 0.01;
/** Weight of the newest step in running means. */
const NEWEST = 0.1;
/** Steps that tokens per cost are remembered for. */
const RATE_MEMORY = 50;
/** Drafters are asked for twice as many nodes as were kept lately, at first and at least for this many. */
const SMALLEST_PROPOSAL = 4;

export class AdaptiveScheduler implements Scheduler {
  readonly name = 'adaptive';
  readonly #costs: CostSource;
  readonly #acceptance: Acceptance;
  readonly #patience: Patience;
  readonly #drafters: Drafters;
  readonly #maxNodes: number;
  readonly #drafting = new SteadyMean();
  /** What drafters expect of the current step, if they tell, and how many plain steps each promises to save. */
  #outlooks: Outlooks | undefined;
  readonly #gains: Float64Array;
  /** What was proposed for the current step, if anything. */
  #proposed: DraftTree | undefined;
  /** Steps still to be taken without a proposal. */
  #pause = 0;
  /** Running means: plain steps that a proposal saves, nodes kept of a proposal. */
  #saved = 0;
  /** Of the latest steps: tokens, and plain steps that they took. */
  #tokens = 0;
  #spent = 0;
  #kept = SMALLEST_PROPOSAL;
  #steps = { plain: 0, drafted: 0, paused: 0 };

  /** @param maxNodes largest number of nodes of a pass, the root included */
  constructor(costs: CostSource, { acceptance, patience }: Experience, drafters: Drafters, maxNodes: number) {
    this.#costs = costs;
    this.#acceptance = acceptance;
    this.#patience = patience;
    this.#drafters = drafters;
    this.#maxNodes = maxNodes;
    this.#gains = new Float64Array(drafters.drafters.length);
    drafters.drafters.forEach((name, drafter) => {
      if (patience.rest(name) > 0) drafters.rest(drafter);
    });
  }

  budget(): number {
    this.#proposed = undefined;
    this.#outlooks = this.#drafters.outlooks();
    const hopeless = this.#outlooks !== undefined && !this.#anyGain(this.#outlooks);
    if (this.#pause > 0 || hopeless) {
      if (this.#pause > 0) this.#pause--;
      this.#steps.paused++;
      return 1;
    }
    return Math.min(this.#maxNodes, Math.max(SMALLEST_PROPOSAL, Math.ceil(2 * this.#kept)));
  }

  prune(tree: DraftTree): DraftTree {
    this.#proposed = tree;
    const cost = this.#costs.curve;
    const drafting = this.#draftShare * cost[1]!;
    const joint = jointScores(tree, this.#acceptance.estimate(tree, this.#drafters.sources));
    const { order, least } = keepOrder(tree, joint);
    const margin = this.#margin;

    const most = Math.min(order.length, this.#maxNodes);
    const expected = new Float64Array(most + 1);
    let bestRate = margin / (cost[1]! + drafting);
    expected[1] = 1;
    for (let nodes = 2; nodes <= most; nodes++) {
      expected[nodes] = expected[nodes - 1]! + joint[order[nodes - 1]!]!;
      bestRate = Math.max(bestRate, expected[nodes]! / (cost[nodes]! + drafting));
    }
    // Where drafting has lost lately, plain steps would have brought more.
    const lately = this.#spent > 0 ? this.#tokens / (this.#spent * cost[1]!) : bestRate;
    const rate = Math.max(margin / cost[1]!, lately);
    // Drawn nodes stay, also where a plain step would do better: that was to be decided before they were drawn.
    const best = { nodes: 1, tokens: 1, gain: least > 1 ? -Infinity : margin - rate * (cost[1]! + drafting) };
    for (let nodes = Math.max(2, least); nodes <= most; nodes++) {
      const gain = expected[nodes]! - rate * (cost[nodes]! + drafting);
      if (gain > best.gain) Object.assign(best, { nodes, tokens: expected[nodes]!, gain });
    }
    this.#saved += NEWEST * (best.tokens - cost[best.nodes]! / cost[1]! - this.#saved);
    this.#kept += (best.nodes > this.#kept ? 1 : NEWEST) * (best.nodes - this.#kept);
    return subtree(tree, order.subarray(0, best.nodes));
  }

  observe({ tree, emitted, history }: StepRecord, { draftMs, passMs }: StepTiming): void {
    const nodes = tree.tokens.length;
    const drafted = nodes > 1;
    this.#steps[drafted ? 'drafted' : 'plain']++;
    // A plain step is the measure: only drafted ones can win or lose.
    let spent = 1 + this.#costs.share(draftMs);
    if (drafted) spent += this.#costs.observe(nodes, passMs) / this.#costs.curve[1]! - 1;
    else if (this.#steps.plain % PLAIN_TIMED === 1) this.#costs.observe(1, passMs);
    if (this.#outlooks) this.#review(this.#outlooks, emitted[0]!, history);
    if (this.#proposed) {
      this.#acceptance.observe(this.#proposed, this.#drafters.sources, emitted);
      this.#drafting.add(draftMs);
      this.#pause = this.#patience.pause(nodes > 1 || this.#saved >= this.#draftShare, this.#draftShare);
    }
    this.#tokens += emitted.length - this.#tokens / RATE_MEMORY;
    this.#spent += spent - this.#spent / RATE_MEMORY;
    this.#patience.settle(emitted.length, spent);
  }

  get #margin(): number {
    return this.#patience.isCautious ? CAUTIOUS_MARGIN : MARGIN;
  }

  /** Time of drafting in one step, in plain steps. */
  get #draftShare(): number {
    return this.#costs.share(this.#drafting.value);
  }

  #anyGain(outlooks: Outlooks): boolean {
    let any = false;
    for (let i = 0; i < outlooks.length; i++) {
      const outlook = outlooks[i];
      this.#gains[i] = outlook ? this.#gain(this.#acceptance.chance(this.#drafters.drafters[i]!, outlook)) : 0;
      any ||= this.#gains[i]! > 0;
    }
    return any;
  }

  /** Plain steps that a chain of guesses of one chance would save, its pass and drafting paid; 0 where it would not. */
  #gain(chance: number): number {
    const cost = this.#costs.curve;
    const plain = cost[1]! / this.#margin;
    const drafting = this.#draftShare;
    let tokens = 1;
    let likely = 1;
    let best = 0;
    for (let nodes = 2; nodes <= this.#maxNodes && likely > LEAST_LIKELY; nodes++) {
      likely *= chance;
      tokens += likely;
      best = Math.max(best, tokens - cost[nodes]! / plain - drafting);
    }
    return best;
  }

  /** Compares outlooks with what came, and sends drafters to rest or wakes them. */
  #review(outlooks: Outlooks, emitted: number, history: readonly number[]): void {
    for (let i = 0; i < outlooks.length; i++) {
      const name = this.#drafters.drafters[i]!;
      const outlook = outlooks[i];
      if (outlook) this.#acceptance.observeOutlook(name, outlook, emitted);
      const rest = this.#patience.rest(name);
      if (rest === 1) this.#drafters.wake(i, history);
      if (rest > 0) continue;
      const learning = this.#costs.share(this.#drafters.learningMs(i));
      if (this.#patience.listen(name, this.#ownGain(i), learning)) this.#drafters.rest(i);
    }
  }

  /** What a drafter's outlook promises beyond that of every other. */
  #ownGain(drafter: number): number {
    let others = 0;
    for (let i = 0; i < this.#gains.length; i++) if (i !== drafter) others = Math.max(others, this.#gains[i]!);
    return Math.max(0, this.#gains[drafter]! - others);
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
