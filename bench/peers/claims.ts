/**
 * Foretoken beside others as ratios, with the ratio that was asked for where one was.
 * @module
 */
import { bootstrap, type Interval, median, type Pair, speedUpOfRounds } from '../../src/cli/statistics.ts';
import type { Precision } from './formats/model-files.ts';
import type { Result } from './measure.ts';

export interface Claim {
  readonly text: string;
  /** A ratio of speeds, or a cost. */
  readonly value: Interval;
  /** Least ratio or greatest cost; none where the shape was not asked for. */
  readonly target?: number;
  /** Smaller is better. */
  readonly cost: boolean;
}

type Timed = 'decode' | 'prefill';

/** One comparison: of whom, in what, on how many threads, and the target by shape. */
interface Versus {
  readonly measure: Timed;
  readonly precision: Precision;
  readonly threads: number;
  /** The fastest of these. */
  readonly others: readonly string[];
  readonly target: number;
  readonly shape: string;
}

const WEB = ['onnxruntime-web', 'wllama'];
const versus = (
  measure: Timed,
  precision: Precision,
  others: readonly string[],
  target: number,
  { threads = 1, shape = '135m' } = {},
): Versus => ({ measure, precision, others, target, threads, shape });

const COMPARISONS: readonly Versus[] = [
  versus('decode', 'f32', ['llama-cpp'], 1),
  versus('decode', 'f32', WEB, 1.15),
  versus('decode', 'q8', ['llama-cpp'], 1.2),
  versus('decode', 'q8', ['onnxruntime-node'], 1.2),
  versus('decode', 'q8', ['onnxruntime-web'], 4),
  versus('decode', 'q8', ['wllama'], 6),
  versus('decode', 'q4', ['llama-cpp'], 1),
  versus('decode', 'q4', WEB, 15),
  versus('decode', 'q8', ['llama-cpp'], 1, { shape: '15m' }),
  versus('decode', 'q4', ['llama-cpp'], 1, { shape: '15m' }),
  versus('prefill', 'f32', ['llama-cpp'], 0.65),
  versus('prefill', 'q8', ['llama-cpp'], 0.9),
  versus('prefill', 'q4', ['llama-cpp'], 0.9),
  versus('prefill', 'q8', ['onnxruntime-web'], 2.2),
  versus('decode', 'q8', ['onnxruntime-node'], 1, { threads: 2 }),
  versus('decode', 'q4', ['onnxruntime-node'], 1, { threads: 2 }),
];

/** Contestants of ours, and how much of each target is asked of them. */
const OWN = [
  { name: 'foretoken', prefix: '', share: { decode: 1, prefill: 1 } },
  { name: 'foretoken-plain', prefix: 'plain build: ', share: { decode: 0.9, prefill: 0.75 } },
] as const;

/** Two threads over one. */
const SCALING: readonly (readonly [Timed, Precision, number])[] = [
  ['prefill', 'f32', 1.7],
  ['prefill', 'q8', 1.7],
  ['prefill', 'q4', 1.7],
  ['decode', 'f32', 1.35],
  ['decode', 'q8', 1.5],
  ['decode', 'q4', 1.5],
];

/** T(n)/T(1), at most. */
const CURVE: readonly (readonly [Precision, number, number])[] = [
  ['f32', 2, 1.25],
  ['f32', 4, 1.8],
  ['f32', 8, 2.8],
  ['f32', 16, 5],
  ['q8', 2, 1.6],
  ['q8', 4, 2.3],
  ['q8', 8, 4.2],
];
/** Milliseconds a token of a q8 pass over 16. */
const MS_AT_16 = 5.5;

/** Every claim that the results of one shape can tell of. */
export function claims(results: readonly Result[], sizes: readonly number[]): Claim[] {
  return [...OWN.flatMap((own) => [...comparisons(results, own)]), ...scaling(results), ...costs(results, sizes)];
}

function* comparisons(results: readonly Result[], { name, prefix, share }: (typeof OWN)[number]): Generator<Claim> {
  const seen = new Set<string>();
  const shape = results[0]?.shape;
  const inOrder = [...COMPARISONS].sort((a, b) => Number(b.shape === shape) - Number(a.shape === shape));
  for (const { measure, precision, threads, others, target, shape: asked } of inOrder) {
    const of = (names: readonly string[]) =>
      results.filter(
        (result) =>
          names.includes(result.entrant.name) &&
          result.precision === precision &&
          result.threads === threads &&
          result.groupThreads === threads &&
          result[measure].length > 0,
      );
    const own = of([name])[0];
    const other = of(others).sort((a, b) => median(a[measure]) - median(b[measure]))[0];
    const key = [measure, precision, threads, others].join();
    if (!own || !other || seen.has(key)) continue;
    seen.add(key);
    const best = others.length > 1 ? 'the better in a browser, ' : '';
    yield {
      text: `${prefix}${measure}, ${precision}, ${threadsText(threads)}: over ${best}${other.entrant.label}`,
      value: speedUp(other[measure], own[measure]),
      ...(shape === asked && { target: target * share[measure] }),
      cost: false,
    };
  }
}

/** One and two threads of the same group. */
function* scaling(results: readonly Result[]): Generator<Claim> {
  for (const [measure, precision, target] of SCALING) {
    const on = (count: number) =>
      results.find(
        ({ entrant, precision: of, threads, groupThreads }) =>
          entrant.name === 'foretoken' && of === precision && threads === count && groupThreads === 2,
      );
    const [one, two] = [on(1), on(2)];
    if (!one || !two || one[measure].length === 0) continue;
    const value = speedUp(one[measure], two[measure]);
    yield {
      text: `${measure}, ${precision}: two threads over one`,
      value,
      ...(one.shape === '135m' && { target }),
      cost: false,
    };
  }
}

function* costs(results: readonly Result[], sizes: readonly number[]): Generator<Claim> {
  const own = (precision: Precision) =>
    results.find(
      (result) => result.entrant.name === 'foretoken' && result.precision === precision && result.curve.length > 0,
    );
  const asked = results[0]?.shape === '135m';
  for (const [precision, size, target] of CURVE) {
    const curve = own(precision)?.curve;
    const [one, many] = [curve?.[sizes.indexOf(1)], curve?.[sizes.indexOf(size)]];
    if (!one || !many) continue;
    yield {
      text: `T(${size})/T(1), ${precision}, 1 thread`,
      value: speedUp(many, one),
      ...(asked && { target }),
      cost: true,
    };
  }
  const sixteen = own('q8')?.curve[sizes.indexOf(16)];
  if (!sixteen) return;
  const value = bootstrap(sixteen, (times) => median(times) / 16);
  yield { text: 'ms a token at n = 16, q8, 1 thread', value, ...(asked && { target: MS_AT_16 }), cost: true };
}

/** Median of the first over median of the second, over the rounds that both were measured in. */
function speedUp(others: readonly number[], own: readonly number[]): Interval {
  const pairs: Pair[] = own.slice(0, others.length).map((otherMs, round) => ({ otherMs, plainMs: others[round]! }));
  return bootstrap(pairs, speedUpOfRounds);
}

export function threadsText(threads: number): string {
  return threads === 1 ? '1 thread' : `${threads} threads`;
}
