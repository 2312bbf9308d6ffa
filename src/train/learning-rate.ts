/**
 * Learning rates over the updates of a run, by arithmetic that gives the same bits on every runtime.
 * @module
 */
import { outOfRange } from '../check-options.ts';

/** The learning rate of an update; updates count from 0. */
export type LearningRate = (update: number) => number;

export interface WarmUpOptions {
  readonly peak: number;
  /** Updates in which the rate grows from peak / warmUp to the peak. */
  readonly warmUp: number;
}

export interface CosineOptions extends WarmUpOptions {
  /** Updates of the whole run. */
  readonly updates: number;
  /** Where the rate ends; default 0. */
  readonly floor?: number;
}

/** Up in a straight line, then constant. */
export function warmUp(options: WarmUpOptions): LearningRate {
  const { peak, warmUp: rise } = checked(options);
  return (update) => (update < rise ? (peak * (update + 1)) / rise : peak);
}

/**
 * Up in a straight line, then down to the floor along half a cosine: floor + (peak - floor) (1 + cos(π p)) / 2, p from 0 to 1.
 * Source: Loshchilov and Hutter, "SGDR", 2016, arXiv 1608.03983.
 */
export function warmUpCosine(options: CosineOptions): LearningRate {
  const { peak, warmUp: rise } = checked(options);
  const { updates, floor = 0 } = options;
  if (!(updates > rise)) throw outOfRange('updates', `more than the ${rise} of warmUp`, updates);
  if (!(floor >= 0 && floor <= peak)) throw outOfRange('floor', `0..${peak}`, floor);
  const up = warmUp(options);
  return (update) => {
    if (update < rise) return up(update);
    const cosine = quarterCosine(Math.min(1, (update - rise) / (updates - rise)));
    return floor + (peak - floor) * cosine * cosine; // (1 + cos 2x) / 2 = cos² x
  };
}

function checked(options: WarmUpOptions): WarmUpOptions {
  const { peak, warmUp } = options;
  if (!(peak > 0 && peak < Infinity)) throw outOfRange('peak', 'a number above 0', peak);
  if (!(Number.isInteger(warmUp) && warmUp >= 0)) throw outOfRange('warmUp', 'an integer, 0 or more', warmUp);
  return options;
}

/** cos(π p / 2) for p in 0..1, by Taylor series, within 1e-15. */
function quarterCosine(p: number): number {
  const quarter = Math.PI / 2;
  return p <= 0.5 ? alternating(1, 1, quarter * p) : alternating(quarter * (1 - p), 2, quarter * (1 - p));
}

/** first - first x² / (n (n + 1)) + ...: the series of the cosine from 1 and n = 1, of the sine from x and n = 2. */
function alternating(first: number, n: number, x: number): number {
  let term = first;
  let sum = first;
  for (let i = n; i < n + 18; i += 2) {
    term *= -(x * x) / (i * (i + 1));
    sum += term;
  }
  return sum;
}
