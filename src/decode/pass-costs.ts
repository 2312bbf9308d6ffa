/**
 * Cost curve T(n): how long a pass over n new tokens takes, n = 1..maxNodes. Learnt from the passes that decoding runs anyway: nothing
 * is ever timed for its own sake.
 *
 * Times are kept at some numbers of nodes, the knots. A pass corrects the knots beside its own number, and moves all others a little in
 * the same direction: the machine may have become slower or faster for all of them. What is not known well leans on a straight line
 * through everything that is, bent as the shipped shape is bent, and the line leans on that shape itself.
 * @module
 */
import type { CostSource } from './adaptive-scheduler.ts';
import type { CostCurve } from './scheduler.ts';

/** Numbers of nodes at which the shape is given and corrected; straight lines between them. */
const KNOTS = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256] as const;
/** In units of T(1): the q8 curve of the embedded model on one thread. Others are flatter, which the first drafted passes show. */
const SHAPE = [1, 1.4, 2.1, 2.5, 3.75, 5, 7.3, 9.7, 14.5, 19.6, 29, 40, 60, 80, 120, 160] as const;

/** At each knot the straight line counts as much as so many passes ... */
const LINE = 4;
/** ... and is drawn as if so many passes had shown the shipped shape, scaled by T(1), at each knot. */
const PRIOR = 0.05;
/** Passes that are remembered at a knot; with every pass older ones lose weight, so that a knot measured in a bad moment is tried again. */
const ENOUGH = 16;
const FADING = 0.97;
/** The line is nowhere below this share of T(1). */
const LEAST = 0.5;
/** The curve is drawn anew after a pass over several tokens, and after so many plain ones. */
const REDRAWN = 4;
/** A pass counts as at most so many times slower or faster than expected; and all knots follow it by this share, within smaller bounds. */
const OUTLIER = 12;
const COMMON = 0.02;
const COMMON_OUTLIER = 2;

/** start + slope n. */
interface Line {
  readonly start: number;
  readonly slope: number;
}

/** The line with the least squares of relative errors at the knots. @param times milliseconds and passes behind them, for each knot */
function fitLine(times: (knot: number, add: (time: number, passes: number) => void) => void): Line {
  let weights = 0;
  let n1 = 0;
  let n2 = 0;
  let t0 = 0;
  let t1 = 0;
  for (let knot = 0; knot < KNOTS.length; knot++) {
    const n = KNOTS[knot]!;
    times(knot, (time, passes) => {
      const weight = passes / (time * time);
      weights += weight;
      n1 += weight * n;
      n2 += weight * n * n;
      t0 += weight * time;
      t1 += weight * time * n;
    });
  }
  const slope = (weights * t1 - n1 * t0) / (weights * n2 - n1 * n1);
  return { start: (t0 - slope * n1) / weights, slope };
}

const valueAt = ({ start, slope }: Line, knot: number): number => start + slope * KNOTS[knot]!;

/** How far the shipped shape lies from its own line, as a ratio: below 1 where a few more tokens come nearly free. */
const SHAPE_LINE = fitLine((knot, add) => add(SHAPE[knot]!, 1));
const BEND = SHAPE.map((time, knot) => time / valueAt(SHAPE_LINE, knot));

/** Where n lies between two knots: the lower one, and the share of the upper one. Beyond the last knot the last line goes on. */
function place(n: number): { readonly knot: number; readonly share: number } {
  let knot = 0;
  while (knot < KNOTS.length - 2 && KNOTS[knot + 1]! <= n) knot++;
  return { knot, share: (n - KNOTS[knot]!) / (KNOTS[knot + 1]! - KNOTS[knot]!) };
}

export class PassCosts implements CostSource {
  /** For every n. */
  readonly #places: readonly { readonly knot: number; readonly share: number }[];
  /** Measured milliseconds at each knot, and how many passes stand behind them. */
  readonly #times = Float64Array.from(SHAPE);
  readonly #weights = new Float64Array(KNOTS.length);
  /** What is expected at each knot, kept while the curve is drawn. */
  readonly #drawn = new Float64Array(KNOTS.length);
  /** What each knot leans on: the bent line. */
  readonly #leant = Float64Array.from(SHAPE);
  readonly #curve: Float64Array;
  /** Passes since the curve was drawn, at most so many. */
  #undrawn = 0;
  #measured = false;

  constructor(maxNodes: number) {
    this.#curve = new Float64Array(maxNodes + 1);
    this.#places = Array.from(this.#curve, (_, n) => place(n));
    this.#draw();
  }

  /** (maxNodes + 1,) milliseconds; before the first measurement in units of T(1). The same array each time. */
  get curve(): CostCurve {
    if (this.#undrawn >= REDRAWN) this.#draw();
    return this.#curve;
  }

  share(ms: number): number {
    return this.#measured ? ms / this.#expected(1) : 0;
  }

  /** A host whose clock stands still while code runs teaches nothing. */
  observe(nodes: number, passMs: number): number {
    const expected = this.#expected(nodes);
    if (!(passMs > 0)) return expected;
    const slower = passMs / expected;
    if (this.#measured) this.#learn(nodes, clamp(slower, OUTLIER), 1 + COMMON * (clamp(slower, COMMON_OUTLIER) - 1));
    else this.#learn(nodes, slower, slower);
    // Plain passes move all knots alike, which changes no decision: they may wait.
    this.#undrawn += this.#measured && nodes === 1 ? 1 : REDRAWN;
    this.#measured = true;
    return Math.min(passMs, OUTLIER * expected);
  }

  /** A pass was `slower` times slower than expected; all passes are `common` times slower than before. */
  #learn(nodes: number, slower: number, common: number): void {
    const { knot, share } = this.#places[nodes]!;
    for (let i = 0; i < KNOTS.length; i++) {
      const part = i === knot ? 1 - share : i === knot + 1 ? share : 0;
      const seen = part > 0 ? this.#value(i) * slower : 0;
      this.#weights[i] = this.#weights[i]! * FADING + part;
      this.#times[i]! *= common;
      this.#leant[i]! *= common;
      if (part > 0) this.#times[i]! += ((seen - this.#times[i]!) * part) / this.#weights[i]!;
    }
  }

  /** Time at a knot: as near to what it leans on as it is badly known. */
  #value(knot: number): number {
    const weight = this.#weights[knot]!;
    return (weight * this.#times[knot]! + LINE * this.#leant[knot]!) / (weight + LINE);
  }

  #expected(nodes: number): number {
    const { knot, share } = this.#places[nodes]!;
    return this.#value(knot) * (1 - share) + this.#value(knot + 1) * share;
  }

  /** Fits the line anew, and draws the curve. A larger pass never takes less time: one that was seen to bounds the smaller ones. */
  #draw(): void {
    this.#undrawn = 0;
    if (this.#measured) this.#lean();
    for (let i = 0; i < KNOTS.length; i++) this.#drawn[i] = this.#value(i);
    let bound = Infinity;
    for (let n = this.#curve.length - 1; n >= 1; n--) {
      const { knot, share } = this.#places[n]!;
      this.#curve[n] = bound = Math.min(bound, this.#drawn[knot]! * (1 - share) + this.#drawn[knot + 1]! * share);
    }
  }

  #lean(): void {
    const line = fitLine((knot, add) => {
      add((SHAPE[knot]! * this.#times[0]!) / BEND[knot]!, PRIOR);
      add(this.#times[knot]! / BEND[knot]!, Math.min(this.#weights[knot]!, ENOUGH));
    });
    const least = LEAST * this.#times[0]!;
    for (let i = 0; i < KNOTS.length; i++) this.#leant[i] = Math.max(BEND[i]! * valueAt(line, i), least);
  }
}

/** A ratio, at most so many times above or below 1. */
function clamp(ratio: number, most: number): number {
  return Math.min(Math.max(ratio, 1 / most), most);
}

/** An injected cost table up to maxNodes: beyond its end the last step goes on. Time plays no part in decisions over it. */
export function fixedCosts(table: ArrayLike<number>, maxNodes: number): CostSource {
  const curve = new Float64Array(maxNodes + 1);
  const last = table.length - 1;
  const step = last > 1 ? Math.max(0, table[last]! - table[last - 1]!) : table[last]!;
  for (let n = 1; n <= maxNodes; n++) curve[n] = n <= last ? table[n]! : table[last]! + step * (n - last);
  return { curve, share: () => 0, observe: (nodes) => curve[nodes]! };
}
