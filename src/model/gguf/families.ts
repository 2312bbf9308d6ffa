/**
 * Families of models in GGUF, and the way from a file's metadata to the configuration of a model and back.
 * @module
 */
import { ForetokenError, quote } from '../../errors.ts';
import { Fields } from '../../formats/fields.ts';
import type { GgufFile } from '../../formats/gguf.ts';
import type { Pair } from '../../formats/gguf-writer.ts';
import type { ModelConfig } from '../../formats/hf-config.ts';
import type { JsonObject } from '../../formats/json.ts';
import { MOST } from '../../formats/limits.ts';
import type { TensorDescription, Tensors } from '../../formats/tensors.ts';
import { llamaLayout } from '../architectures/llama.ts';
import { parseModelFields } from '../architectures/parse-config.ts';
import { type GgufFamily, unsayable } from './family.ts';
import { gemma2 } from './gemma2.ts';
import { gemma3 } from './gemma3.ts';
import { gptNeox } from './gpt-neox.ts';
import { gpt2 } from './gpt2.ts';
import { llama } from './llama.ts';
import { Metadata, type RopeFactors } from './metadata.ts';
import { mistral } from './mistral.ts';
import { ggufLayout, partsOf } from './parts.ts';
import { phi3 } from './phi3.ts';
import { qwen2 } from './qwen2.ts';
import { qwen3 } from './qwen3.ts';
import { fromNeighbours } from './row-order.ts';
import { checkNeutral } from './sizes.ts';
import { smollm3 } from './smollm3.ts';

/** Of two families of one architecture the one that asks for more comes first. */
const FAMILIES: readonly GgufFamily[] = [mistral, llama, qwen2, qwen3, phi3, smollm3, gpt2, gptNeox, gemma2, gemma3];

/** Every `general.architecture` that is implemented. */
export const ARCHITECTURES: readonly string[] = [...new Set(FAMILIES.map(({ architecture }) => architecture))];

/** The tensors of a file that are no weights, and which factors they hold. */
const FACTORS = {
  all: 'rope_freqs.weight',
  short: 'rope_factors_short.weight',
  long: 'rope_factors_long.weight',
} as const;

/** A model as a GGUF file describes it. */
export interface GgufModel {
  /** Its layout names the tensors of the file. */
  readonly config: ModelConfig;
  /** The config.json that says the same; its layout is that of a folder. */
  readonly settings: JsonObject;
  readonly tensors: Tensors;
}

/**
 * Reads what a file says of its model.
 *
 * @param what the file's name, for messages
 * @throws {ForetokenError} `config.missing`, `config.type`, `config.range` for a key; `config.unsupported` for another architecture, a setting
 *   that is valid and not implemented, and a tensor that such a model does not have; `file.dtype`, `file.nonfinite` for factors of rotation
 * @throws what the source's `read` throws
 */
export async function readGgufModel(file: GgufFile, what: string, signal?: AbortSignal): Promise<GgufModel> {
  const gguf = new Metadata(file, await readFactors(file.tensors, signal), what);
  const family = FAMILIES.find(({ architecture, is }) => architecture === gguf.architecture && (is?.(gguf) ?? true));
  if (!family) {
    throw gguf.fields.unsupported('general.architecture', `one of ${ARCHITECTURES.map(quote).join(', ')}`);
  }
  checkNeutral(gguf);
  const settings: JsonObject = new Map(
    Object.entries({
      architectures: [family.className],
      model_type: family.modelType,
      ...Object.assign({}, ...family.settings.map((setting) => setting.read(gguf))),
    }),
  );
  const { layout = llamaLayout, ...config } = await parseModelFields(new Fields(settings, 'config', what));
  const inFile = (model: ModelConfig) => ggufLayout(layout(model));
  return {
    config: { ...config, layout: inFile },
    settings,
    tensors: weightsOf(file.tensors, family, { ...config, layout: inFile }),
  };
}

/** Reads the factors of rotation, which are part of the configuration. */
async function readFactors(tensors: Tensors, signal: AbortSignal | undefined): Promise<RopeFactors> {
  const factors: Record<string, Float32Array> = {};
  for (const [kind, name] of Object.entries(FACTORS)) {
    const tensor = tensors.get(name);
    if (tensor) factors[kind] = await readFactorList(tensor, signal);
  }
  return factors;
}

async function readFactorList(tensor: TensorDescription, signal: AbortSignal | undefined): Promise<Float32Array> {
  const { name, dtype, elements, bytes, begin, source } = tensor;
  if (dtype !== 'F32' || elements > MOST.headDim) {
    throw new ForetokenError('file.dtype', `tensor ${quote(name)}: expected ${MOST.headDim} numbers of F32 at most`);
  }
  const { buffer, byteOffset } = (await source.read(begin, bytes, signal)).slice();
  const factors = new Float32Array(buffer, byteOffset, elements);
  if (factors.every(Number.isFinite)) return factors;
  throw new ForetokenError('file.nonfinite', `tensor ${quote(name)} holds a factor that is not finite`);
}

/**
 * The tensors that are weights, by the names of the file, their rows in the order of the model.
 * @throws {ForetokenError} `config.unsupported` for a tensor that a model of this configuration does not have: a bias, an expert
 */
function weightsOf(tensors: Tensors, family: GgufFamily, config: ModelConfig): Tensors {
  const parts = new Map(partsOf(config.layout!(config)).map(({ place, part }) => [part.name, place]));
  const order = family.neighbours ? fromNeighbours(config.headDim) : undefined;
  const weights = new Map<string, TensorDescription>();
  for (const [name, tensor] of tensors) {
    if (Object.values<string>(FACTORS).includes(name)) continue;
    const place = parts.get(name);
    if (place === undefined) {
      const model = `a ${family.modelType} of this configuration`;
      throw new ForetokenError(
        'config.unsupported',
        `tensor ${quote(name)}: no part of ${model}, as far as implemented`,
      );
    }
    const ordered = order && isRotated(place) && tensor.shape[0]! % order.rows === 0; // the shape is checked where the tensor is looked for
    weights.set(name, ordered ? { ...tensor, order } : tensor);
  }
  return weights;
}

/** Whether the rows of a part are rotated by position. */
export function isRotated(place: string): boolean {
  return /\.(?:query|key)(?:Bias)?$/.test(place);
}

/** How a model is written. */
export interface GgufDescription {
  readonly pairs: readonly Pair[];
  readonly neighbours: boolean;
}

/**
 * The metadata that say what a model is, but for its tokenizer.
 * @throws {ForetokenError} `config.unsupported` for a family that GGUF does not know, and for a setting that it has no words for
 */
export function describeModel(config: ModelConfig): GgufDescription {
  const family = FAMILIES.find(({ modelType }) => modelType === config.architecture);
  if (!family) throw unsayable(`model_type ${quote(config.architecture)}`);
  const { architecture, settings, neighbours = false } = family;
  const pairs = settings.flatMap((setting) => setting.write(config));
  return {
    pairs: [
      ['general.architecture', architecture],
      ...pairs.map(([key, value]): Pair => [`${architecture}.${key}`, value]),
    ],
    neighbours,
  };
}
