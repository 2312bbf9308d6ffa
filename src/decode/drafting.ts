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
import type { TextTokenizer } from '../text/text-tokenizer.ts';
import { AUTO_DRAFTERS, type DrafterName, type Settings } from './options.ts';
import { fixedCosts, PassCosts } from './pass-costs.ts';
import { Patience } from './patience.ts';
import type { Scheduler, StepTiming } from './scheduler.ts';
import type { PassRecord } from './stats.ts';

type LateDrafters = typeof import('./late-drafters.ts');

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
  /** Tells the caller of a pass, where that was asked for. */
  readonly report?: ((record: PassRecord, timing: StepTiming, sources: readonly string[]) => void) | undefined;
}

/** The drafters that `auto` asks: their memory is reserved while loading. */
type AutoDrafter = (typeof AUTO_DRAFTERS)[number];

/** Memory of a drafter of `auto`, bytes. */
export function drafterBytes(name: AutoDrafter, { vocab, context }: DraftingSizes): number {
  return name === 'lookup' ? Lookup.bytes(context) : Recycle.bytes(vocab);
}

export class Drafting {
  readonly #sizes: DraftingSizes;
  readonly #drafters = new Map<DrafterName, AnyDrafter>();
  readonly #experience = { acceptance: new Acceptance(), patience: new Patience() };
  readonly #costs: PassCosts;

  /** @param names drafters whose memory is reserved now; others reserve theirs when they are first used */
  constructor(sizes: DraftingSizes, names: readonly AutoDrafter[] = []) {
    this.#sizes = sizes;
    this.#costs = new PassCosts(sizes.maxNodes);
    for (const name of names) this.#drafter(name);
  }

  /** @throws {ForetokenError} `option.range` when `draftTokens` is more than a pass of this model holds */
  check({ draftTokens }: Settings): void {
    const { maxNodes } = this.#sizes;
    if (draftTokens !== undefined && draftTokens >= maxNodes) {
      const message = `draftTokens: expected 1..${maxNodes - 1}, as passes of this model hold ${maxNodes} nodes, got ${draftTokens}`;
      throw new ForetokenError('option.range', message);
    }
  }

  /**
   * What is not in every page is loaded here, and memory that is not reserved is: before the first token.
   * @param tokenizer of the model, for a prediction that is a text, and for drafters with a tokenizer of their own
   * @throws {ForetokenError} what `lateDrafter` and `referenceFor` of late-drafters.ts state, and `Drafter.meet`
   */
  async plan(settings: Settings, tokenizer?: TextTokenizer): Promise<DraftPlan> {
    const { draft, draftTokens, costTable, signal, prediction, onStep } = settings;
    const { maxNodes } = this.#sizes;
    const names = new Set(draft.flatMap((source) => (source === 'auto' ? AUTO_DRAFTERS : source)));
    const late =
      prediction !== undefined || onStep || draft.some(isLate) ? await import('./late-drafters.ts') : undefined;
    const report = onStep && late!.reporter(onStep);
    const plan = (scheduler: Scheduler, proposer?: Proposer): DraftPlan => ({ proposer, scheduler, report });
    if (draft.length === 0 || maxNodes < 2) return plan(fixedScheduler(1));

    const drafters = Array.from(names, (source) => (typeof source === 'string' ? this.#drafter(source, late) : source));
    if (prediction !== undefined) drafters.unshift(late!.referenceFor(prediction, this.#sizes, tokenizer));
    const isOwn = draft.every((source) => typeof source === 'string');
    const check = isOwn ? undefined : (await import('../draft/check-proposal.ts')).checkProposal;
    const proposer = new Proposer(drafters, signal, check);
    proposer.meet({ vocab: this.#sizes.vocab, tokenizer });
    const adaptive = draft.includes('auto');
    const most = adaptive ? maxNodes - 1 : Math.min(DEFAULT_DRAFT_TOKENS, maxNodes - 1);
    const nodes = 1 + (draftTokens ?? most);
    if (!adaptive) return plan(fixedScheduler(nodes), proposer);

    const costs = costTable ? fixedCosts(costTable, maxNodes) : this.#costs;
    return plan(new AdaptiveScheduler(costs, this.#experience, proposer, nodes), proposer);
  }

  #drafter(name: DrafterName, late?: LateDrafters): AnyDrafter {
    let drafter = this.#drafters.get(name);
    if (!drafter) {
      const { vocab, context } = this.#sizes;
      drafter =
        name === 'lookup'
          ? new Lookup(context)
          : name === 'recycle'
            ? new Recycle(vocab)
            : late!.lateDrafter(name, this.#sizes);
      this.#drafters.set(name, drafter);
    }
    return drafter;
  }
}

/** Whether a drafter's code is not here yet. */
function isLate(source: Settings['draft'][number]): boolean {
  return typeof source === 'string' && !['auto', ...AUTO_DRAFTERS].includes(source);
}
