/** Qwen2 and Qwen2.5 in GGUF. @module */
import type { GgufFamily } from './family.ts';
import { silu } from './llama.ts';
import { rope } from './rope.ts';
import { sizes } from './sizes.ts';
import { windowInListed } from './windows.ts';

export const qwen2: GgufFamily = {
  architecture: 'qwen2',
  modelType: 'qwen2',
  className: 'Qwen2ForCausalLM',
  settings: [sizes, silu, windowInListed, rope()],
};
