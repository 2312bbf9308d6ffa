/**
 * Which layers have a sliding window, as configurations say it.
 * @module
 */
import type { Fields } from '../../formats/fields.ts';

/** Positions of the window; 0 where there is none. @throws {ForetokenError} `config.type`, `config.range` */
export function readWindow(config: Fields): number {
  return config.has('sliding_window') ? config.integer('sliding_window', 1, 2 ** 24) : 0;
}

/**
 * @param fallback which layers have the window where config.json does not list them
 * @returns (L,) whether a layer has the window
 * @throws {ForetokenError} `config.type`, `config.range`; `config.unsupported` for other kinds of attention
 */
export function readSlidingLayers(config: Fields, layers: number, fallback: (layer: number) => boolean): boolean[] {
  if (!config.has('layer_types')) return Array.from({ length: layers }, (_, layer) => fallback(layer));
  const types = config.list('layer_types');
  if (types.length !== layers) throw config.range('layer_types', `one for each of ${layers} layers`);
  return types.map((type) => {
    if (type !== 'sliding_attention' && type !== 'full_attention') {
      throw config.unsupported('layer_types', '"sliding_attention" and "full_attention"');
    }
    return type === 'sliding_attention';
  });
}
