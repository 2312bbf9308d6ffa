/**
 * Llama: RMSNorm before each half-layer, rotary positions (halves), grouped-query attention, SwiGLU.
 * Source: Touvron et al., 2023, arXiv 2302.13971; tensor names as Hugging Face transformers writes them.
 * @module
 */
import type { ModelConfig } from '../../formats/hf-config.ts';
import type { CheckpointLayout, LayerLayout, TensorName } from './layout.ts';

/** What every layer of Llama has. */
export type LlamaLayer = LayerLayout & Required<Pick<LayerLayout, 'key' | 'value' | 'gate' | 'up'>>;

export interface LlamaLayout extends CheckpointLayout {
  readonly layers: readonly LlamaLayer[];
}

/** Names a tensor of a layer. */
export type LayerTensor = (name: string, ...shape: number[]) => TensorName;

/**
 * Where a Llama checkpoint keeps its weights, and one of a family that has most of its names.
 * @param change what a layer has besides, or in the place of Llama's
 */
export function llamaLayout(
  config: ModelConfig,
  change: (tensor: LayerTensor, llama: LlamaLayer) => Partial<LayerLayout> = () => ({}),
): LlamaLayout {
  const { hidden, vocab, intermediate, headDim } = config;
  const queryDim = config.queryHeads * headDim;
  const keyDim = config.kvHeads * headDim;
  return {
    embedding: { name: 'model.embed_tokens.weight', shape: [vocab, hidden] },
    finalNorm: { name: 'model.norm.weight', shape: [hidden] },
    head: config.tied ? undefined : { name: 'lm_head.weight', shape: [vocab, hidden] },
    layers: Array.from({ length: config.layers }, (_, layer) => {
      const tensor: LayerTensor = (name, ...shape) => ({ name: `model.layers.${layer}.${name}`, shape });
      const llama = {
        attentionNorm: tensor('input_layernorm.weight', hidden),
        query: tensor('self_attn.q_proj.weight', queryDim, hidden),
        key: tensor('self_attn.k_proj.weight', keyDim, hidden),
        value: tensor('self_attn.v_proj.weight', keyDim, hidden),
        output: tensor('self_attn.o_proj.weight', hidden, queryDim),
        feedForwardNorm: tensor('post_attention_layernorm.weight', hidden),
        gate: tensor('mlp.gate_proj.weight', intermediate, hidden),
        up: tensor('mlp.up_proj.weight', intermediate, hidden),
        down: tensor('mlp.down_proj.weight', hidden, intermediate),
      };
      return { ...llama, ...change(tensor, llama) };
    }),
  };
}
