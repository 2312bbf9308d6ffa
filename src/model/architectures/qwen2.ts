/**
 * Qwen2 and Qwen2.5: Llama, with biases on queries, keys and values, and a sliding window in the upper layers of some models.
 * Source: Yang et al., 2024, arXiv 2407.10671.
 * @module
 */
import type { Fields } from '../../formats/fields.ts';
import { baseConfig, checkActivation, checkClass, type ModelConfig } from '../../formats/hf-config.ts';
import type { LayerForm } from '../form.ts';
import type { CheckpointLayout } from './layout.ts';
import { llamaLayout } from './llama.ts';
import { readRotation, ropeOf } from './ropes.ts';
import { readSlidingLayers, readWindow } from './windows.ts';

/** @throws {ForetokenError} `config.*` */
export function parseQwen2(config: Fields): ModelConfig {
  checkClass(config, 'qwen2', 'Qwen2ForCausalLM');
  checkActivation(config, 'hidden_act', ['silu', 'swish']);
  const rotation = readRotation(config);
  const base = baseConfig(config, { ropeTheta: rotation.theta });
  return {
    ...base,
    form: { ropes: [ropeOf(config, rotation, base)], layers: readQwenLayers(config, base.layers) },
    layout: qwen2Layout,
  };
}

/** The windows of Qwen2 and Qwen3: of layers from max_window_layers on, where they are used at all. @throws {ForetokenError} `config.*` */
export function readQwenLayers(config: Fields, layers: number): LayerForm[] {
  const window = config.boolean('use_sliding_window', false) ? readWindow(config) : 0;
  const first = config.integer('max_window_layers', 0, 2 ** 24, 28);
  return readSlidingLayers(config, layers, (layer) => layer >= first).map((slides) => ({
    rope: 0,
    window: slides ? window : 0,
  }));
}

function qwen2Layout(config: ModelConfig): CheckpointLayout {
  const { queryHeads, kvHeads, headDim } = config;
  return llamaLayout(config, (tensor) => ({
    queryBias: tensor('self_attn.q_proj.bias', queryHeads * headDim),
    keyBias: tensor('self_attn.k_proj.bias', kvHeads * headDim),
    valueBias: tensor('self_attn.v_proj.bias', kvHeads * headDim),
  }));
}
