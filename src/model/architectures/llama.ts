/**
 * Llama: RMSNorm before each half-layer, rotary positions (halves), grouped-query attention, SwiGLU.
 * Source: Touvron et al., 2023, arXiv 2302.13971; tensor names as Hugging Face transformers writes them.
 * @module
 */
import type { ModelConfig } from '../../formats/hf-config.ts';
import type { CheckpointLayout } from './layout.ts';

/** Where a Llama checkpoint keeps its weights. */
export function llamaLayout(config: ModelConfig): CheckpointLayout {
  const { hidden, vocab, intermediate, headDim } = config;
  const queryDim = config.queryHeads * headDim;
  const keyDim = config.kvHeads * headDim;
  return {
    embedding: { name: 'model.embed_tokens.weight', shape: [vocab, hidden] },
    finalNorm: { name: 'model.norm.weight', shape: [hidden] },
    head: config.tied ? undefined : { name: 'lm_head.weight', shape: [vocab, hidden] },
    layers: Array.from({ length: config.layers }, (_, layer) => {
      const tensor = (name: string, ...shape: number[]) => ({ name: `model.layers.${layer}.${name}.weight`, shape });
      return {
        attentionNorm: tensor('input_layernorm', hidden),
        query: tensor('self_attn.q_proj', queryDim, hidden),
        key: tensor('self_attn.k_proj', keyDim, hidden),
        value: tensor('self_attn.v_proj', keyDim, hidden),
        output: tensor('self_attn.o_proj', hidden, queryDim),
        feedForwardNorm: tensor('post_attention_layernorm', hidden),
        gate: tensor('mlp.gate_proj', intermediate, hidden),
        up: tensor('mlp.up_proj', intermediate, hidden),
        down: tensor('mlp.down_proj', hidden, intermediate),
      };
    }),
  };
}
