/**
 * Cost curve T(n): how long a pass over n new tokens takes, n = 1..maxNodes. Shipped as a shape, scaled and corrected by the passes that
 * decoding runs anyway: nothing is ever timed for its own sake.
 * @module
 */
import type { CostSource } from './adaptive-scheduler.ts';
import type { CostCurve } from './scheduler.ts';
import { OUTLIER, SteadyMean } from './steady-mean.ts';

/** Numbers of nodes at which the curve is corrected; straight lines between them. */
const KNOTS = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256] as const;
/** Shipped shape, in units of T(1), at the same numbers: between the f32 and the q8 curve of the embedded model on one thread. */
const SHAPE = [1, 1.2, 1.7, 2.05, 2.9, 3.8, 5.7, 7.6, 11.2, 15, 22, 29.5, 44, 59, 88, 118] as const;

/** How much a measurement says about the next knot, beside that knot's own. */
const NEIGHBOUR = 0.2;

/** TRUST[d]: the same for the knot d places away. */
const TRUST = Float64Array.from(KNOTS, () => 1);
for (let distance = 1; distance < KNOTS.length; distance++) TRUST[distance] = TRUST[distance - 1]! * NEIGHBOUR;

/** Where n lies between two knots: the lower one, and the share of the upper one. Beyond the last knot the last line goes on. */
function place(n: number): { readonly knot: number; readonly share: number } {
  let knot = 0;
  while (knot < KNOTS.length - 2 && KNOTS[knot + 1]! <= n) knot++;
  return { knot, share: (n - KNOTS[knot]!) / (KNOTS[knot + 1]! - KNOTS[knot]!) };
}

export class PassCosts implements CostSource {
  /** Milliseconds per unit of SHAPE at each knot. */
  readonly #factors = KNOTS.map(() => new SteadyMean());
  readonly #drafting = new SteadyMean();
  readonly #curve: Float64Array;
  /** For every n. */
  readonly #places: readonly { readonly knot: number; readonly share: number }[];
  #stale = true;

  constructor(maxNodes: number) {
    this.#curve = new Float64Array(maxNodes + 1);
    this.#places = Array.from(this.#curve, (_, n) => place(n));
  }

  /** (maxNodes + 1,) milliseconds; before the first measurement in units of T(1). The same array each time. */
  get curve(): CostCurve {
    if (this.#stale) this.#rebuild();
    return this.#curve;
  }

  get draftShare(): number {
    return this.#measured ? this.#drafting.value / this.curve[1]! : 0;
  }

  get #measured(): boolean {
    return this.#factors.some(({ weight }) => weight > 0);
  }

  /** A host whose clock stands still while code runs teaches nothing. */
  observe(nodes: number, passMs: number): number {
    const expected = this.curve[nodes]!;
    if (!(passMs > 0)) return expected;
    const measured = this.#measured;
    const { knot, share } = this.#places[nodes]!;
    const factor = passMs / (SHAPE[knot]! * (1 - share) + SHAPE[knot + 1]! * share);
    if (share < 1) this.#factors[knot]!.add(factor, 1 - share);
    if (share > 0) this.#factors[knot + 1]!.add(factor, Math.min(1, share));
    this.#stale = true;
    return measured ? Math.min(passMs, OUTLIER * expected) : this.curve[nodes]!;
  }

  observeDraft(draftMs: number): void {
    this.#drafting.add(draftMs);
  }

  /** Every knot takes the mean of all measured factors, each the less the farther it is. */
  #rebuild(): void {
    this.#stale = false;
    const values = SHAPE.map((shape, knot) => shape * this.#factorAt(knot));
    // A larger pass never takes less time: one that was seen to bounds the smaller ones.
    let bound = Infinity;
    for (let n = this.#curve.length - 1; n >= 1; n--) {
      const { knot, share } = this.#places[n]!;
      bound = Math.min(bound, values[knot]! * (1 - share) + values[knot + 1]! * share);
      this.#curve[n] = bound;
    }
  }

  #factorAt(knot: number): number {
    let sum = 0;
    let total = 0;
    for (let other = 0; other < KNOTS.length; other++) {
      const { value, weight } = this.#factors[other]!;
      const trust = weight * TRUST[Math.abs(other - knot)]!;
      sum += trust * value;
      total += trust;
    }
    return total > 0 ? sum / total : 1;
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
