/**
 * Mistral: Llama, with a sliding window in every layer where there is one.
 * Source: Jiang et al., 2023, arXiv 2310.06825.
 * @module
 */
import type { Fields } from '../../formats/fields.ts';
import { baseConfig, checkActivation, checkClass, type ModelConfig } from '../../formats/hf-config.ts';
import { readRotation, ropeOf } from './ropes.ts';
import { readWindow } from './windows.ts';

/** @throws {ForetokenError} `config.*` */
export function parseMistral(config: Fields): ModelConfig {
  checkClass(config, 'mistral', 'MistralForCausalLM');
  checkActivation(config, 'hidden_act', ['silu', 'swish']);
  const rotation = readRotation(config);
  const base = baseConfig(config, { ropeTheta: rotation.theta });
  const window = readWindow(config);
  return {
    ...base,
    form: {
      ropes: [ropeOf(config, rotation, base)],
      layers: Array.from({ length: base.layers }, () => ({ rope: 0, window })),
    },
  };
}
