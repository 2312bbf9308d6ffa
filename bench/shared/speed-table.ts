/**
 * Plain against `auto` over many prompts, as table rows.
 * @module
 */
import { type Comparison, medianPair } from '../../src/cli/compare.ts';
import { bootstrap, type Interval, speedUpOfTotals } from '../../src/cli/statistics.ts';
import { figure } from '../../src/cli/table.ts';

export const SPEED_HEAD = [
  'prompts',
  'tokens',
  'plain tokens/s',
  'auto tokens/s',
  'speed-up',
  '95% interval',
  'tokens a pass',
] as const;

/** Over prompts: the sum of plain times by the sum of the others'. */
export function speedUp(comparisons: readonly Comparison[]): Interval {
  return bootstrap(comparisons.map(medianPair), speedUpOfTotals);
}

/** Cells for the columns of SPEED_HEAD. */
export function speedCells(comparisons: readonly Comparison[]): string[] {
  const pairs = comparisons.map(medianPair);
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  const tokens = sum(comparisons.map(({ plain }) => plain.tokens.length));
  const passes = sum(comparisons.map(({ other }) => other.stats.passes));
  const { estimate, low, high } = speedUp(comparisons);
  const perSecond = (ms: readonly number[]) => figure((1000 * tokens) / sum(ms));
  return [
    String(comparisons.length),
    String(tokens),
    perSecond(pairs.map(({ plainMs }) => plainMs)),
    perSecond(pairs.map(({ otherMs }) => otherMs)),
    ratio(estimate),
    `${ratio(low)} to ${ratio(high)}`,
    figure(tokens / passes),
  ];
}

/** Two digits after the point would hide what is promised: 0.97. */
export function ratio(value: number): string {
  return value.toFixed(3);
}

/** A row for all comparisons, and one for each kind of prompt. */
export function speedRows<Kind extends string>(
  label: string,
  comparisons: readonly Comparison[],
  kinds: readonly Kind[],
): string[][] {
  const names = [...new Set(kinds)];
  const rows =
    names.length < 2
      ? []
      : names.map((name) => [`${label}, ${name}`, ...speedCells(comparisons.filter((_, i) => kinds[i] === name))]);
  return [[label, ...speedCells(comparisons)], ...rows];
}
