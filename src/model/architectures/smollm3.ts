/**
 * SmolLM3: Llama, in which every fourth layer does not turn queries and keys (NoPE).
 * Source: Bakouch et al., 2025, "SmolLM3: smol, multilingual, long-context reasoner"; NoPE layers: Yang et al., 2025, arXiv 2501.18795.
 * @module
 */
import type { Fields } from '../../formats/fields.ts';
import { baseConfig, checkActivation, checkClass, type ModelConfig } from '../../formats/hf-config.ts';
import { biasedLayout } from './biases.ts';
import { readRotation, ropeOf } from './ropes.ts';
import { readSlidingLayers, readWindow } from './windows.ts';

/** @throws {ForetokenError} `config.*` */
export function parseSmolLm3(config: Fields): ModelConfig {
  checkClass(config, 'smollm3', 'SmolLM3ForCausalLM');
  checkActivation(config, 'hidden_act', ['silu', 'swish']);
  const rotation = readRotation(config, { theta: 2_000_000 });
  const base = baseConfig(config, { ropeTheta: rotation.theta, tied: true });
  const turns = readTurningLayers(config, base.layers);
  const window = config.boolean('use_sliding_window', false) ? readWindow(config) : 0;
  const slides = readSlidingLayers(config, base.layers, (layer) => !turns[layer]);
  return {
    ...base,
    form: {
      ropes: [ropeOf(config, rotation, base)],
      layers: turns.map((turn, layer) => ({ rope: turn ? 0 : undefined, window: slides[layer] ? window : 0 })),
    },
    ...biasedLayout(config),
  };
}

/** `no_rope_layers` has a 1 for each layer that turns, against its name. */
function readTurningLayers(config: Fields, layers: number): boolean[] {
  if (!config.has('no_rope_layers')) {
    const interval = config.integer('no_rope_layer_interval', 1, 2 ** 24, 4);
    return Array.from({ length: layers }, (_, layer) => (layer + 1) % interval !== 0);
  }
  const turning = config.integers('no_rope_layers', 0, 1);
  if (turning.length !== layers) throw config.range('no_rope_layers', `one for each of ${layers} layers`);
  return turning.map((turn) => turn === 1);
}
