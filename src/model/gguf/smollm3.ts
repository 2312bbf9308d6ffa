/** SmolLM3 in GGUF: which layers do not turn is not stated; it is every fourth. @module */
import type { ModelConfig } from '../../formats/hf-config.ts';
import { always, type GgufFamily } from './family.ts';
import { biases, silu } from './llama.ts';
import { rope } from './rope.ts';
import { sizes } from './sizes.ts';
import { windowInListed } from './windows.ts';

const INTERVAL = 4;

export const smollm3: GgufFamily = {
  architecture: 'smollm3',
  modelType: 'smollm3',
  className: 'SmolLM3ForCausalLM',
  neighbours: true,
  settings: [
    sizes,
    silu,
    biases,
    windowInListed,
    rope(),
    always({ no_rope_layer_interval: INTERVAL }, ({ form }: ModelConfig) => {
      const usual = form!.layers!.every((layer, i) => (layer.rope === undefined) === ((i + 1) % INTERVAL === 0));
      return usual ? undefined : 'other layers than every fourth that do not turn';
    }),
  ],
};
