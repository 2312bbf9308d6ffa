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
  const config = openHfConfig(bytes);
  if (config.string('model_type') === 'llama' && !isScaled(config)) return parseLlama(config);
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
