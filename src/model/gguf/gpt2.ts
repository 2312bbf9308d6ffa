/** GPT-2 in GGUF. @module */
import { always, type GgufFamily } from './family.ts';
import { sizesNamed } from './sizes.ts';

const NAMES = {
  hidden: 'n_embd',
  layers: 'n_layer',
  queryHeads: 'n_head',
  intermediate: 'n_inner',
  epsilon: 'layer_norm_epsilon',
  context: 'n_positions',
};

export const gpt2: GgufFamily = {
  architecture: 'gpt2',
  modelType: 'gpt2',
  className: 'GPT2LMHeadModel',
  settings: [
    sizesNamed(NAMES, 'attention.layer_norm_epsilon', false),
    always({ activation_function: 'gelu_new' }, ({ form }) =>
      form!.activation === 'gelu-tanh' ? undefined : 'a GPT-2 whose GELU is not the approximation by tanh',
    ),
  ],
};
