/**
 * A model as a folder of Hugging Face transformers: config.json, model.safetensors, and tokenizer.json where it has one.
 * @module
 */
import { Fields } from '../formats/fields.ts';
import type { JsonObject, JsonValue } from '../formats/json.ts';
import { layOut, type TensorEntry } from '../formats/safetensors-writer.ts';
import type { Dtype } from '../formats/tensors.ts';
import { toFloats, type Values } from '../formats/values.ts';
import type { CheckpointLayout, TensorName } from '../model/architectures/layout.ts';
import { llamaLayout } from '../model/architectures/llama.ts';
import { parseModelFields } from '../model/architectures/parse-config.ts';
import { partsOf } from '../model/gguf/parts.ts';
import {
  bytesOf,
  type Converted,
  encoded,
  type MatrixPart,
  type Part,
  type StoredType,
  type VectorPart,
} from './parts.ts';
import { gatherRows, storedRows, transposed } from './rows.ts';

/** A file of the folder. */
export interface FolderFile {
  readonly name: string;
  pieces(): AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
}

const FLOATS: Readonly<Record<Exclude<StoredType, 'q8' | 'q4'>, { readonly dtype: Dtype; readonly torch: string }>> = {
  f32: { dtype: 'F32', torch: 'float32' },
  f16: { dtype: 'F16', torch: 'float16' },
  bf16: { dtype: 'BF16', torch: 'bfloat16' },
};
const BLOCK = 32;

/**
 * The files, small ones first.
 * @throws {ForetokenError} `config.*` when config.json is none, which a model that has been loaded never has
 */
export async function toFolder(model: Converted): Promise<FolderFile[]> {
  const { tokenizer } = model;
  const config = configJson(model);
  const parsed = await parseModelFields(new Fields(config, 'config', 'config.json'));
  const layout = (parsed.layout ?? llamaLayout)(parsed);
  const text = (name: string, json: unknown): FolderFile => ({
    name,
    pieces: () => [new TextEncoder().encode(`${JSON.stringify(json, asObject, 2)}\n`)],
  });
  return [
    text('config.json', config),
    ...(tokenizer ? [text('tokenizer.json', tokenizer.json)] : []),
    { name: 'model.safetensors', pieces: () => safetensors(model, layout) },
  ];
}

/** Objects were read as Maps. */
function asObject(_: string, value: JsonValue): unknown {
  return value instanceof Map ? Object.fromEntries(value) : value;
}

/** The model's own config.json, but for what the weights are stored as. */
function configJson({ settings, type }: Converted): JsonObject {
  const config = new Map(settings);
  // `dtype` is how transformers 5 writes it; both versions read the older name.
  for (const name of ['dtype', 'torch_dtype', 'quantization_config']) config.delete(name);
  if (type !== 'q8' && type !== 'q4') return config.set('torch_dtype', FLOATS[type].torch);
  const blocks = new Map<string, JsonValue>(
    Object.entries({ quant_method: 'foretoken', format: type, block_size: BLOCK }),
  );
  return config.set('torch_dtype', 'float32').set('quantization_config', blocks);
}

/** A tensor of the file. */
interface Stored extends TensorEntry {
  pieces(): AsyncIterable<Uint8Array>;
}

/** A tensor of the folder, and the part that it is. */
interface StoredPart {
  readonly name: TensorName;
  readonly part: Part;
}

async function* safetensors({ type, parts }: Converted, layout: CheckpointLayout): AsyncGenerator<Uint8Array> {
  const byPlace = new Map(parts.map((part) => [part.place, part]));
  const tensors = new Map<string, Stored>();
  for (const { place, part: name } of partsOf(layout)) {
    for (const [key, stored] of tensorsOf({ name, part: byPlace.get(place)! }, type)) tensors.set(key, stored);
  }
  const { header, names } = layOut(tensors);
  yield header;
  for (const name of names) yield* tensors.get(name)!.pieces();
}

function tensorsOf({ name, part }: StoredPart, type: StoredType): [name: string, stored: Stored][] {
  const { name: key, shape } = name;
  const elements = shape.reduce((product, size) => product * size, 1);
  if (part.kind === 'vector') {
    return [[key, { dtype: 'F32', shape, bytes: elements * 4, pieces: () => vectorPieces(name, part) }]];
  }
  const held = part.exact ? 'f32' : type;
  if (held === 'q8' || held === 'q4') {
    return blockTensors(name, part, held).map(([suffix, stored]) => [`${key}.${suffix}`, stored]);
  }
  const { dtype } = FLOATS[held];
  const [rows, cols] = shape as [number, number];
  const stored: Stored = {
    dtype,
    shape: name.read ? [cols, rows] : shape,
    bytes: elements * (held === 'f32' ? 4 : 2),
    pieces: () => sides(name, part, held, 'data'),
  };
  return [[key, stored]];
}

async function* vectorPieces(name: TensorName, part: VectorPart): AsyncGenerator<Uint8Array> {
  const { plus = 0 } = name;
  const values = storedRows(await part.values(), name, 1) as Float32Array;
  yield bytesOf(plus === 0 ? values : values.map((value) => value - plus));
}

/** The scales of a matrix and its values: each is a pass over the rows, so that neither is held as a whole. */
function blockTensors(name: TensorName, part: MatrixPart, type: 'q8' | 'q4'): [suffix: string, stored: Stored][] {
  const [rows, columns] = part.shape as [number, number];
  const perByte = type === 'q8' ? 1 : 2;
  const [q, scale] = [
    [rows, columns / perByte],
    [rows, columns / BLOCK],
  ];
  const pieces = (side: 'scale' | 'q') => () => sides(name, part, type, side);
  return [
    ['scale', { dtype: 'F16', shape: scale, bytes: (rows * columns * 2) / BLOCK, pieces: pieces('scale') }],
    ['q', { dtype: type === 'q8' ? 'I8' : 'U8', shape: q, bytes: (rows * columns) / perByte, pieces: pieces('q') }],
  ];
}

/** One side of all rows, as the folder stores them. */
async function* sides(
  name: TensorName,
  part: MatrixPart,
  type: StoredType,
  side: 'data' | 'scale' | 'q',
): AsyncGenerator<Uint8Array> {
  for await (const values of storedMatrix(name, part, side === 'data')) {
    const some: { readonly [Side in typeof side]?: ArrayBufferView } = encoded(values, type, name.name);
    yield bytesOf(some[side]!);
  }
}

/** A matrix that is stored in another order than that of its part is brought into it as a whole. Blocks are never stored by columns. */
async function* storedMatrix(name: TensorName, part: MatrixPart, asFloats: boolean): AsyncGenerator<Values> {
  const [rows, cols] = part.shape as [number, number];
  const turns = name.read !== undefined && asFloats;
  if (!turns && !name.spread) {
    for await (const { values } of part.rows(1)) yield values;
    return;
  }
  const whole = await gatherRows(part.rows(1), rows, cols);
  if (!whole) return;
  const stored = storedRows(whole, name, cols);
  yield turns ? transposed(toFloats(stored), rows, cols) : stored;
}
