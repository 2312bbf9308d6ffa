/**
 * The ways of decoding that are compared. A new drafter or rule is a new entry of one of the lists.
 * @module
 */
import type { DraftOption, GenerateOptions } from '../../src/decode/options.ts';
import { type DraftSource, draftModel } from '../../src/draft/draft-model.ts';
import { beam, branches, chains, likeliest, type TreeShape, topAndOne } from '../../src/draft/sampled-tree.ts';
import { Automaton, Aded, Fused, Recycle, Reference, type TextStore } from '../../src/drafters.ts';
import type { DraftSampling } from '../../src/tree/draft-tree.ts';
import {
  type AcceptanceRule,
  exactDraw,
  greedyMultiDraft,
  type JudgeHead,
  kSeq,
  lossyJudge,
  lossyLenience,
  lossyTypical,
  speculativeSampling,
  withoutReplacement,
} from '../../src/verify/index.ts';
import type { SetCase } from '../shared/prompt-set.ts';

/** How a prompt is decoded, besides what all ways have in common. */
export type Way = Pick<GenerateOptions, 'draft' | 'draftTokens' | 'verifier' | 'prediction'>;

export interface Method {
  readonly name: string;
  /** Whether it is one drafter, that drafts in every pass from what every prompt has. */
  readonly single?: boolean;
  /** Whether it promises the tokens of plain decoding; then they are checked. */
  readonly sameBits: boolean;
  /** Which cases it has something to draft from; default all. */
  readonly appliesTo?: (instance: SetCase) => boolean;
  /** Begins a session: drafters that have learnt nothing. For each prompt then its way, which may have something to give back. */
  readonly start: () => (instance: SetCase) => Way & { readonly end?: () => void };
}

/** What methods are put together from. */
export interface Ingredients {
  readonly vocab: number;
  readonly context: number;
  readonly store: TextStore;
  /** A smaller model, or the same one in fewer bits; it has one session. */
  readonly draftModel: DraftSource;
  /** Draft tokens of a pass, where a scheduler does not decide. */
  readonly draftTokens: number;
  readonly judge?: JudgeHead;
}

/** One drafter for the whole session, that is asked for so many tokens in every pass. */
function fixed(
  name: string,
  draftTokens: number,
  make: () => DraftOption,
  { verifier, single = false }: { readonly verifier?: Way['verifier']; readonly single?: boolean } = {},
): Method {
  return {
    name,
    single,
    sameBits: verifier === undefined || verifier.guarantee === 'sameBits',
    start() {
      const way = { draft: make(), draftTokens, ...(verifier && { verifier }) };
      return () => way;
    },
  };
}

/** What a scheduler decides. */
function scheduled(name: string, make: () => DraftOption): Method {
  return {
    name,
    sameBits: true,
    start() {
      const way = { draft: make() };
      return () => way;
    },
  };
}

const hasReference = ({ reference }: SetCase) => reference !== undefined;

/** The draft model with trees of a shape, and a rule that is valid for them; without one the target's own choice or draw. */
function sampled<S extends DraftSampling>(
  name: string,
  source: DraftSource,
  shape: TreeShape<S>,
  verifier?: AcceptanceRule<S>,
): Method {
  return {
    name,
    sameBits: (verifier?.guarantee ?? 'sameBits') === 'sameBits',
    start: () => () => {
      const drafter = draftModel(source, shape);
      // The shape has the rule's way of sampling: that is what the types above say.
      const rule = verifier && { verifier: verifier as NonNullable<Way['verifier']> };
      return { draft: drafter, ...rule, end: () => drafter.dispose() };
    },
  };
}

/** Every drafter that runs no model, every kind of merging, a draft model, and `auto`. */
export function drafters(ingredients: Ingredients): Method[] {
  const { vocab, context, store, draftModel: source, draftTokens } = ingredients;
  const named = (...names: ('lookup' | 'recycle' | 'automaton' | 'aded' | 'lookahead')[]) =>
    fixed(names.join('+'), draftTokens, () => (names.length === 1 ? names[0]! : names), { single: names.length === 1 });
  return [
    scheduled('auto', () => 'auto'),
    {
      name: 'auto, reference',
      sameBits: true,
      appliesTo: hasReference,
      start:
        () =>
        ({ reference }) => ({ draft: 'auto', prediction: reference! }),
    },
    scheduled('auto, store', () => ['auto', store.drafter()]),
    named('lookup'),
    named('recycle'),
    named('automaton'),
    named('aded'),
    named('lookahead'),
    {
      name: 'reference',
      sameBits: true,
      appliesTo: hasReference,
      start:
        () =>
        ({ reference }) => ({ draft: new Reference(Int32Array.from(reference!), context), draftTokens }),
    },
    fixed('store', draftTokens, () => store.drafter(), { single: true }),
    named('lookup', 'recycle'),
    named('automaton', 'recycle'),
    fixed('recycle, store fused', draftTokens, () => new Fused(new Recycle(vocab), store.drafter())),
    fixed('aded, automaton fused', draftTokens, () => new Fused(new Aded(), new Automaton(context))),
    sampled('draft model', source, likeliest([1, 1, 1])),
  ];
}

/** Every rule with one way of drafting that it is valid for. */
export function verifiers({ draftModel: source, draftTokens, judge }: Ingredients): Method[] {
  const recycle = (name: string, verifier?: Way['verifier']) => fixed(name, draftTokens, () => 'recycle', { verifier });
  return [
    recycle('seed-coupled'),
    recycle('exact-draw', exactDraw),
    sampled('speculative', source, chains(1, 3), speculativeSampling),
    sampled('speculative x2', source, chains(2, 2), speculativeSampling),
    sampled('k-seq x2', source, chains(2, 2), kSeq),
    sampled('without-replacement', source, branches([2, 1]), withoutReplacement),
    sampled('stochastic beam', source, beam(2, 2), withoutReplacement),
    sampled('greedy-multi-draft', source, topAndOne([2, 1]), greedyMultiDraft),
    recycle('lossy-typical', lossyTypical()),
    sampled('lossy-lenience 0.5', source, chains(1, 3), lossyLenience(0.5)),
    ...(judge ? [recycle('lossy-judge', lossyJudge(exactDraw, judge))] : []),
  ];
}

/** What a user gets who chooses nothing. */
export function defaults(): Method[] {
  return [scheduled('auto', () => 'auto')];
}
