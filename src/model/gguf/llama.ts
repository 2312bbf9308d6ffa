/** Llama in GGUF. @module */
import { always, type GgufFamily, type Setting } from './family.ts';
import { rope } from './rope.ts';
import { sizes } from './sizes.ts';

/** Biases are stated by being there. */
export const biases: Setting = {
  read: ({ tensors }) => ({
    attention_bias: tensors.has('blk.0.attn_q.bias'),
    mlp_bias: tensors.has('blk.0.ffn_up.bias'),
  }),
  write: () => [],
};

export const silu = always({ hidden_act: 'silu' }, () => undefined);

export const llama: GgufFamily = {
  architecture: 'llama',
  modelType: 'llama',
  className: 'LlamaForCausalLM',
  neighbours: true,
  settings: [sizes, silu, biases, rope()],
};
