/**
 * Families of models, by the `model_type` of their config.json.
 * @module
 */
import type { Fields } from '../../formats/fields.ts';
import type { ModelConfig } from '../../formats/hf-config.ts';
import { parseGemma2 } from './gemma2.ts';
import { parseGemma3 } from './gemma3.ts';
import { MULTIMODAL_TYPE, parseGemma3Multimodal } from './gemma3-multimodal.ts';
import { parseGptNeox } from './gpt-neox.ts';
import { parseGpt2 } from './gpt2.ts';
import { parseScaledLlama } from './llama-scaled.ts';
import { parseMistral } from './mistral.ts';
import { parsePhi3 } from './phi3.ts';
import { parseQwen2 } from './qwen2.ts';
import { parseQwen3 } from './qwen3.ts';
import { parseSmolLm3 } from './smollm3.ts';

/** Each reads its family's config.json, or throws `config.*`. */
const FAMILIES: ReadonlyMap<string, (config: Fields) => ModelConfig> = new Map([
  ['gemma2', parseGemma2],
  [MULTIMODAL_TYPE, parseGemma3Multimodal],
  ['gemma3_text', parseGemma3],
  ['gpt2', parseGpt2],
  ['gpt_neox', parseGptNeox],
  ['llama', parseScaledLlama],
  ['mistral', parseMistral],
  ['phi3', parsePhi3],
  ['qwen2', parseQwen2],
  ['qwen3', parseQwen3],
  ['smollm3', parseSmolLm3],
]);

/** Every `model_type` that is implemented. */
export const MODEL_TYPES: readonly string[] = [...FAMILIES.keys()];

/** @throws {ForetokenError} `config.unsupported` for another model_type, and what the family's own reading throws */
export function parseFamily(config: Fields): ModelConfig {
  const family = FAMILIES.get(config.string('model_type'));
  if (!family) throw config.unsupported('model_type', `one of ${MODEL_TYPES.join(', ')}`);
  return family(config);
}
