/**
 * What a group of kinds shows: tables and charts of its methods.
 * @module
 */
import type { Interval } from '../../src/cli/statistics.ts';
import { figure } from '../../src/cli/table.ts';
import type { Report } from '../shared/report.ts';
import { ratio } from '../shared/speed-table.ts';
import { PLAIN, type Sample } from './measure.ts';
import { acceptanceLength, leftOut, meanOfKnown, meanSpeedUp, speedUp, type Totals, totals } from './summary.ts';

/** Samples of kinds that are measured alike. */
export interface Group {
  /** What is decoded, and by what. */
  readonly name: string;
  readonly setting: string;
  /** Beginning of the names of charts. */
  readonly slug: string;
  readonly kinds: ReadonlyMap<string, readonly Sample[]>;
  readonly methods: readonly string[];
  /** Those of them that are one drafter. */
  readonly singles: readonly string[];
  /** Speed-up that hindsight allows, by kind. */
  readonly ceilings?: ReadonlyMap<string, number>;
}

/** Lines that a chart can tell apart. */
const MOST_LINES = 7;
const NOTHING = '-';
const TIME_PARTS = ['drafting and learning', 'verifying', 'other'] as const;

const cell = (interval: Interval | undefined) =>
  interval ? `${ratio(interval.estimate)} (${ratio(interval.low)}-${ratio(interval.high)})` : NOTHING;

/** Everything that can be said of a group that was timed. */
export function reportTimed(report: Report, group: Group): void {
  countsTable(report, group);
  speedTable(report, group);
  if (group.ceilings) ceilingTable(report, group);
  acceptanceTable(report, group, 'counted');
  timeTable(report, group);
  depthChart(report, group);
}

/** Which prompts count. */
export function countsTable(report: Report, { name, setting, kinds }: Group): void {
  const rows = [...kinds].map(([kind, samples]) => {
    const plain = new Map(samples.filter(({ method }) => method === PLAIN).map((sample) => [sample.prompt, sample]));
    const reasons = [...plain.values()].map(leftOut);
    const count = (reason: ReturnType<typeof leftOut>) => String(reasons.filter((other) => other === reason).length);
    return [kind, String(plain.size), count(undefined), count('loop'), count('wrong')];
  });
  report.table(`${name} (${setting}): prompts by what plain decoding made of them`, [
    ['kind', 'prompts', 'counted', 'loops', 'wrong edits'],
    ...rows,
  ]);
}

function speedTable(report: Report, { name, setting, slug, kinds, methods }: Group): void {
  const all = [...kinds.values()];
  const known = methods.map((method) => ({
    method,
    mean: meanSpeedUp(all, method),
    byKind: [...kinds].map(([kind, samples]) => ({ kind, interval: speedUp(samples, method) })),
  }));
  report.table(`${name} (${setting}): speed-up over plain decoding, with 95% intervals over prompts`, [
    ['method', ...kinds.keys(), 'mean'],
    ...known.map(({ method, mean, byKind }) => [method, ...byKind.map(({ interval }) => cell(interval)), cell(mean)]),
  ]);
  report.chart({
    name: `${slug}-speed-up`,
    title: `${name}: speed-up by method and task`,
    x: 'plain time / time, with 95% intervals',
    logarithmicX: true,
    series: [...kinds.keys()],
    marks: [{ x: 1, label: 'plain' }],
    rows: known.map(({ method, byKind }) => ({
      label: method,
      values: byKind.flatMap(({ kind, interval }) =>
        interval ? [{ series: kind, x: interval.estimate, low: interval.low, high: interval.high }] : [],
      ),
    })),
  });
}

/** `auto` beside what hindsight allows, and beside the best single drafter. */
function ceilingTable(report: Report, { name, setting, kinds, singles, ceilings }: Group): void {
  const rows = [...kinds].flatMap(([kind, samples]) => {
    const auto = speedUp(samples, 'auto');
    if (!auto) return [];
    const [best] = singles
      .flatMap((method) => {
        const estimate = speedUp(samples, method)?.estimate;
        return estimate === undefined ? [] : [{ method, estimate }];
      })
      .sort((a, b) => b.estimate - a.estimate);
    const plain = totals(samples, PLAIN);
    const other = totals(samples, 'auto');
    const ceiling = ceilings!.get(kind);
    const perSecond = ({ tokens, decodeMs }: Totals) => figure((1000 * tokens) / decodeMs);
    return [
      [
        kind,
        String(other.prompts),
        perSecond(plain),
        perSecond(other),
        cell(auto),
        ceiling === undefined ? NOTHING : ratio(ceiling),
        ceiling === undefined ? NOTHING : `${figure((100 * auto.estimate) / ceiling)}%`,
        best ? `${best.method} ${ratio(best.estimate)}` : NOTHING,
        best ? ratio(auto.estimate / best.estimate) : NOTHING,
      ],
    ];
  });
  report.table(`${name} (${setting}): \`auto\` beside the ceiling and the best single drafter`, [
    [
      'kind',
      'prompts',
      'plain tokens/s',
      'auto tokens/s',
      'speed-up',
      'ceiling',
      'reached',
      'best single',
      'auto / best',
    ],
    ...rows,
  ]);
}

/** @param which `all` where speed is not in question, so that nothing need be left out */
export function acceptanceTable(
  report: Report,
  { name, setting, kinds, methods }: Group,
  which: 'counted' | 'all',
  what = 'mean acceptance length, tokens emitted by a pass',
): void {
  const rows = methods.map((method) => {
    const lengths = [...kinds.values()].map((samples) => acceptanceLength(totals(samples, method, which)));
    const text = (length: number | undefined) => (length === undefined ? NOTHING : figure(length));
    return [method, ...lengths.map(text), text(meanOfKnown(lengths))];
  });
  report.table(`${name} (${setting}): ${what}`, [['method', ...kinds.keys(), 'mean'], ...rows]);
}

/** All kinds' totals of a method. */
function pooled({ kinds }: Group, method: string): Totals {
  return totals([...kinds.values()].flat(), method);
}

function timeTable(report: Report, group: Group): void {
  const rows = [PLAIN, ...group.methods].flatMap((method) => {
    const { tokens, decodeMs, draftMs, passMs } = pooled(group, method);
    if (tokens === 0) return [];
    const ms = [draftMs, passMs, Math.max(0, decodeMs - draftMs - passMs)];
    return [{ label: method, values: TIME_PARTS.map((series, i) => ({ series, x: (1000 * ms[i]!) / tokens })) }];
  });
  report.table(`${group.name} (${group.setting}): microseconds of a token, all kinds together, and shares of them`, [
    ['method', 'µs', 'drafting', 'verifying', 'other'],
    ...rows.map(({ label, values }) => {
      const all = values.reduce((sum, { x }) => sum + x, 0);
      return [label, figure(all), ...values.map(({ x }) => `${figure((100 * x) / all)}%`)];
    }),
  ]);
  report.chart({
    name: `${group.slug}-time`,
    title: `${group.name}: where the time of a token goes`,
    x: 'microseconds of a token',
    stacked: true,
    series: TIME_PARTS,
    rows,
  });
}

/** Of passes with a draft, those that accepted a node at each depth; the chart shows `auto` and single drafters, as many as it can tell apart. */
function depthChart(report: Report, group: Group): void {
  const series = group.methods
    .map((method) => ({ name: method, ...pooled(group, method) }))
    .filter(({ drafts, accepted }) => drafts > 0 && accepted.length > 0)
    .map(({ name, drafts, accepted }) => ({
      name,
      points: accepted.slice(0, 16).map((count, i) => ({ x: i + 1, y: count / drafts })),
    }));
  if (series.length === 0) return;
  report.table(`${group.name} (${group.setting}): share of drafted passes that accepted a node at depth 1, 2, ...`, [
    ['method', ...Array.from({ length: 8 }, (_, i) => String(i + 1))],
    ...series.map(({ name, points }) => [
      name,
      ...Array.from({ length: 8 }, (_, i) => (points[i] ? figure(points[i].y) : NOTHING)),
    ]),
  ]);
  const shown = ['auto', ...group.singles];
  const lines = series.some(({ name }) => shown.includes(name))
    ? series.filter(({ name }) => shown.includes(name))
    : series;
  report.chart({
    name: `${group.slug}-depth`,
    title: `${group.name}: acceptance by depth`,
    x: 'depth of a node',
    y: 'share of drafted passes',
    series: lines.slice(0, MOST_LINES),
  });
}
