/** GPT-NeoX and Pythia in GGUF. @module */
import { always, type GgufFamily, type Setting } from './family.ts';
import { rope } from './rope.ts';
import { sizesNamed } from './sizes.ts';

const PARALLEL = 'use_parallel_residual';

const residual: Setting = {
  read: (gguf) => ({ [PARALLEL]: gguf.boolean(PARALLEL, true) }),
  write: ({ form }) => [[PARALLEL, form!.residual === 'parallel']],
};

const attentionBias: Setting = {
  read: ({ tensors }) => ({ attention_bias: tensors.has('blk.0.attn_qkv.bias') }),
  write: () => [],
};

export const gptNeox: GgufFamily = {
  architecture: 'gptneox',
  modelType: 'gpt_neox',
  className: 'GPTNeoXForCausalLM',
  settings: [
    sizesNamed({ epsilon: 'layer_norm_eps' }, 'attention.layer_norm_epsilon', false),
    residual,
    attentionBias,
    always({ hidden_act: 'gelu' }, ({ form }) =>
      form!.activation === 'gelu' ? undefined : 'a GPT-NeoX whose GELU is an approximation',
    ),
    rope({ part: 'rotary_pct' }),
  ],
};
