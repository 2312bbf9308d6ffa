/**
 * Cost curve T(n): how long a pass over n new tokens takes, n = 1..maxNodes. Shipped as a shape, scaled and corrected by the passes that
 * decoding runs anyway: nothing is ever timed for its own sake.
 * @module
 */
import type { CostSource } from './adaptive-scheduler.ts';
import type { CostCurve } from './scheduler.ts';

/** Numbers of nodes at which the curve is corrected; straight lines between them. */
const KNOTS = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256] as const;
/** Shipped shape, in units of T(1), at the same numbers: 128-bit SIMD kernels, one thread. */
const SHAPE = [1, 1.4, 1.8, 2.1, 2.9, 3.6, 5.1, 6.6, 9.6, 12.6, 18.6, 24.6, 37, 49, 73, 98] as const;

/** How much a measurement says about the next knot, beside that knot's own. */
const NEIGHBOUR = 0.2;
/** Measurements that count: older ones fade, as passes get slower while the context fills. */
const MEMORY = 8;
/** The host may be busy with something else: of the first few measurements the least counts, and a later one is at most so far above the mean. */
const FIRST = 3;
const OUTLIER = 1.5;

/** Values at KNOTS, read at n by straight lines. */
function between(values: ArrayLike<number>, n: number): number {
  let upper = 1;
  while (upper < KNOTS.length - 1 && KNOTS[upper]! < n) upper++;
  const low = KNOTS[upper - 1]!;
  const share = (n - low) / (KNOTS[upper]! - low);
  return values[upper - 1]! * (1 - share) + values[upper]! * share;
}

export class PassCosts implements CostSource {
  /** Milliseconds per unit of SHAPE at each knot, and how many measurements stand behind it. */
  readonly #factors = new Float64Array(KNOTS.length);
  readonly #weights = new Float64Array(KNOTS.length);
  readonly #curve: Float64Array;
  #stale = true;

  constructor(maxNodes: number) {
    this.#curve = new Float64Array(maxNodes + 1);
  }

  /** (maxNodes + 1,) milliseconds; before the first measurement in units of T(1). The same array each time. */
  get curve(): CostCurve {
    if (this.#stale) this.#rebuild();
    return this.#curve;
  }

  /** T(1) once a pass has been measured, else 0. */
  get plainMs(): number {
    return this.#weights.some((weight) => weight > 0) ? this.curve[1]! : 0;
  }

  /** A pass over n tokens took so long. A host whose clock stands still while code runs teaches nothing. */
  observe(n: number, milliseconds: number): void {
    if (!(milliseconds > 0) || n < 1 || n >= this.#curve.length) return;
    const factor = milliseconds / between(SHAPE, n);
    let upper = 1;
    while (upper < KNOTS.length - 1 && KNOTS[upper]! < n) upper++;
    const share = Math.min(1, (n - KNOTS[upper - 1]!) / (KNOTS[upper]! - KNOTS[upper - 1]!));
    this.#learn(upper - 1, factor, 1 - share);
    this.#learn(upper, factor, share);
    this.#stale = true;
  }

  #learn(knot: number, factor: number, share: number): void {
    if (share === 0) return;
    const count = this.#weights[knot]!;
    const known = count > 0 ? this.#factors[knot]! : factor;
    const weight = Math.min(count + share, MEMORY);
    this.#factors[knot] =
      count < FIRST ? Math.min(known, factor) : known + ((Math.min(factor, OUTLIER * known) - known) * share) / weight;
    this.#weights[knot] = weight;
  }

  /** Every knot takes the mean of all measured factors, each the less the farther it is. */
  #rebuild(): void {
    this.#stale = false;
    const values = SHAPE.map((shape, knot) => {
      let sum = 0;
      let total = 0;
      let trust = 1;
      for (let distance = 0; distance < KNOTS.length; distance++, trust *= NEIGHBOUR) {
        for (const other of distance === 0 ? [knot] : [knot - distance, knot + distance]) {
          const weight = trust * (this.#weights[other] ?? 0);
          sum += weight * (this.#factors[other] ?? 0);
          total += weight;
        }
      }
      return total > 0 ? (shape * sum) / total : shape;
    });
    // A larger pass never takes less time: one that was seen to bounds the smaller ones.
    let bound = Infinity;
    for (let n = this.#curve.length - 1; n >= 1; n--) this.#curve[n] = bound = Math.min(bound, between(values, n));
  }
}

/** An injected cost table up to maxNodes: beyond its end the last step goes on. Time plays no part in decisions over it. */
export function fixedCosts(table: ArrayLike<number>, maxNodes: number): CostSource {
  const curve = new Float64Array(maxNodes + 1);
  const last = table.length - 1;
  const step = last > 1 ? Math.max(0, table[last]! - table[last - 1]!) : table[last]!;
  for (let n = 1; n <= maxNodes; n++) curve[n] = n <= last ? table[n]! : table[last]! + step * (n - last);
  return { curve, plainMs: 0, observe() {} };
}
