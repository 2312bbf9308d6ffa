/**
 * Judge: a linear head on the target's hidden state says whether a drafted token that the target would not have chosen is good enough. Lossy.
 * Source: Bachmann et al., "Judge Decoding", 2025, arXiv 2501.19309.
 *
 * The state is that of the draft token's own node, after the last layer and before the last norm: the target has read the token. The rule
 * below decides first, and draws what it draws, so that a threshold of 1 gives its very tokens.
 * @module
 */
import { outOfRange, wrongType } from '../check-options.ts';
import { log } from '../engine/math.ts';
import { ForetokenError } from '../errors.ts';
import type { TargetRows } from '../model/target.ts';
import type { DraftSampling } from '../tree/draft-tree.ts';
import type { AcceptanceRule } from './verifier.ts';

/** score = sigmoid(weights · (hidden - mean) / scale + bias) */
export interface JudgeHead {
  /** (D,) */
  readonly weights: ArrayLike<number>;
  readonly bias: number;
  /** (D,) of the states that the head was trained on, where it was trained on standardised ones. */
  readonly mean?: ArrayLike<number>;
  readonly scale?: ArrayLike<number>;
}

export interface JudgeOptions {
  /** A score above it is accepted: 0.5 by default, nothing from 1 on, everything below 0. */
  readonly threshold?: number;
  /** Tokens that the head alone never accepts: those that end a text, or that a format is made of. */
  readonly never?: readonly number[];
}

/**
 * @param rule decides where the head has nothing to add
 * @throws {ForetokenError} `option.type`, `option.range` for a head or threshold that is none; while decoding `option.verifier` when the target
 *   tells no hidden states, or such of another width
 */
export function lossyJudge<S extends DraftSampling>(
  rule: AcceptanceRule<S>,
  head: JudgeHead,
  { threshold = 0.5, never = [] }: JudgeOptions = {},
): AcceptanceRule<S> {
  if (typeof threshold !== 'number') throw wrongType('threshold', 'a number', threshold);
  if (Number.isNaN(threshold)) throw outOfRange('threshold', 'a number', threshold);
  const { weights, bias } = fold(head);
  // sigmoid(x) > t, without the sigmoid
  const floor = threshold >= 1 ? Infinity : threshold < 0 ? -Infinity : log(threshold / (1 - threshold));
  const name = `lossy-judge(${rule.name})`;
  return {
    name,
    guarantee: 'lossy',
    validFor: rule.validFor,
    create(settings, vocab) {
      const base = rule.create(settings, vocab);
      return {
        name,
        guarantee: 'lossy',
        decide(tree, node, rows, history) {
          const decision = base.decide(tree, node, rows, history);
          if (decision.child >= 0 || floor === Infinity) return decision;
          let [best, highest] = [-1, floor];
          for (let child = node + 1; child < tree.tokens.length; child++) {
            if (tree.parents[child] !== node || never.includes(tree.tokens[child]!)) continue;
            const score = bias + dot(weights, hiddenAt(rows, child, weights.length));
            if (score > highest) [best, highest] = [child, score];
          }
          return best < 0 ? decision : { token: tree.tokens[best]!, child: best };
        },
      };
    },
  };
}

/** Standardisation goes into weights and bias. */
function fold({ weights, bias, mean, scale }: JudgeHead): { readonly weights: Float64Array; readonly bias: number } {
  const width = weights?.length;
  if (!(width >= 1)) throw wrongType('weights', 'an array of numbers', weights);
  for (const part of [mean, scale]) {
    if (part && part.length !== width) throw outOfRange('mean and scale', `${width} numbers, as weights`, part.length);
  }
  const folded = Float64Array.from(weights, (weight, i) => weight / (scale?.[i] ?? 1));
  const shift = mean ? dot(folded, mean) : 0;
  if (!folded.every(Number.isFinite) || !Number.isFinite(bias - shift)) {
    throw outOfRange('weights and bias', 'finite numbers, and no scale of 0', 'others');
  }
  return { weights: folded, bias: bias - shift };
}

function dot(a: Float64Array, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

function hiddenAt(rows: TargetRows, node: number, width: number): Float32Array {
  const hidden = rows.hidden?.(node);
  if (hidden?.length === width) return hidden;
  const got = hidden ? `hidden states of ${hidden.length}` : 'no hidden states';
  throw new ForetokenError('option.verifier', `a judge of ${width} weights, and a target that tells ${got}`);
}
