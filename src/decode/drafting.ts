/**
 * What a model keeps for drafting from one generation to the next: drafters with what they have learnt, the cost curve, and how often
 * drafts were accepted.
 * @module
 */
import type { AnyDrafter } from '../draft/drafter.ts';
import { Lookup } from '../draft/lookup.ts';
import { Proposer } from '../draft/proposer.ts';
import { Recycle } from '../draft/recycle.ts';
import { ForetokenError } from '../errors.ts';
import { Acceptance } from './acceptance.ts';
import { AdaptiveScheduler } from './adaptive-scheduler.ts';
import { fixedScheduler } from './fixed-scheduler.ts';
import { DRAFTER_NAMES, type DrafterName, type Settings } from './options.ts';
import { fixedCosts, PassCosts } from './pass-costs.ts';
import { Patience } from './patience.ts';
import type { Scheduler } from './scheduler.ts';

/** Draft tokens of a pass when a drafter is named and no number is given. */
const DEFAULT_DRAFT_TOKENS = 15;

/** Sizes of a target, as in `Target`. */
export interface DraftingSizes {
  readonly vocab: number;
  readonly context: number;
  readonly maxNodes: number;
}

/** How one generation drafts. */
export interface DraftPlan {
  /** Absent in plain decoding. */
  readonly proposer: Proposer | undefined;
  readonly scheduler: Scheduler;
}

/** Memory of a built-in drafter, bytes. */
export function drafterBytes(name: DrafterName, { vocab, context }: DraftingSizes): number {
  return name === 'lookup' ? Lookup.bytes(context) : Recycle.bytes(vocab);
}

export class Drafting {
  readonly #sizes: DraftingSizes;
  readonly #drafters = new Map<DrafterName, AnyDrafter>();
  readonly #experience = { acceptance: new Acceptance(), patience: new Patience() };
  readonly #costs: PassCosts;

  /** @param names drafters whose memory is reserved now; others reserve theirs when they are first used */
  constructor(sizes: DraftingSizes, names: readonly DrafterName[] = []) {
    this.#sizes = sizes;
    this.#costs = new PassCosts(sizes.maxNodes);
    for (const name of names) this.#drafter(name);
  }

  /** @throws {ForetokenError} `option.range` when `draftTokens` is more than a pass of this model holds */
  plan({ draft, draftTokens, costTable, signal }: Settings): DraftPlan {
    const { maxNodes } = this.#sizes;
    if (draftTokens !== undefined && draftTokens >= maxNodes) {
      const message = `draftTokens: expected 1..${maxNodes - 1}, as passes of this model hold ${maxNodes} nodes, got ${draftTokens}`;
      throw new ForetokenError('option.range', message);
    }
    if (draft.length === 0 || maxNodes < 2) return { proposer: undefined, scheduler: fixedScheduler(1) };

    const chosen = draft === 'auto' ? DRAFTER_NAMES : draft;
    const drafters = chosen.map((drafter) => (typeof drafter === 'string' ? this.#drafter(drafter) : drafter));
    const proposer = new Proposer(drafters, signal);
    const most = draft === 'auto' ? maxNodes - 1 : Math.min(DEFAULT_DRAFT_TOKENS, maxNodes - 1);
    const nodes = 1 + (draftTokens ?? most);
    if (draft !== 'auto') return { proposer, scheduler: fixedScheduler(nodes) };

    const costs = costTable ? fixedCosts(costTable, maxNodes) : this.#costs;
    return { proposer, scheduler: new AdaptiveScheduler(costs, this.#experience, proposer, nodes) };
  }

  #drafter(name: DrafterName): AnyDrafter {
    let drafter = this.#drafters.get(name);
    if (!drafter) {
      const { vocab, context } = this.#sizes;
      drafter = name === 'lookup' ? new Lookup(context) : new Recycle(vocab);
      this.#drafters.set(name, drafter);
    }
    return drafter;
  }
}
