/**
 * What a judge learns from: hidden states of tokens that a target was shown, right and wrong ones.
 *
 *   text            ... a   b   c   d ...          every place of a text is shown some tokens, as siblings in one draft tree:
 *   shown after a           b                      the text's own,
 *                           x y                    the target's likeliest,
 *                           z                      a planted error: a token of another place of the text
 *
 *   right   likely enough to the target, or the text's own and not unlikely to it
 *   wrong   planted, and unlikely to the target
 *   else    left out
 *
 * Nothing is shown after a wrong token, as what follows an error is neither. Source of the rule that only tokens up to an error count: Bachmann et al.,
 * "Judge Decoding", 2025, arXiv 2501.19309, where people marked the errors; here the target's own likelihood does.
 * @module
 */
import { exp } from '../../engine/math.ts';
import type { Target, TargetRows } from '../../model/target.ts';
import { chain, type DraftTree } from '../../tree/draft-tree.ts';

/** A token that was shown, and what the target thought of it. */
export interface JudgeExample {
  readonly token: number;
  /** Where in the text: after so many tokens of it. */
  readonly place: number;
  /** (D,) f32 state of the token's own node, after the last layer and before the last norm. */
  readonly hidden: Float32Array;
  readonly isRight: boolean;
  /** Whether it was the target's own choice: a judge is asked only about the others. */
  readonly isChoice: boolean;
}

export interface LabelOptions {
  /** A token is right from this share of the likeliest one's probability on: default 0.3. */
  readonly likely?: number;
  /** A planted token is wrong below this share, and a token of the text right from it on: default 0.01. */
  readonly unlikely?: number;
}

/** Places of a text that one pass shows tokens at. */
const PLACES = 15;
/** Of the target's likeliest tokens. */
const LIKELIEST = 2;

/**
 * Examples of one text.
 *
 * @param target its cache is used from its start on, and empty afterwards
 * @param text   (T,) ids; what goes beyond the context is left out
 * @param random numbers in [0, 1): which errors are planted
 * @throws {ForetokenError} what passes throw: `tree.size` for a target whose passes hold fewer than 6 nodes
 */
export function* judgeExamples(
  target: Target,
  text: Int32Array,
  random: () => number,
  options: LabelOptions = {},
): Generator<JudgeExample, void, undefined> {
  target.truncate(0);
  const length = Math.min(text.length, target.context);
  const places = Math.max(1, Math.min(PLACES, Math.floor((target.maxNodes - 1) / (2 + LIKELIEST))));
  for (let from = 0; from + 1 < length; from += places) {
    // One token more than places: the root, which is shown nowhere.
    const block = chain(text.subarray(from, Math.min(length, from + places + 1)));
    const shown = showTokens(target.forward(block, 'all'), block.tokens, text, random, options);
    const tree = treeOf(block, shown);
    const rows = target.forward(tree, 'all');
    for (const { token, parent, node, isRight, isChoice } of shown) {
      yield { token, place: from + parent + 1, hidden: rows.hidden!(node).slice(), isRight, isChoice };
    }
    const path = Int32Array.from({ length: Math.min(places, block.tokens.length) }, (_, node) => node);
    target.commit(path);
  }
  target.truncate(0);
}

interface Shown {
  readonly parent: number;
  readonly token: number;
  readonly isRight: boolean;
  readonly isChoice: boolean;
  node: number;
}

function showTokens(
  rows: TargetRows,
  block: Int32Array,
  text: Int32Array,
  random: () => number,
  { likely = 0.3, unlikely = 0.01 }: LabelOptions,
): Shown[] {
  const all: Shown[] = [];
  for (let parent = 0; parent + 1 < block.length; parent++) {
    const own = block[parent + 1]!;
    const logits = rows.logits(parent);
    const best = rows.topK(parent, LIKELIEST);
    const share = (token: number) => exp(logits[token]! - logits[best[0]!]!);
    const planted = text[Math.floor(random() * text.length)]!;
    const shown = new Map<number, boolean>();
    for (const token of best) if (share(token) >= likely) shown.set(token, true);
    if (share(own) >= unlikely) shown.set(own, true);
    if (!shown.has(planted) && planted !== own && share(planted) < unlikely) shown.set(planted, false);
    for (const [token, isRight] of shown) {
      all.push({ parent, token, isRight, isChoice: token === best[0], node: token === own ? parent + 1 : -1 });
    }
  }
  return all;
}

/** The block, and below its nodes the other tokens that are shown. */
function treeOf(block: DraftTree, shown: readonly Shown[]): DraftTree {
  const tokens = [...block.tokens];
  const parents = [...block.parents];
  for (const one of shown) {
    if (one.node >= 0) continue;
    parents.push(one.parent);
    one.node = tokens.push(one.token) - 1;
  }
  return { tokens: Int32Array.from(tokens), parents: Int32Array.from(parents) };
}
