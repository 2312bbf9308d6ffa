/** Qwen3 in GGUF. @module */
import type { GgufFamily } from './family.ts';
import { biases, silu } from './llama.ts';
import { rope } from './rope.ts';
import { sizes } from './sizes.ts';
import { windowInListed } from './windows.ts';

export const qwen3: GgufFamily = {
  architecture: 'qwen3',
  modelType: 'qwen3',
  className: 'Qwen3ForCausalLM',
  settings: [sizes, silu, biases, windowInListed, rope()],
};
