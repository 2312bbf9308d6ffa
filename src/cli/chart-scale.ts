/**
 * What charts have in common: scales, colours, numbers and texts in SVG.
 * @module
 */

/** Distinct in hue and in lightness; after Okabe and Ito's palette for colour-blind readers. */
export const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#56b4e9', '#e69f00', '#555555'] as const;
/** They read on light and dark pages. */
export const STYLE =
  '<style>rect { fill: #fff } text { fill: #1f2328 } .grid { stroke: #e3e7eb } .mark { stroke: #818b98; stroke-dasharray: 4 3 }</style>';
/** Lines of a scale: about this many. */
const STEPS = 5;

export interface Scale {
  place(value: number): number;
  readonly ticks: readonly number[];
}

/** Maps the values' range, for heights widened to zero and to round steps, to from..to. */
export function evenScale(values: readonly number[], from: number, to: number, heights: boolean): Scale {
  const least = Math.min(...values, ...(heights ? [0] : []));
  const most = Math.max(...values);
  const step = roundStep((most - least || 1) / STEPS);
  const low = heights ? Math.floor(least / step) * step : least;
  const high = heights ? Math.ceil(most / step) * step : most;
  const first = Math.ceil(low / step);
  const ticks = Array.from({ length: Math.floor(high / step) - first + 1 }, (_, i) => (first + i) * step);
  return { place: (value) => from + ((value - low) / (high - low || 1)) * (to - from), ticks };
}

/** The same with equal steps from each power of two to the next; heights are widened to such powers. */
export function doublingScale(values: readonly number[], from: number, to: number, heights: boolean): Scale {
  const logarithms = values.map(Math.log2);
  const least = Math.min(...logarithms);
  const most = Math.max(...logarithms);
  const low = heights ? Math.floor(least) : least;
  const high = heights ? Math.ceil(most) : most;
  const first = Math.ceil(low);
  const ticks = Array.from({ length: Math.floor(high) - first + 1 }, (_, i) => 2 ** (first + i));
  return { place: (value) => from + ((Math.log2(value) - low) / (high - low || 1)) * (to - from), ticks };
}

/** 1, 2 or 5 times a power of ten, at least `least`. */
function roundStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least));
  return power * ([1, 2, 5].find((factor) => factor * power >= least) ?? 10);
}

/** A coordinate. */
export function number(value: number): string {
  return String(Math.round(value * 10) / 10);
}

/** A value beside an axis. */
export function label(value: number): string {
  return String(Math.round(value * 1000) / 1000);
}

export function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
