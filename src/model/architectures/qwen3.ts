/**
 * Qwen3: Llama, with a norm of every head of queries and keys.
 * Source: Yang et al., 2025, arXiv 2505.09388.
 * @module
 */
import type { Fields } from '../../formats/fields.ts';
import { baseConfig, checkActivation, checkClass, checkOff, type ModelConfig } from '../../formats/hf-config.ts';
import type { CheckpointLayout } from './layout.ts';
import { llamaLayout } from './llama.ts';
import { readQwenLayers } from './qwen2.ts';
import { readRotation, ropeOf } from './ropes.ts';

/** @throws {ForetokenError} `config.*` */
export function parseQwen3(config: Fields): ModelConfig {
  checkClass(config, 'qwen3', 'Qwen3ForCausalLM');
  checkActivation(config, 'hidden_act', ['silu', 'swish']);
  checkOff(config, 'attention_bias');
  const rotation = readRotation(config);
  const base = baseConfig(config, { ropeTheta: rotation.theta, headDim: 128 });
  return {
    ...base,
    form: { ropes: [ropeOf(config, rotation, base)], layers: readQwenLayers(config, base.layers) },
    layout: qwen3Layout,
  };
}

function qwen3Layout(config: ModelConfig): CheckpointLayout {
  return llamaLayout(config, (tensor) => ({
    queryNorm: tensor('self_attn.q_norm.weight', config.headDim),
    keyNorm: tensor('self_attn.k_norm.weight', config.headDim),
  }));
}
