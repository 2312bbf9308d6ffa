/** Mistral in GGUF: it goes by the name of Llama, and is known by its window. Without one it is a Llama. @module */
import type { GgufFamily } from './family.ts';
import { silu } from './llama.ts';
import { rope } from './rope.ts';
import { sizes } from './sizes.ts';
import { widthOf, windowInAll } from './windows.ts';

export const mistral: GgufFamily = {
  architecture: 'llama',
  modelType: 'mistral',
  className: 'MistralForCausalLM',
  neighbours: true,
  is: (gguf) => widthOf(gguf) > 0,
  settings: [sizes, silu, windowInAll, rope()],
};
