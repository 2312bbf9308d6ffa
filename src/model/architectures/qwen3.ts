/**
 * Qwen3: Llama, with a norm of every head of queries and keys, and biases in attention in some models.
 * Source: Yang et al., 2025, arXiv 2505.09388.
 * @module
 */
import type { Fields } from '../../formats/fields.ts';
import { baseConfig, checkActivation, checkClass, type ModelConfig } from '../../formats/hf-config.ts';
import { biasedLayout } from './biases.ts';
import { readQwenLayers } from './qwen2.ts';
import { readRotation, ropeOf } from './ropes.ts';

/** @throws {ForetokenError} `config.*` */
export function parseQwen3(config: Fields): ModelConfig {
  checkClass(config, 'qwen3', 'Qwen3ForCausalLM');
  checkActivation(config, 'hidden_act', ['silu', 'swish']);
  const rotation = readRotation(config);
  const base = baseConfig(config, { ropeTheta: rotation.theta, headDim: 128 });
  return {
    ...base,
    form: { ropes: [ropeOf(config, rotation, base)], layers: readQwenLayers(config, base.layers) },
    ...biasedLayout(config, (tensor, { headDim }) => ({
      queryNorm: tensor('self_attn.q_norm.weight', headDim),
      keyNorm: tensor('self_attn.k_norm.weight', headDim),
    })),
  };
}
