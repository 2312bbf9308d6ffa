/**
 * GPT-NeoX and Pythia: both half-layers read the same stream, a part of each head turns, LayerNorm with biases, GELU without a gate.
 * Source: Black et al., 2022, arXiv 2204.06745.
 * @module
 */
import type { Fields } from '../../formats/fields.ts';
import { baseConfig, checkActivation, checkClass, type ModelConfig } from '../../formats/hf-config.ts';
import type { CheckpointLayout, LayerLayout } from './layout.ts';
import { readRotation, ropeOf, rotatedElements } from './ropes.ts';
import { spreadBy } from './stored-rows.ts';

/** @throws {ForetokenError} `config.*` */
export function parseGptNeox(config: Fields): ModelConfig {
  checkClass(config, 'gpt_neox', 'GPTNeoXForCausalLM');
  const activation = checkActivation(config, 'hidden_act', ['gelu', 'gelu_new', 'gelu_fast', 'gelu_pytorch_tanh']);
  // Before transformers 5 the rotation had names of its own.
  const rotation = readRotation(config, {
    theta: config.number('rotary_emb_base', 1, 1e12, 10_000),
    part: config.number('rotary_pct', 0, 1, 0.25),
  });
  const base = baseConfig(config, { names: { epsilon: 'layer_norm_eps' }, ropeTheta: rotation.theta });
  const biased = config.boolean('attention_bias', true);
  return {
    ...base,
    form: {
      activation: activation === 'gelu' ? 'gelu' : 'gelu-tanh',
      gated: false,
      residual: config.boolean('use_parallel_residual', true) ? 'parallel' : 'sequential',
      rotated: rotatedElements(config, rotation, base.headDim),
      ropes: [ropeOf(config, rotation, base)],
    },
    layout: (shape) => gptNeoxLayout(shape, biased),
  };
}

function gptNeoxLayout(config: ModelConfig, biased: boolean): CheckpointLayout {
  const { vocab, hidden, intermediate, layers, queryHeads, headDim, tied } = config;
  const named = (name: string, ...shape: number[]) => ({ name: `gpt_neox.${name}`, shape });
  // Rows lie head by head: a head's query, its key, its value. They go to all queries, all keys, all values.
  const spread = spreadBy((row) => {
    const head = Math.floor(row / (3 * headDim));
    const part = Math.floor(row / headDim) % 3;
    return (part * queryHeads + head) * headDim + (row % headDim);
  });
  return {
    embedding: named('embed_in.weight', vocab, hidden),
    finalNorm: named('final_layer_norm.weight', hidden),
    finalNormBias: named('final_layer_norm.bias', hidden),
    head: tied ? undefined : { name: 'embed_out.weight', shape: [vocab, hidden] },
    layers: Array.from({ length: layers }, (_, layer): LayerLayout => {
      const tensor = (name: string, ...shape: number[]) => named(`layers.${layer}.${name}`, ...shape);
      return {
        attentionNorm: tensor('input_layernorm.weight', hidden),
        attentionNormBias: tensor('input_layernorm.bias', hidden),
        query: { ...tensor('attention.query_key_value.weight', 3 * hidden, hidden), spread },
        output: tensor('attention.dense.weight', hidden, hidden),
        ...(biased && {
          queryBias: { ...tensor('attention.query_key_value.bias', 3 * hidden), spread },
          outputBias: tensor('attention.dense.bias', hidden),
        }),
        feedForwardNorm: tensor('post_attention_layernorm.weight', hidden),
        feedForwardNormBias: tensor('post_attention_layernorm.bias', hidden),
        up: tensor('mlp.dense_h_to_4h.weight', intermediate, hidden),
        upBias: tensor('mlp.dense_h_to_4h.bias', intermediate),
        down: tensor('mlp.dense_4h_to_h.weight', hidden, intermediate),
        downBias: tensor('mlp.dense_4h_to_h.bias', hidden),
      };
    }),
  };
}
