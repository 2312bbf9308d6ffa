/**
 * Charts as SVG: lines over an axis, with intervals where they are known. They read on light and dark pages.
 * @module
 */
import { COLOURS, doublingScale, escaped, evenScale, label, number, STYLE } from './chart-scale.ts';

/** A line of points, or points with intervals. */
export interface Series {
  readonly name: string;
  /** A limit, not a measurement of its own: a dashed line without dots, named where it ends. */
  readonly limit?: boolean;
  readonly points: readonly { readonly x: number; readonly y: number; readonly low?: number; readonly high?: number }[];
}

export interface Chart {
  /** File name without ending, and what it shows. */
  readonly name: string;
  readonly title: string;
  readonly x: string;
  readonly y: string;
  /** Each step to the right doubles x; each step up doubles y. */
  readonly logarithmicX?: boolean;
  readonly logarithmicY?: boolean;
  /** Horizontal lines to compare with. */
  readonly marks?: readonly { readonly y: number; readonly label: string }[];
  readonly series: readonly Series[];
}

const WIDTH = 640;
const HEIGHT = 360;
const PLOT = { left: 64, right: WIDTH - 150, top: 56, bottom: HEIGHT - 48 };

export function svgChart(chart: Chart): string {
  const { title, x, y, marks = [], series } = chart;
  const points = series.flatMap((line) => line.points);
  const heights = [
    ...points.flatMap((point) => [point.low ?? point.y, point.high ?? point.y]),
    ...marks.map((mark) => mark.y),
  ];
  const scaleOf = (logarithmic: boolean | undefined) => (logarithmic ? doublingScale : evenScale);
  const horizontal = scaleOf(chart.logarithmicX)(
    points.map((point) => point.x),
    PLOT.left,
    PLOT.right,
    false,
  );
  const vertical = scaleOf(chart.logarithmicY)(heights, PLOT.bottom, PLOT.top, true);
  const atX = (value: number) => number(horizontal.place(value));
  const atY = (value: number) => number(vertical.place(value));

  const axes = [
    ...vertical.ticks.map(
      (tick) =>
        `<path class="grid" d="M${PLOT.left} ${atY(tick)}H${PLOT.right}"/><text x="${PLOT.left - 8}" y="${atY(tick)}" dy="4" text-anchor="end">${label(tick)}</text>`,
    ),
    ...horizontal.ticks.map(
      (tick) => `<text x="${atX(tick)}" y="${PLOT.bottom + 20}" text-anchor="middle">${label(tick)}</text>`,
    ),
    ...marks.map(
      (mark) =>
        `<path class="mark" d="M${PLOT.left} ${atY(mark.y)}H${PLOT.right}"/><text x="${PLOT.left + 6}" y="${atY(mark.y)}" dy="-5">${escaped(mark.label)}</text>`,
    ),
  ];
  const pathOf = (line: Series['points']) =>
    line.map((point, i) => `${i === 0 ? 'M' : 'L'}${atX(point.x)} ${atY(point.y)}`).join('');
  const limits = series
    .filter((line) => line.limit)
    .map(({ name, points: line }) => {
      const end = line.at(-1)!;
      return `<path class="mark" d="${pathOf(line)}" fill="none"/><text x="${atX(end.x)}" y="${atY(end.y)}" dx="-6" dy="-5" text-anchor="end">${escaped(name)}</text>`;
    });
  const measured = series.filter((line) => !line.limit);
  const lines = measured.map(({ name, points: line }, index) => {
    const colour = COLOURS[index % COLOURS.length];
    const dots = line
      .map((point) => `<circle cx="${atX(point.x)}" cy="${atY(point.y)}" r="3" fill="${colour}"/>`)
      .join('');
    const intervals = line
      .filter((point) => point.low !== undefined && point.high !== undefined)
      .map(
        (point) =>
          `<path d="M${atX(point.x)} ${atY(point.low!)}V${atY(point.high!)}" stroke="${colour}" stroke-width="2"/>`,
      )
      .join('');
    const legendY = PLOT.top + 8 + index * 20;
    const legend = `<circle cx="${PLOT.right + 16}" cy="${legendY}" r="4" fill="${colour}"/><text x="${PLOT.right + 26}" y="${legendY}" dy="4">${escaped(name)}</text>`;
    return `<path d="${pathOf(line)}" fill="none" stroke="${colour}" stroke-width="1.5"/>${intervals}${dots}${legend}`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" role="img" font-family="system-ui, sans-serif" font-size="12">
<title>${escaped(title)}</title>
${STYLE}
<rect width="${WIDTH}" height="${HEIGHT}" rx="8"/>
<text x="${PLOT.left}" y="26" font-size="14" font-weight="600">${escaped(title)}</text>
<text x="${PLOT.right}" y="${HEIGHT - 8}" text-anchor="end">${escaped(x)}</text>
<text x="${PLOT.left - 40}" y="${PLOT.top - 10}">${escaped(y)}</text>
${[...axes, ...limits, ...lines].join('\n')}
</svg>
`;
}
