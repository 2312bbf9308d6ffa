/**
 * Phi-3, 3.5 and 4 (mini): Llama, with queries, keys and values in one tensor, gate and up in another, a sliding window in some models, and
 * in Phi-4-mini heads of which a part turns.
 * Source: Abdin et al., 2024, arXiv 2404.14219.
 * @module
 */
import type { Fields } from '../../formats/fields.ts';
import { baseConfig, checkActivation, checkClass, checkOff, type ModelConfig } from '../../formats/hf-config.ts';
import type { CheckpointLayout, LayerLayout } from './layout.ts';
import { llamaLayout } from './llama.ts';
import { readRotation, ropeOf, rotatedElements } from './ropes.ts';
import { readWindow } from './windows.ts';

/** @throws {ForetokenError} `config.*` */
export function parsePhi3(config: Fields): ModelConfig {
  checkClass(config, 'phi3', 'Phi3ForCausalLM');
  checkActivation(config, 'hidden_act', ['silu', 'swish']);
  checkOff(config, 'attention_bias');
  const rotation = readRotation(config);
  const base = baseConfig(config, { ropeTheta: rotation.theta });
  const window = readWindow(config);
  return {
    ...base,
    form: {
      rotated: rotatedElements(config, rotation, base.headDim),
      ropes: [ropeOf(config, rotation, base)],
      layers: Array.from({ length: base.layers }, () => ({ rope: 0, window })),
    },
    layout: phi3Layout,
  };
}

function phi3Layout(config: ModelConfig): CheckpointLayout {
  const { hidden, intermediate, queryHeads, kvHeads, headDim } = config;
  const { layers, ...rest } = llamaLayout(config, (tensor) => ({
    query: tensor('self_attn.qkv_proj.weight', (queryHeads + 2 * kvHeads) * headDim, hidden),
    gate: tensor('mlp.gate_up_proj.weight', 2 * intermediate, hidden),
  }));
  return { ...rest, layers: layers.map(({ key, value, up, ...layer }): LayerLayout => layer) };
}
