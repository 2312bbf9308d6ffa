/**
 * Statistics of measurements: medians, and bootstrap intervals that come out the same for the same measurements.
 * Source of the percentile bootstrap: Efron, 1979, "Bootstrap Methods: Another Look at the Jackknife".
 * @module
 */

/** Of a list that is not empty. */
export function median(values: ArrayLike<number>): number {
  return quantile(values, 0.5);
}

/** Linear between the two nearest values. @param at 0 gives the least, 1 the greatest */
export function quantile(values: ArrayLike<number>, at: number): number {
  const sorted = Float64Array.from(values).sort();
  const place = at * (sorted.length - 1);
  const below = Math.floor(place);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below]! + (sorted[above]! - sorted[below]!) * (place - below);
}

export interface Interval {
  readonly estimate: number;
  readonly low: number;
  readonly high: number;
}

/**
 * An estimate with its 95% percentile interval: the estimate is computed anew on 2000 draws, with replacement, of as many samples.
 *
 * @param samples what was measured independently: rounds of one prompt, or prompts
 * @param estimate of any list as long as `samples`
 */
export function bootstrap<Sample>(
  samples: readonly Sample[],
  estimate: (samples: readonly Sample[]) => number,
  options: BootstrapOptions = {},
): Interval {
  return bootstrapGroups([samples], ([only]) => estimate(only!), options);
}

export interface BootstrapOptions {
  readonly draws?: number;
  readonly seed?: number;
}

/**
 * The same where samples are of several groups, such as kinds of prompts: each group is drawn anew from its own samples, so that none is missing from
 * a draw.
 */
export function bootstrapGroups<Sample>(
  groups: readonly (readonly Sample[])[],
  estimate: (groups: readonly (readonly Sample[])[]) => number,
  { draws = 2000, seed = 1 }: BootstrapOptions = {},
): Interval {
  const next = generator(seed);
  const drawn = (samples: readonly Sample[]) => samples.map(() => samples[Math.floor(next() * samples.length)]!);
  const estimates = Float64Array.from({ length: draws }, () => estimate(groups.map(drawn)));
  return { estimate: estimate(groups), low: quantile(estimates, 0.025), high: quantile(estimates, 0.975) };
}

/** Milliseconds that the same work took both ways, measured one right after the other. */
export interface Pair {
  readonly plainMs: number;
  readonly otherMs: number;
}

/**
 * Plain time over the other's time in rounds of the same work, where single ones are disturbed: the median of the ratios. A machine that grows slower
 * or faster does so for both of a round, while medians of times may come from different rounds.
 */
export function speedUpOfRounds(rounds: readonly Pair[]): number {
  return median(rounds.map(({ plainMs, otherMs }) => plainMs / otherMs));
}

/** Plain time over the other's time, by sums: different pieces of work, of which a user waits for all. */
export function speedUpOfTotals(pairs: readonly Pair[]): number {
  const sum = (of: (pair: Pair) => number) => pairs.reduce((total, pair) => total + of(pair), 0);
  return sum(({ plainMs }) => plainMs) / sum(({ otherMs }) => otherMs);
}

/** Seeded generator (mulberry32). @returns a function giving [0, 1) */
export function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
