/**
 * Families of models, by the `model_type` of their config.json. Llama is here from the start; the others come when a model asks for them.
 * @module
 */
import type { Fields } from '../../formats/fields.ts';
import { type ModelConfig, openHfConfig, parseLlama } from '../../formats/hf-config.ts';

/** Reads a family's config.json. @throws {ForetokenError} `config.*` */
type ParseConfig = (config: Fields) => ModelConfig;

const FAMILIES: ReadonlyMap<string, () => Promise<ParseConfig>> = new Map([
  ['gemma2', async () => (await import('./gemma2.ts')).parseGemma2],
  ['gemma3_text', async () => (await import('./gemma3.ts')).parseGemma3],
  ['gpt2', async () => (await import('./gpt2.ts')).parseGpt2],
  ['gpt_neox', async () => (await import('./gpt-neox.ts')).parseGptNeox],
  ['llama', async () => (await import('./llama-scaled.ts')).parseScaledLlama],
  ['mistral', async () => (await import('./mistral.ts')).parseMistral],
  ['phi3', async () => (await import('./phi3.ts')).parsePhi3],
  ['qwen2', async () => (await import('./qwen2.ts')).parseQwen2],
  ['qwen3', async () => (await import('./qwen3.ts')).parseQwen3],
  ['smollm3', async () => (await import('./smollm3.ts')).parseSmolLm3],
]);

/** Every `model_type` that is implemented. */
export const MODEL_TYPES: readonly string[] = [...FAMILIES.keys()];

/**
 * Reads the config.json of any family.
 * @throws {ForetokenError} `file.json`; `config.missing`, `config.type`, `config.range` for a field; `config.unsupported` for a model_type
 *   or a setting that is not implemented
 */
export async function parseModelConfig(bytes: Uint8Array): Promise<ModelConfig> {
  const config = openHfConfig(bytes);
  const type = config.string('model_type');
  if (type === 'llama' && !isScaled(config)) return parseLlama(config);
  const family = FAMILIES.get(type);
  if (!family) throw config.unsupported('model_type', `one of ${MODEL_TYPES.join(', ')}`);
  return (await family())(config);
}

/** Whether positions are scaled, in the words of transformers 4 or 5. */
function isScaled(config: Fields): boolean {
  return ['rope_scaling', 'rope_parameters'].some((name) => {
    const settings = config.child(name);
    return ['rope_type', 'type'].some((key) => settings?.has(key) && settings.string(key) !== 'default');
  });
}
