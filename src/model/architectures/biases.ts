/**
 * Biases that a checkpoint of Llama's names has where its config.json says so: of the projections of attention, and of the feed-forward layer.
 * @module
 */
import type { Fields } from '../../formats/fields.ts';
import type { ModelConfig } from '../../formats/hf-config.ts';
import type { CheckpointLayout, LayerLayout } from './layout.ts';
import { type LayerTensor, llamaLayout } from './llama.ts';

/**
 * The layout of a model with `attention_bias` or `mlp_bias`; nothing where it has neither.
 * @param change what a layer has besides
 */
export function biasedLayout(
  config: Fields,
  change?: (tensor: LayerTensor, model: ModelConfig) => Partial<LayerLayout>,
): { layout?: (model: ModelConfig) => CheckpointLayout } {
  const [attention, feedForward] = [config.boolean('attention_bias', false), config.boolean('mlp_bias', false)];
  if (!attention && !feedForward && !change) return {};
  return {
    layout: (model) =>
      llamaLayout(model, (tensor) => ({
        ...(attention && attentionBiases(tensor, model)),
        ...(feedForward && feedForwardBiases(tensor, model)),
        ...change?.(tensor, model),
      })),
  };
}

function attentionBiases(tensor: LayerTensor, { hidden, queryHeads, kvHeads, headDim }: ModelConfig) {
  return {
    queryBias: tensor('self_attn.q_proj.bias', queryHeads * headDim),
    keyBias: tensor('self_attn.k_proj.bias', kvHeads * headDim),
    valueBias: tensor('self_attn.v_proj.bias', kvHeads * headDim),
    outputBias: tensor('self_attn.o_proj.bias', hidden),
  };
}

function feedForwardBiases(tensor: LayerTensor, { hidden, intermediate }: ModelConfig) {
  return {
    gateBias: tensor('mlp.gate_proj.bias', intermediate),
    upBias: tensor('mlp.up_proj.bias', intermediate),
    downBias: tensor('mlp.down_proj.bias', hidden),
  };
}
