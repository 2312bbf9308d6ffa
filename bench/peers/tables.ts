/**
 * Results as table rows, and charts.
 * @module
 */
import { median } from '../../src/cli/statistics.ts';
import { figure } from '../../src/cli/table.ts';
import type { Chart } from '../shared/report.ts';
import { agreement, CHECKED_TOKENS } from './agreement.ts';
import { type Claim, threadsText } from './claims.ts';
import { ENTRANTS } from './entrants.ts';
import { PRECISIONS, type Precision } from './formats/model-files.ts';
import type { Result } from './measure.ts';

type Rows = string[][];

/** Tokens/s of decoding and of the prompt, by thread count; how many checked tokens are those of Foretoken in f32. */
export function speedRows(results: readonly Result[]): Rows {
  const threads = [...new Set(results.map((result) => result.threads))].sort();
  const reference = results.find(({ entrant, precision }) => entrant.module === 'foretoken' && precision === 'f32');
  const head = [
    '',
    'weights',
    ...threads.map((count) => `decode, ${threadsText(count)}`),
    ...threads.map((count) => `prefill-128, ${threadsText(count)}`),
    `same tokens, of ${CHECKED_TOKENS}`,
    '',
  ];
  const rows = byEntrant(results, (of, label, precision) => {
    const cell = (count: number, measure: 'decode' | 'prefill', tokens: number) => {
      // In groups of more threads the one-thread reference comes again: the first is the one beside the others.
      const times = of.find((result) => result.threads === count)?.[measure] ?? [];
      return times.length === 0 ? '-' : figure((1000 * tokens) / median(times));
    };
    const { checked, details, entrant } = of[0]!;
    if (!checked) return undefined;
    return [
      label,
      entrant.types[precision],
      ...threads.map((count) => cell(count, 'decode', 1)),
      ...threads.map((count) => cell(count, 'prefill', 128)),
      reference?.checked ? String(agreement(checked, reference.checked)) : '-',
      details,
    ];
  });
  return [head, ...rows];
}

/** Milliseconds of T(1), T(n)/T(1), and milliseconds a token of the largest pass, for each thread count. */
export function curveRows(results: readonly Result[], sizes: readonly number[]): Rows {
  const [first, ...others] = sizes;
  const last = sizes[sizes.length - 1]!;
  const head = [
    '',
    'weights',
    'threads',
    `T(${first}), ms`,
    ...others.map((size) => `T(${size})`),
    `ms a token, n = ${last}`,
  ];
  const threads = [...new Set(results.map((result) => result.threads))].sort();
  const rows = threads.flatMap((count) =>
    byEntrant(results, (of, label, precision) => {
      const result = of.find((candidate) => candidate.threads === count);
      if (!result || result.curve.length === 0) return undefined;
      const ms = result.curve.map(median);
      return [
        label,
        result.entrant.types[precision],
        String(count),
        figure(ms[0]!),
        ...ms.slice(1).map((value) => figure(value / ms[0]!)),
        figure(ms[ms.length - 1]! / last),
      ];
    }),
  );
  return [head, ...rows];
}

/** In charts: one of each kind, as six colours can be told apart. */
const CHARTED = ['foretoken', 'wllama', 'onnxruntime-web', 'llama-cpp', 'onnxruntime-node'];

/** Milliseconds a token over the size of the pass, on one thread, for each precision. */
export function curveCharts(results: readonly Result[], sizes: readonly number[]): Chart[] {
  return PRECISIONS.flatMap((precision) => {
    const of = results.filter(
      ({ entrant, threads, groupThreads, precision: held, curve }) =>
        CHARTED.includes(entrant.name) && threads === 1 && groupThreads === 1 && held === precision && curve.length > 0,
    );
    if (of.length === 0) return [];
    return [
      {
        name: `peers-${of[0]!.shape}-${precision}`,
        title: `${of[0]!.shape}, ${precision}, 1 thread: a pass over n tokens`,
        x: 'n',
        y: 'ms a token',
        logarithmicX: true,
        series: of.map(({ entrant, curve }) => ({
          name: entrant.name,
          points: sizes.map((size, i) => ({ x: size, y: median(curve[i]!) / size })),
        })),
      },
    ];
  });
}

export function claimRows(claims: readonly Claim[]): Rows {
  const rows = claims.map(({ text, value: { estimate, low, high }, target, cost }) => {
    const reached = target === undefined ? '' : (cost ? estimate <= target : estimate >= target) ? 'yes' : 'no';
    const asked = target === undefined ? '-' : `${cost ? 'at most' : 'at least'} ${Number(target.toFixed(3))}`;
    return [text, estimate.toFixed(2), `${low.toFixed(2)} to ${high.toFixed(2)}`, asked, reached];
  });
  return [['Foretoken in Node', 'measured', '95% interval', 'asked for', 'reached'], ...rows];
}

/** A row for each entrant and precision that there are results of. */
function byEntrant(
  results: readonly Result[],
  row: (of: readonly Result[], label: string, precision: Precision) => string[] | undefined,
): Rows {
  return ENTRANTS.flatMap((entrant) =>
    PRECISIONS.flatMap((precision) => {
      const of = results.filter((result) => result.entrant.name === entrant.name && result.precision === precision);
      const cells = of.length === 0 ? undefined : row(of, entrant.label, precision);
      return cells ? [cells] : [];
    }),
  );
}
