/**
 * Llama with scaled positions, as Llama 3.1 and later have them, or with biases.
 * Source: Grattafiori et al., 2024, arXiv 2407.21783.
 * @module
 */
import type { Fields } from '../../formats/fields.ts';
import { baseConfig, checkAbsent, checkActivation, checkClass, type ModelConfig } from '../../formats/hf-config.ts';
import { biasedLayout } from './biases.ts';
import { readRotation, ropeOf, rotatedElements } from './ropes.ts';

/** @throws {ForetokenError} `config.*` */
export function parseScaledLlama(config: Fields): ModelConfig {
  checkClass(config, 'llama', 'LlamaForCausalLM');
  checkActivation(config, 'hidden_act', ['silu', 'swish']);
  checkAbsent(config, 'sliding_window');
  const rotation = readRotation(config);
  const base = baseConfig(config, { ropeTheta: rotation.theta });
  const rotated = rotatedElements(config, rotation, base.headDim);
  return { ...base, form: { rotated, ropes: [ropeOf(config, rotation, base)] }, ...biasedLayout(config) };
}
