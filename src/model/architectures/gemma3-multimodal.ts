/**
 * Gemma 3 with images (4B and larger): the text part of it, which is a Gemma 3 text model under a name of its own. Images are not read, and
 * the tensors of vision are left alone.
 * Source: Gemma3Config of transformers 4 and 5, whose text_config leaves out what is as usual.
 * @module
 */
import { Fields } from '../../formats/fields.ts';
import { checkClass, type ModelConfig } from '../../formats/hf-config.ts';
import type { JsonObject, JsonValue } from '../../formats/json.ts';
import { parseGemma3 } from './gemma3.ts';
import type { CheckpointLayout, LayerLayout, TensorName } from './layout.ts';

/** `model_type` of the whole. */
export const MULTIMODAL_TYPE = 'gemma3';

/** What `text_config` leaves out. */
const USUAL: Readonly<Record<string, JsonValue>> = {
  vocab_size: 262_208,
  hidden_size: 2304,
  intermediate_size: 9216,
  num_hidden_layers: 26,
  num_attention_heads: 8,
  num_key_value_heads: 4,
  head_dim: 256,
  max_position_embeddings: 131_072,
  rms_norm_eps: 1e-6,
  query_pre_attn_scalar: 256,
  sliding_window: 4096,
  tie_word_embeddings: true,
};
/** What the whole says of its text part, too; the whole is what counts. */
const SHARED = ['bos_token_id', 'eos_token_id', 'tie_word_embeddings', 'quantization_config'];

/** @throws {ForetokenError} `config.*` */
export function parseGemma3Multimodal(config: Fields): ModelConfig {
  checkClass(config, MULTIMODAL_TYPE, 'Gemma3ForConditionalGeneration');
  const whole = new Map<string, JsonValue>([['text_config', config.map('text_config')]]);
  for (const name of SHARED) whole.set(name, config.value(name) ?? null);
  const text = parseGemma3(new Fields(textOf(whole), 'config', `${config.what}, text_config`));
  const { layout } = text;
  return { ...text, layout: (model) => inWhole(layout!(model)) };
}

/** The config.json of the text part alone; any other one as it is. */
export function textSettings(settings: JsonObject): JsonObject {
  return settings.get('model_type') === MULTIMODAL_TYPE ? textOf(settings) : settings;
}

function textOf(whole: JsonObject): JsonObject {
  const shared = SHARED.filter((name) => (whole.get(name) ?? null) !== null);
  return new Map<string, JsonValue>([
    ...Object.entries(USUAL),
    ...(whole.get('text_config') as JsonObject),
    ...shared.map((name): [string, JsonValue] => [name, whole.get(name)!]),
    ['architectures', ['Gemma3ForCausalLM']],
    ['model_type', 'gemma3_text'],
  ]);
}

/** As published checkpoints name the tensors, and as transformers 5 does. */
function inWhole(layout: CheckpointLayout): CheckpointLayout {
  const renamed = (part: TensorName): TensorName => ({
    ...part,
    name: `language_model.${part.name}`,
    alias: part.name.startsWith('model.') ? part.name.replace('model.', 'model.language_model.') : part.name,
  });
  const all = <Parts extends object>(parts: Parts): Parts =>
    Object.fromEntries(Object.entries(parts).map(([key, part]) => [key, part && renamed(part)])) as Parts;
  const { layers, ...outside } = layout;
  return { ...all(outside), layers: layers.map((layer: LayerLayout) => all(layer)) };
}
