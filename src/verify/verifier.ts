/**
 * Verifier: what to accept. One file per acceptance rule stands beside this interface.
 * @module
 */
import type { DrafterName, Settings } from '../decode/options.ts';
import type { Drafter } from '../draft/drafter.ts';
import type { TargetRows } from '../model/target.ts';
import type { DraftSampling, DraftTree } from '../tree/draft-tree.ts';

/**
 * What a verifier promises of the output: the very tokens of plain decoding with the same seed, tokens of the same
 * distribution, or neither (never a default).
 */
export type Guarantee = 'sameBits' | 'sameDistribution' | 'lossy';

/** The token that follows a node, and the child that carries it (-1 when the tree does not hold it: the step ends). */
export interface Decision {
  readonly token: number;
  readonly child: number;
}

/** Decides token by token, so that the loop can stop anywhere on the accepted path. */
export interface Verifier {
  readonly name: string;
  readonly guarantee: Guarantee;
  /**
   * The token after `node`, given that `node` is accepted. Called once for each position, in order.
   * @param history tokens of the path: prompt, output, and the path down to and including `node`
   */
  decide(tree: DraftTree, node: number, rows: TargetRows, history: readonly number[]): Decision;
}

/**
 * The settings of a generation that a rule decides by. Those who draft are among them: they sample in one of the ways `S`, and names are
 * those of built-in drafters, which do not sample.
 */
export interface RuleSettings<S extends DraftSampling> extends Pick<Settings, 'sampling' | 'seed'> {
  readonly draft: readonly ('auto' | DrafterName | Drafter<S>)[];
}

/**
 * An acceptance rule: makes the verifier of a generation. `S` are the ways of sampling drafts that it is valid for, so that a drafter which
 * samples in another way does not compile beside it; who comes without types is refused by `create`.
 */
export interface AcceptanceRule<in S extends DraftSampling> {
  readonly name: string;
  readonly guarantee: Guarantee;
  /** The ways `S`. */
  readonly validFor: readonly DraftSampling[];
  /** @throws {ForetokenError} `option.verifier` when a drafter samples in a way that the rule is not valid for */
  readonly create: (settings: RuleSettings<S>, vocab: number) => Verifier;
}
