/**
 * Charts as SVG: a row for each of several things, with dots and their intervals, or a bar of parts.
 * @module
 */
import { COLOURS, doublingScale, escaped, evenScale, label, number, STYLE } from '../../src/cli/chart-scale.ts';

/** A row for each of several things: dots, or the parts of a bar. */
export interface RowChart {
  readonly name: string;
  readonly title: string;
  readonly x: string;
  readonly logarithmicX?: boolean;
  /** Vertical lines to compare with. */
  readonly marks?: readonly { readonly x: number; readonly label: string }[];
  /** Values stand one after the other, as parts of a bar, instead of each by itself as a dot. */
  readonly stacked?: boolean;
  /** The legend: names of what rows may have values of. */
  readonly series: readonly string[];
  readonly rows: readonly {
    readonly label: string;
    readonly values: readonly {
      readonly series: string;
      readonly x: number;
      readonly low?: number;
      readonly high?: number;
    }[];
  }[];
}

const WIDTH = 720;
const ROW = 24;
const TOP = 72;
const RIGHT = WIDTH - 24;
/** Base line of the legend. */
const LEGEND_Y = 44;
/** Width of a letter, about: texts are not measured. */
const LETTER = 6.2;

export function svgRowChart(chart: RowChart): string {
  const { title, rows, series: names, marks = [], stacked = false } = chart;
  const left = 30 + LETTER * Math.max(...rows.map((row) => row.label.length));
  const colourOf = (series: string) => COLOURS[names.indexOf(series) % COLOURS.length]!;
  const ends = stacked
    ? [0, ...rows.map(({ values }) => values.reduce((sum, { x }) => sum + x, 0))]
    : rows.flatMap(({ values }) => values.flatMap(({ x, low = x, high = x }) => [low, x, high]));
  const scale = (chart.logarithmicX ? doublingScale : evenScale)(
    [...ends, ...marks.map(({ x }) => x)],
    left,
    RIGHT,
    true,
  );
  const at = (value: number) => number(scale.place(value));
  const bottom = TOP + rows.length * ROW;
  const height = bottom + 52;

  const axes = [
    ...scale.ticks.map(
      (tick) =>
        `<path class="grid" d="M${at(tick)} ${TOP}V${bottom}"/><text x="${at(tick)}" y="${bottom + 18}" text-anchor="middle">${label(tick)}</text>`,
    ),
    ...marks.map(
      (mark) =>
        `<path class="mark" d="M${at(mark.x)} ${TOP}V${bottom}"/><text x="${at(mark.x)}" y="${TOP - 4}" text-anchor="middle">${escaped(mark.label)}</text>`,
    ),
  ];
  let legendX = left;
  const legend = names.map((name) => {
    const x = legendX;
    legendX += 24 + LETTER * name.length;
    return `<circle cx="${number(x)}" cy="${LEGEND_Y - 4}" r="4" fill="${colourOf(name)}"/><text x="${number(x + 9)}" y="${LEGEND_Y}">${escaped(name)}</text>`;
  });
  const body = rows.map(({ label: text, values }, row) => {
    const middle = TOP + (row + 0.5) * ROW;
    const name = `<text x="${left - 10}" y="${middle}" dy="4" text-anchor="end">${escaped(text)}</text>`;
    return name + (stacked ? bar(values, middle) : dots(values, middle));
  });

  function bar(values: RowChart['rows'][number]['values'], middle: number): string {
    let from = 0;
    return values
      .map(({ series, x }) => {
        const [start, end] = [scale.place(from), scale.place(from + x)];
        from += x;
        return `<path d="M${number(start)} ${middle - 7}H${number(end)}v14H${number(start)}z" fill="${colourOf(series)}"/>`;
      })
      .join('');
  }

  /** Each series a little lower than the one before, so that intervals do not cover each other. */
  function dots(values: RowChart['rows'][number]['values'], middle: number): string {
    return values
      .map(({ series, x, low, high }) => {
        const y = number(middle + ((names.indexOf(series) + 0.5) / names.length - 0.5) * (ROW - 8));
        const colour = colourOf(series);
        const interval =
          low === undefined || high === undefined
            ? ''
            : `<path d="M${at(low)} ${y}H${at(high)}" stroke="${colour}" stroke-width="1.5"/>`;
        return `${interval}<circle cx="${at(x)}" cy="${y}" r="3" fill="${colour}"/>`;
      })
      .join('');
  }

  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" font-family="system-ui, sans-serif" font-size="12">
<title>${escaped(title)}</title>
${STYLE}
<rect width="${WIDTH}" height="${height}" rx="8"/>
<text x="16" y="22" font-size="14" font-weight="600">${escaped(title)}</text>
<text x="${RIGHT}" y="${height - 10}" text-anchor="end">${escaped(chart.x)}</text>
${[...axes, ...legend, ...body].join('\n')}
</svg>
`;
}
