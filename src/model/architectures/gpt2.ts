/**
 * GPT-2: learned positions, LayerNorm with biases, GELU without a gate, matrices stored by columns.
 * Source: Radford et al., 2019, "Language Models are Unsupervised Multitask Learners".
 * @module
 */
import type { Fields } from '../../formats/fields.ts';
import { baseConfig, checkActivation, checkClass, checkOff, type ModelConfig } from '../../formats/hf-config.ts';
import type { CheckpointLayout, LayerLayout, TensorName } from './layout.ts';
import { transposedRows } from './stored-rows.ts';

const NAMES = {
  hidden: 'n_embd',
  layers: 'n_layer',
  queryHeads: 'n_head',
  intermediate: 'n_inner',
  epsilon: 'layer_norm_epsilon',
  context: 'n_positions',
};

/** @throws {ForetokenError} `config.*` */
export function parseGpt2(config: Fields): ModelConfig {
  checkClass(config, 'gpt2', 'GPT2LMHeadModel');
  const activation = checkActivation(config, 'activation_function', ['gelu_new', 'gelu_pytorch_tanh', 'gelu']);
  checkOff(config, 'scale_attn_by_inverse_layer_idx', 'add_cross_attention');
  if (!config.boolean('scale_attn_weights', true)) throw config.unsupported('scale_attn_weights', 'true');
  const base = baseConfig(config, {
    names: NAMES,
    ropeTheta: 1,
    tied: true,
    intermediateOf: (hidden) => 4 * hidden,
  });
  return {
    ...base,
    form: {
      activation: activation === 'gelu' ? 'gelu' : 'gelu-tanh',
      gated: false,
      ropes: [],
      layers: Array.from({ length: base.layers }, () => ({ rope: undefined, window: 0 })),
    },
    layout: gpt2Layout,
  };
}

function gpt2Layout({ vocab, hidden, intermediate, context, layers, tied }: ModelConfig): CheckpointLayout {
  // Checkpoints of the bare model, such as the first ones published, have names without the prefix.
  const named = (name: string, ...shape: number[]): TensorName => ({ name: `transformer.${name}`, alias: name, shape });
  return {
    embedding: named('wte.weight', vocab, hidden),
    positions: { ...named('wpe.weight', context, hidden), exact: true },
    finalNorm: named('ln_f.weight', hidden),
    finalNormBias: named('ln_f.bias', hidden),
    head: tied ? undefined : { name: 'lm_head.weight', shape: [vocab, hidden] },
    layers: Array.from({ length: layers }, (_, layer): LayerLayout => {
      const vector = (name: string, size: number) => named(`h.${layer}.${name}`, size);
      const matrix = (name: string, outDim: number, inDim: number) => ({
        ...named(`h.${layer}.${name}.weight`, outDim, inDim),
        read: transposedRows,
      });
      return {
        attentionNorm: vector('ln_1.weight', hidden),
        attentionNormBias: vector('ln_1.bias', hidden),
        query: matrix('attn.c_attn', 3 * hidden, hidden),
        queryBias: vector('attn.c_attn.bias', 3 * hidden),
        output: matrix('attn.c_proj', hidden, hidden),
        outputBias: vector('attn.c_proj.bias', hidden),
        feedForwardNorm: vector('ln_2.weight', hidden),
        feedForwardNormBias: vector('ln_2.bias', hidden),
        up: matrix('mlp.c_fc', intermediate, hidden),
        upBias: vector('mlp.c_fc.bias', intermediate),
        down: matrix('mlp.c_proj', hidden, intermediate),
        downBias: vector('mlp.c_proj.bias', hidden),
      };
    }),
  };
}
