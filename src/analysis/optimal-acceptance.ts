/**
 * The most that any lossless rule can accept: alpha*, the probability that the token emitted at one position is among the n that were drafted for it.
 * A measuring stick for rules, and for ways of sampling drafts.
 *
 * By max-flow and min-cut between drafts and the tokens they hold (p the target's distribution, Q(H) the probability that all drafts lie in H):
 *
 *   alpha* = 1 + min over sets H of tokens of (p(H) - Q(H))
 *
 * For draws with and without replacement the minimum is at a beginning of the tokens sorted by q / p, largest first, so V + 1 sets are enough.
 * Source: Hu et al., "Towards Optimal Multi-draft Speculative Decoding", 2025, arXiv 2502.18779.
 * @module
 */
import { outOfRange } from '../check-options.ts';
import { exp } from '../engine/math.ts';
import { ForetokenError } from '../errors.ts';
import type { DraftSampling } from '../tree/draft-tree.ts';

/** A target's and a drafter's distribution at one position: (V,) f64 each, sums of 1. */
export interface RowPair {
  readonly targetProb: Float64Array;
  readonly draftProb: Float64Array;
}

/**
 * alpha* of one position.
 *
 * @param count    n, drafts at the position, at least 1
 * @param sampling how they come from `draftProb`: `deterministic` are the n most likely tokens, `topAndOne` the n - 1 most likely ones and a draw
 *   among the others; ties go to the lowest id
 * @throws {ForetokenError} `option.range` when the rows do not fit each other or are no distributions, or n is none
 */
export function optimalAcceptance({ targetProb, draftProb }: RowPair, count: number, sampling: DraftSampling): number {
  checkRow('targetProb', targetProb, targetProb.length);
  checkRow('draftProb', draftProb, targetProb.length);
  if (!(Number.isInteger(count) && count >= 1)) throw outOfRange('count', 'a whole number, 1 or more', count);
  switch (sampling) {
    case 'deterministic':
      return sum(mostLikely(draftProb, count), (id) => targetProb[id]!);
    case 'topAndOne':
      return topAndOneAcceptance(targetProb, draftProb, count);
    case 'independent':
    case 'withoutReplacement':
      return leastCut(targetProb, draftProb, count, sampling);
    default:
      throw new ForetokenError(
        'option.range',
        'sampling: expected deterministic, independent, withoutReplacement or topAndOne',
      );
  }
}

/** Likely tokens are accepted by the residual that falls on them, the drawn one by min(1, p / q): together all that can be. */
function topAndOneAcceptance(targetProb: Float64Array, draftProb: Float64Array, count: number): number {
  const top = mostLikely(draftProb, count - 1);
  const rest = draftProb.slice();
  for (const id of top) rest[id] = 0;
  const mass = sum(rest.keys(), (id) => rest[id]!);
  const drawn =
    mass > 0 ? sum(rest.keys(), (id) => (rest[id]! > 0 ? Math.min(targetProb[id]!, rest[id]! / mass) : 0)) : 0;
  return sum(top, (id) => targetProb[id]!) + drawn;
}

/** 1 + the least of p(H) - Q(H) over beginnings H of the tokens in order of q / p. */
function leastCut(
  targetProb: Float64Array,
  draftProb: Float64Array,
  count: number,
  sampling: 'independent' | 'withoutReplacement',
): number {
  // Tokens of q = 0 add to p(H) alone: they stay out. Those of p = 0 come first, as q / 0 is infinite.
  const order = [...draftProb.keys()].filter((id) => draftProb[id]! > 0);
  const ratio = (id: number) => draftProb[id]! / targetProb[id]!;
  order.sort((a, b) => {
    const [x, y] = [ratio(a), ratio(b)];
    return x === y ? a - b : y - x;
  });
  const q = Float64Array.from(order, (id) => draftProb[id]!);
  // Where q has fewer tokens than are asked for, all of them are drafted.
  const inside = sampling === 'independent' ? allInside(q, count) : distinctInside(q, Math.min(count, q.length));
  let least = 0;
  let p = 0;
  order.forEach((id, i) => {
    p += targetProb[id]!;
    least = Math.min(least, p - inside[i]!);
  });
  return 1 + least;
}

/** Q of each beginning: the chance that n independent draws lie among the first i + 1 tokens. */
function allInside(q: Float64Array, count: number): Float64Array {
  let share = 0;
  return q.map((prob) => Math.min(1, (share += prob)) ** count);
}

/** Step of the integral over ln t, and where it starts: below, the integrand is at most t² < 1e-17. */
const STEP = 0.25;
const FIRST = -20;
/** exp(-x) is nothing from here on. */
const NOTHING = 45;

/**
 * Q of each beginning H for draws without replacement. They are the first n of exponential clocks that tick at rates q: all lie in H when
 * n clocks of H have ticked before the first one outside, whose rate is r = 1 - q(H):
 *
 *   Q(H) = integral over t of r exp(-r t) P(n clocks of H have ticked by t)
 *
 * In s = ln t the integrand is smooth and dies away on both sides, where the trapezoidal rule converges geometrically: a step of 1/4 is exact to
 * f64. The times are the same for every H, so that the count of ticks grows token by token: O(V n) for each of some 200 times.
 */
function distinctInside(q: Float64Array, count: number): Float64Array {
  const inside = new Float64Array(q.length);
  // r by sums from the end: taken off 1 it would be all rounding for the last tokens.
  const outside = new Float64Array(q.length);
  for (let i = q.length - 2; i >= 0; i--) outside[i] = outside[i + 1]! + q[i + 1]!;
  const smallest = q.length > 1 ? outside[q.length - 2]! : 1;
  const last = Math.log(NOTHING / smallest);
  const ticked = new Float64Array(count);
  for (let step = 0; FIRST + step * STEP <= last; step++) {
    const t = exp(FIRST + step * STEP);
    // ticked[j]: exactly j clocks have; enough: n or more.
    ticked.fill(0)[0] = 1;
    let enough = 0;
    for (let i = 0; i < q.length; i++) {
      const rest = exp(-q[i]! * t);
      const tick = q[i]! * t < 1e-5 ? q[i]! * t * (1 - (q[i]! * t) / 2) : 1 - rest;
      enough += ticked[count - 1]! * tick;
      for (let j = count - 1; j > 0; j--) ticked[j] = ticked[j]! * rest + ticked[j - 1]! * tick;
      ticked[0]! *= rest;
      const r = outside[i]!;
      if (r * t < NOTHING) inside[i]! += STEP * r * t * exp(-r * t) * enough;
    }
  }
  inside[q.length - 1] = 1;
  return inside;
}

/** The ids of largest probability, ties to the lowest id. */
function mostLikely(probabilities: Float64Array, count: number): number[] {
  return [...probabilities.keys()]
    .filter((id) => probabilities[id]! > 0)
    .sort((a, b) => probabilities[b]! - probabilities[a]! || a - b)
    .slice(0, count);
}

function sum(ids: Iterable<number>, value: (id: number) => number): number {
  let total = 0;
  for (const id of ids) total += value(id);
  return total;
}

function checkRow(name: string, row: Float64Array, length: number): void {
  if (!(row instanceof Float64Array) || row.length !== length || length < 1) {
    throw new ForetokenError('option.range', `${name}: expected a Float64Array, as long as the other row`);
  }
  const total = sum(row.keys(), (id) => (row[id]! >= 0 ? row[id]! : Number.NaN));
  if (!(Math.abs(total - 1) < 1e-6)) throw outOfRange(name, 'probabilities that sum to 1', total);
}
