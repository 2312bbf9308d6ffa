/**
 * Sliding windows in GGUF: their width, and in which layers they are.
 * Source: `attention.sliding_window` and `attention.sliding_window_pattern` of gguf-py 0.19.0; a number as a pattern means that of so many
 * layers the last one has no window, as llama.cpp reads it.
 * @module
 */
import { MOST } from '../../formats/limits.ts';
import type { LayerForm } from '../form.ts';
import { type ConfigFields, type Setting, u32, unsayable } from './family.ts';
import type { Metadata } from './metadata.ts';

const WIDTH = 'attention.sliding_window';
const PATTERN = 'attention.sliding_window_pattern';

/** Positions of the window; 0 where there is none. */
export const widthOf = (gguf: Metadata, fallback = 0): number => gguf.integer(WIDTH, 0, 2 ** 24, fallback);

/** In every layer, or in none. */
export const windowInAll: Setting = {
  read: (gguf) => ({ sliding_window: widthOf(gguf) || null }),
  write({ form }) {
    const widths = new Set(form?.layers?.map(({ window }) => window));
    if (widths.size > 1) throw unsayable('a window in some layers');
    return [...widths].flatMap((width) => (width > 0 ? [u32(WIDTH, width)] : []));
  },
};

/** In layers that the file lists; in none where it states no width. */
export const windowInListed: Setting = {
  read(gguf) {
    const width = widthOf(gguf);
    if (width === 0) return { use_sliding_window: false, sliding_window: null };
    return { use_sliding_window: true, sliding_window: width, ...readTypes(gguf, undefined) };
  },
  write: ({ form }) => windowPairs(form?.layers ?? [], undefined),
};

/**
 * In all layers but every so-manieth where the file does not say otherwise.
 * @param width the one of a file that states none; 0: no layer has a window
 */
export function windowByPeriod(period: number, width: number): Setting {
  return {
    read(gguf) {
      const stated = widthOf(gguf, width);
      const types =
        stated > 0 ? readTypes(gguf, period) : { layer_types: Array(layersOf(gguf)).fill('full_attention') };
      return { sliding_window: stated || null, ...types };
    },
    write: ({ form }) => {
      const pairs = windowPairs(form?.layers ?? [], period);
      return pairs.length > 0 || width === 0 ? pairs : [u32(WIDTH, 0)];
    },
  };
}

const layersOf = (gguf: Metadata): number => gguf.integer('block_count', 1, MOST.layers);

/** @param period where the file has no pattern; undefined: it must have one */
function readTypes(gguf: Metadata, period: number | undefined): ConfigFields {
  const layers = layersOf(gguf);
  const list = gguf.list(PATTERN);
  if (list && (list.length !== layers || list.some((slides) => slides !== 0 && slides !== 1))) {
    throw gguf.fields.range(gguf.key(PATTERN), `a truth value for each of ${layers} layers`);
  }
  const every = list ? 1 : gguf.integer(PATTERN, 1, MOST.layers, period);
  const slides = (layer: number) => (list ? list[layer] === 1 : slidesBy(every, layer));
  return {
    layer_types: Array.from({ length: layers }, (_, i) => (slides(i) ? 'sliding_attention' : 'full_attention')),
  };
}

const slidesBy = (period: number, layer: number): boolean => (layer + 1) % period !== 0;

function windowPairs(layers: readonly LayerForm[], period: number | undefined) {
  const width = Math.max(0, ...layers.map(({ window }) => window));
  if (width === 0) return [];
  const slides = layers.map(({ window }) => window > 0);
  const usual = period !== undefined && slides.every((slide, layer) => slide === slidesBy(period, layer));
  return [u32(WIDTH, width), ...(usual ? [] : ([[PATTERN, { truths: slides }]] as const))];
}
