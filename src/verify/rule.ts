/**
 * What acceptance rules have in common. A rule is a *trial*: it goes through the drawn children of a node and accepts one, or leaves the
 * residual distribution, which the token is then drawn from.
 *
 *   target's distribution p ──► trial of the drawn children ──► accepted: the token is the child's
 *                                     │
 *                                     └─ none: a token from the residual; a child that carries it is followed, too
 *
 * A node without draws has no trial: its token is drawn from p, and a child that carries it is followed. That is the exact draw, lossless
 * however the children were chosen, so one tree may mix drawn children and others, also below one node. Where several drafters drew below one
 * node, each of their draws is a trial of its own: the residual of one is the p of the next. A trial followed by a draw from what it
 * leaves emits p, so put in place of that draw it changes no law.
 * @module
 */
import type { SamplingSettings } from '../decode/sampling.ts';
import { LogitsProcessor } from '../decode/sampling.ts';
import { ForetokenError, quote } from '../errors.ts';
import { childWith, type Draw, type DraftSampling, type DraftTree } from '../tree/draft-tree.ts';
import { type Chooser, SeededChooser, STREAMS } from './chooser.ts';
import type { AcceptanceRule, Guarantee, RuleSettings, Verifier } from './verifier.ts';

/**
 * Tries the drawn children of a node.
 *
 * @param targetProb (V,) f64, sums to 1; overwritten
 * @param tokens     (N,) of the tree
 * @returns the accepted node, or -1: then `targetProb` holds the residual, in any scale but not all 0
 */
export type Trial = (targetProb: Float64Array, draw: Draw, tokens: Int32Array, chooser: Chooser) => number;

/** What a rule says of itself. */
export interface RuleTerms<S extends DraftSampling> {
  readonly name: string;
  readonly guarantee: Guarantee;
  readonly validFor: readonly S[];
}

/** @param make the verifier, once the drafters are known to fit */
export function acceptanceRule<S extends DraftSampling>(
  terms: RuleTerms<S>,
  make: (settings: RuleSettings<S>, vocab: number) => Verifier,
): AcceptanceRule<S> {
  return {
    ...terms,
    create(settings, vocab) {
      checkDrafters(terms, settings);
      return make(settings, vocab);
    },
  };
}

/** A rule that is all in its trial. */
export function trialRule<S extends DraftSampling>(terms: RuleTerms<S>, trial: Trial): AcceptanceRule<S> {
  return acceptanceRule(terms, ({ sampling, seed }, vocab) => {
    const chooser = new SeededChooser(seed, STREAMS.verify);
    return trialVerifier(terms, trial, new TargetWeights(vocab, sampling), (position) => chooser.at(position));
  });
}

/** @param chooserAt the choices at a position; asked for once each */
export function trialVerifier(
  { name, guarantee }: Pick<Verifier, 'name' | 'guarantee'>,
  trial: Trial,
  target: TargetWeights,
  chooserAt: (position: number) => Chooser,
): Verifier {
  return {
    name,
    guarantee,
    decide(tree, node, rows, history) {
      const chooser = chooserAt(history.length);
      const weights = target.at(rows.logits(node), history);
      for (const draw of drawsAt(tree, node, weights.length)) {
        normalise(weights);
        const child = trial(weights, draw, tree.tokens, chooser);
        if (child >= 0) return { token: tree.tokens[child]!, child };
      }
      const token = chooser.draw(weights);
      return { token, child: childWith(tree, node, token) };
    },
  };
}

/** The target's distribution after the settings of a generation, as plain decoding draws from it. At temperature 0 all of it is on the largest logit. */
export class TargetWeights {
  readonly #processor: LogitsProcessor;
  readonly #greedy: Float64Array | undefined;

  constructor(vocab: number, sampling: SamplingSettings) {
    this.#processor = new LogitsProcessor(vocab, sampling);
    if (sampling.temperature === 0) this.#greedy = new Float64Array(vocab);
  }

  /**
   * @param history tokens before the one to be chosen, prompt included
   * @returns (V,) f64 in any scale; valid, and free to be overwritten, until the next call
   * @throws {ForetokenError} `logits.finite`
   */
  at(logits: Float32Array, history: readonly number[]): Float64Array {
    if (!this.#greedy) return this.#processor.process(logits, history);
    this.#greedy.fill(0)[this.#processor.largest(logits, history)] = 1;
    return this.#greedy;
  }
}

/** Scales to a sum of 1. @returns false, and leaves them, when there is nothing to scale */
export function normalise(weights: Float64Array): boolean {
  let sum = 0;
  for (let id = 0; id < weights.length; id++) sum += weights[id]!;
  if (!(sum > 0)) return false;
  for (let id = 0; id < weights.length; id++) weights[id]! /= sum;
  return true;
}

/** How far the probabilities of a draw may sum from 1: those of f32 arithmetic do. */
const SUM_TOLERANCE = 1e-4;

/**
 * How children of a node were drawn, with probabilities that are checked.
 * @throws {ForetokenError} `tree.draws` when the probabilities are none, or a drawn child could not have been drawn
 */
export function drawsAt({ tokens, draws }: DraftTree, node: number, vocab: number): readonly Draw[] {
  const found = draws?.at(node) ?? [];
  const refuse = (message: string) => new ForetokenError('tree.draws', `the draws below node ${node}: ${message}`);
  for (const { draftProb, children } of found) {
    if (draftProb.length !== vocab) {
      throw refuse(`${draftProb.length} probabilities: expected ${vocab}, one for each token of the target`);
    }
    let sum = 0;
    for (let id = 0; id < vocab; id++) sum += draftProb[id]! >= 0 ? draftProb[id]! : Number.NaN;
    if (!(Math.abs(sum - 1) <= SUM_TOLERANCE)) throw refuse(`probabilities that sum to ${sum}: expected 1`);
    for (const child of children) {
      if (draftProb[tokens[child]!] === 0) throw refuse(`token ${tokens[child]} was drawn with probability 0`);
    }
  }
  return found;
}

function checkDrafters<S extends DraftSampling>(
  { name, validFor }: RuleTerms<S>,
  { draft }: Pick<RuleSettings<S>, 'draft'>,
): void {
  for (const drafter of draft) {
    if (typeof drafter === 'string') continue;
    const sampling = drafter.sampling ?? 'deterministic';
    if (!(validFor as readonly DraftSampling[]).includes(sampling)) {
      throw new ForetokenError(
        'option.verifier',
        `verifier ${name} is valid for drafts that are ${validFor.join(' or ')}: those of drafter ${quote(drafter.name)} are ${quote(sampling)}`,
      );
    }
  }
}
