/**
 * Reading the config.json of any family. A Llama as most are is read here; the other families' code comes, all at once, when a model asks for it.
 * @module
 */
import type { Fields } from '../../formats/fields.ts';
import { type ModelConfig, openHfConfig, parseLlama } from '../../formats/hf-config.ts';

/**
 * @throws {ForetokenError} `file.json`; `config.missing`, `config.type`, `config.range` for a field; `config.unsupported` for a model_type
 *   or a setting that is not implemented
 */
export async function parseModelConfig(bytes: Uint8Array): Promise<ModelConfig> {
  return parseModelFields(openHfConfig(bytes));
}

/** As `parseModelConfig`, from its fields. */
export async function parseModelFields(config: Fields): Promise<ModelConfig> {
  if (config.string('model_type') === 'llama' && !isScaled(config) && !isBiased(config)) return parseLlama(config);
  const { parseFamily } = await import('./families.ts');
  return parseFamily(config);
}

/** Whether positions are scaled, in the words of transformers 4 or 5. */
function isScaled(config: Fields): boolean {
  return ['rope_scaling', 'rope_parameters'].some((name) => {
    const settings = config.child(name);
    return ['rope_type', 'type'].some((key) => settings?.has(key) && settings.string(key) !== 'default');
  });
}

function isBiased(config: Fields): boolean {
  return config.boolean('attention_bias', false) || config.boolean('mlp_bias', false);
}
