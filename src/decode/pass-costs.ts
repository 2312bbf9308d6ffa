/**
 * Cost curve T(n): how long a pass over n new tokens takes, n = 1..maxNodes. Learnt from the passes that decoding runs anyway: nothing
 * is ever timed for its own sake.
 *
 *   T(n) = pace x shipped shape(n) x correction(n)
 *
 * The pace, milliseconds per unit, follows the machine from pass to pass: other work, heat, a longer context. The corrections belong to
 * the kind of machine. They are learnt more slowly, as their ratios decide what is drafted, and a single pass can take many times its due
 * while something else runs.
 * @module
 */
import type { CostSource } from './adaptive-scheduler.ts';
import type { CostCurve } from './scheduler.ts';
import { SteadyMean } from './steady-mean.ts';

/** Numbers of nodes at which the shape is given and corrected; straight lines between them. */
const KNOTS = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256] as const;
/** In units of T(1): between the f32 and the q8 curve of the embedded model on one thread. */
const SHAPE = [1, 1.2, 1.7, 2.05, 2.9, 3.8, 5.7, 7.6, 11.2, 15, 22, 29.5, 44, 59, 88, 118] as const;

/** The straight line through all knots counts, at each knot, as much as so many passes there ... */
const LINE = 8;
/** ... and is drawn through the shipped shape as if so many passes had been measured at each knot ... */
const PRIOR = 0.2;
/** ... and through measured passes, no more than so many at one knot: the many over one token shall not drown the few over many. */
const ENOUGH = 16;
/** With every pass older ones lose weight, so that a knot which was once measured in a bad moment is tried again. */
const CORRECTION_MEMORY = 0.98;
const PACE_MEMORY = 0.9;
/** A pass counts as at most so many times slower or faster than expected. */
const OUTLIER = 12;

/** Where n lies between two knots: the lower one, and the share of the upper one. Beyond the last knot the last line goes on. */
function place(n: number): { readonly knot: number; readonly share: number } {
  let knot = 0;
  while (knot < KNOTS.length - 2 && KNOTS[knot + 1]! <= n) knot++;
  return { knot, share: (n - KNOTS[knot]!) / (KNOTS[knot + 1]! - KNOTS[knot]!) };
}

export class PassCosts implements CostSource {
  /** For every n. */
  readonly #places: readonly { readonly knot: number; readonly share: number }[];
  /** Fading sums for each knot: measured times over pace x shape, and how many there were. */
  readonly #ratios = new Float64Array(KNOTS.length);
  readonly #weights = new Float64Array(KNOTS.length);
  /** Fading sums of milliseconds, and of the units that they should have been. */
  #milliseconds = 0;
  #units = 0;
  readonly #drafting = new SteadyMean();
  readonly #curve: Float64Array;

  constructor(maxNodes: number) {
    this.#curve = new Float64Array(maxNodes + 1);
    this.#places = Array.from(this.#curve, (_, n) => place(n));
    this.#rebuild();
  }

  /** (maxNodes + 1,) milliseconds; before the first measurement in units near T(1). The same array each time. */
  get curve(): CostCurve {
    return this.#curve;
  }

  get draftShare(): number {
    return this.#units > 0 ? this.#drafting.value / this.#curve[1]! : 0;
  }

  /** Milliseconds per unit; 1 before the first measurement. */
  get #pace(): number {
    return this.#units > 0 ? this.#milliseconds / this.#units : 1;
  }

  /** A host whose clock stands still while code runs teaches nothing. */
  observe(nodes: number, passMs: number): number {
    if (!(passMs > 0)) return this.#curve[nodes]!;
    const units = this.#curve[nodes]! / this.#pace;
    const pace = this.#units > 0 ? this.#pace : passMs / units;
    const measured = Math.min(Math.max(passMs, (pace * units) / OUTLIER), pace * units * OUTLIER);
    this.#milliseconds = this.#milliseconds * PACE_MEMORY + measured;
    this.#units = this.#units * PACE_MEMORY + units;

    const { knot, share } = this.#places[nodes]!;
    const ratio = measured / (pace * (SHAPE[knot]! * (1 - share) + SHAPE[knot + 1]! * share));
    for (let i = 0; i < KNOTS.length; i++) {
      const weight = i === knot ? 1 - share : i === knot + 1 ? share : 0;
      this.#ratios[i] = this.#ratios[i]! * CORRECTION_MEMORY + weight * ratio;
      this.#weights[i] = this.#weights[i]! * CORRECTION_MEMORY + weight;
    }
    this.#rebuild();
    return measured;
  }

  observeDraft(draftMs: number): void {
    this.#drafting.add(draftMs);
  }

  #rebuild(): void {
    const pace = this.#pace;
    const { start, slope } = this.#line();
    const values = KNOTS.map((n, knot) => {
      const measured = SHAPE[knot]! * this.#ratios[knot]!;
      return (pace * (measured + LINE * Math.max(0, start + slope * n))) / (this.#weights[knot]! + LINE);
    });
    // A larger pass never takes less time: one that was seen to bounds the smaller ones.
    let bound = Infinity;
    for (let n = this.#curve.length - 1; n >= 1; n--) {
      const { knot, share } = this.#places[n]!;
      bound = Math.min(bound, values[knot]! * (1 - share) + values[knot + 1]! * share);
      this.#curve[n] = bound;
    }
  }

  /** start + slope n in units, by least squares of relative errors over knots: passes get dearer by about the same for every node. */
  #line(): { readonly start: number; readonly slope: number } {
    let weights = 0;
    let n1 = 0;
    let n2 = 0;
    let t0 = 0;
    let t1 = 0;
    const add = (n: number, time: number, passes: number): void => {
      const weight = passes / (time * time);
      weights += weight;
      n1 += weight * n;
      n2 += weight * n * n;
      t0 += weight * time;
      t1 += weight * time * n;
    };
    for (let knot = 0; knot < KNOTS.length; knot++) {
      const passes = this.#weights[knot]!;
      add(KNOTS[knot]!, SHAPE[knot]!, PRIOR);
      if (passes > 0) add(KNOTS[knot]!, (SHAPE[knot]! * this.#ratios[knot]!) / passes, Math.min(passes, ENOUGH));
    }
    const slope = (weights * t1 - n1 * t0) / (weights * n2 - n1 * n1);
    return { start: (t0 - slope * n1) / weights, slope };
  }
}

/** An injected cost table up to maxNodes: beyond its end the last step goes on. Time plays no part in decisions over it. */
export function fixedCosts(table: ArrayLike<number>, maxNodes: number): CostSource {
  const curve = new Float64Array(maxNodes + 1);
  const last = table.length - 1;
  const step = last > 1 ? Math.max(0, table[last]! - table[last - 1]!) : table[last]!;
  for (let n = 1; n <= maxNodes; n++) curve[n] = n <= last ? table[n]! : table[last]! + step * (n - last);
  return { curve, draftShare: 0, observe: (nodes) => curve[nodes]!, observeDraft() {} };
}
