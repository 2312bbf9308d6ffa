/** Phi-3, 3.5 and 4 (mini) in GGUF. @module */
import type { GgufFamily } from './family.ts';
import { silu } from './llama.ts';
import { rope } from './rope.ts';
import { sizes } from './sizes.ts';
import { windowInAll } from './windows.ts';

export const phi3: GgufFamily = {
  architecture: 'phi3',
  modelType: 'phi3',
  className: 'Phi3ForCausalLM',
  settings: [sizes, silu, windowInAll, rope({ part: 'partial_rotary_factor' })],
};
