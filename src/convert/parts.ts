/**
 * The parts of a model to be written, as the transformer takes them, whatever its checkpoint stores them as.
 * @module
 */
import { ForetokenError } from '../errors.ts';
import { readAll } from '../formats/byte-source.ts';
import type { ModelConfig } from '../formats/hf-config.ts';
import { type JsonObject, type JsonValue, parseJson } from '../formats/json.ts';
import {
  expectTensor,
  readFloats,
  type ReadOptions,
  type TensorDescription,
  type Tensors,
} from '../formats/tensors.ts';
import { Scratch } from '../formats/scratch.ts';
import { toBf16, toF16, toFloats, toQ4, toQ8, type Values } from '../formats/values.ts';
import type { OpenModel } from '../load.ts';
import { textSettings } from '../model/architectures/gemma3-multimodal.ts';
import type { TensorName } from '../model/architectures/layout.ts';
import { llamaLayout } from '../model/architectures/llama.ts';
import { partsOf } from '../model/gguf/parts.ts';
import { findMatrix, readMatrix, type RowRun, type StoredMatrix, storedName } from '../model/load-weights.ts';
import { misfit } from '../model/memory-plan.ts';
import { gatherRows } from './rows.ts';

/** How matrices are stored in a file; vectors are f32 in each of them. */
export type StoredType = 'f32' | 'f16' | 'bf16' | 'q8' | 'q4';
export const STORED_TYPES: readonly StoredType[] = ['f32', 'f16', 'bf16', 'q8', 'q4'];

/** A matrix or a vector of the model. */
export type Part = MatrixPart | VectorPart;

interface PartPlace {
  /** Its place in the layout, as `partsOf` names it. */
  readonly place: string;
  readonly shape: readonly number[];
}

export interface VectorPart extends PartPlace {
  readonly kind: 'vector';
  values(): Promise<Float32Array>;
}

export interface MatrixPart extends PartPlace {
  readonly kind: 'matrix';
  /** Held in f32, and so written, whatever the type of the others. */
  readonly exact: boolean;
  /** Its rows in order, some at a time. @param group rows that are never divided */
  rows(group: number): AsyncGenerator<RowRun>;
}

/** A model to be written. */
export interface Converted {
  readonly config: ModelConfig;
  /** Its config.json. */
  readonly settings: JsonObject;
  readonly type: StoredType;
  /** In the order of the layers. */
  readonly parts: readonly Part[];
  readonly tokenizer: { readonly json: JsonValue; readonly name: string } | undefined;
}

const MOST_CONFIG_BYTES = 2 ** 20;

/**
 * Looks at a model whose weights are to be written.
 *
 * @param type how its matrices are written; default as they are stored, where all are stored alike and in a type that can be written; else q4 or
 *   q8, whichever comes nearest; among floats of several types f32
 * @throws {ForetokenError} `file.*` and `config.*` for what the model holds, `config.unsupported` when its widths do not fit the blocks
 */
export async function convertedModel(
  model: OpenModel,
  type: StoredType | undefined,
  signal?: AbortSignal,
): Promise<Converted> {
  const { config } = model;
  const tensors = await model.readTensors();
  const chosen = type ?? storedType(model, tensors);
  const problem = chosen === 'q8' || chosen === 'q4' ? misfit(config, chosen) : undefined;
  if (problem !== undefined) throw new ForetokenError('config.unsupported', problem);
  const options: ReadOptions = { scratch: new Scratch(), ...(signal && { signal }) };
  const parts = partsOf((config.layout ?? llamaLayout)(config)).map(({ place, part }): Part => {
    const { shape, exact = false } = part;
    if (shape.length === 1) return vectorPart(place, part, tensors, options);
    const stored = findMatrix(tensors, part, config.quantization);
    return { place, shape, kind: 'matrix', exact, rows: (group) => rowsOf(stored, part, { ...options, group }) };
  });
  const tokenizer = await model.findTokenizer();
  if (tokenizer && 'parts' in tokenizer) {
    throw new ForetokenError('tokenizer.unsupported', `${tokenizer.name}: a tokenizer of SentencePiece is not written`);
  }
  return { config, settings: textSettings(await settingsOf(model, signal)), type: chosen, parts, tokenizer };
}

/** The config.json of a folder, or the one that a GGUF file comes to. */
async function settingsOf({ settings, folder }: OpenModel, signal: AbortSignal | undefined): Promise<JsonObject> {
  if (settings) return settings;
  const file = (await folder!.file('config.json', signal))!;
  return parseJson(await readAll(file, MOST_CONFIG_BYTES, signal), file.name) as JsonObject;
}

const WRITABLE: Partial<Record<TensorDescription['dtype'], StoredType>> = {
  F32: 'f32',
  F16: 'f16',
  BF16: 'bf16',
  Q8_0: 'q8',
  Q4_0: 'q4',
};

function storedType({ config, dtype }: OpenModel, tensors: Tensors): StoredType {
  if (config.quantization) return config.quantization.format;
  const matrices = partsOf((config.layout ?? llamaLayout)(config)).flatMap(({ part }) => {
    const tensor = part.shape.length > 1 && !part.exact ? tensors.get(storedName(tensors, part)) : undefined;
    return tensor ? [tensor] : [];
  });
  const [first, ...others] = new Set(matrices.map((tensor) => tensor.dtype));
  const only = others.length === 0 && first !== undefined ? WRITABLE[first] : undefined;
  const nearest = matrices.some(({ decode }) => decode) ? 'q8' : 'f32';
  return only ?? (dtype === 'q4' ? 'q4' : nearest);
}

function vectorPart(place: string, part: TensorName, tensors: Tensors, options: ReadOptions): VectorPart {
  const tensor = expectTensor(tensors, storedName(tensors, part), part.shape);
  return {
    place,
    shape: part.shape,
    kind: 'vector',
    async values() {
      const { spread = asTheyCome, plus = 0, shape } = part;
      const values = new Float32Array(shape[0]!);
      for await (const { row, data } of readFloats(tensor, options)) {
        for (const run of spread({ row, values: data }, 1)) values.set(run.values as Float32Array, run.row);
      }
      return plus === 0 ? values : values.map((value) => value + plus);
    },
  };
}

const asTheyCome = (rows: RowRun): Iterable<RowRun> => [rows];

async function* rowsOf(stored: StoredMatrix, part: TensorName, options: ReadOptions): AsyncGenerator<RowRun> {
  const [rows, cols] = part.shape as [number, number];
  const { spread } = part;
  if (!spread) return yield* readMatrix(stored, cols, options);
  async function* runs() {
    for await (const some of readMatrix(stored, cols, options)) yield* spread!(some, cols);
  }
  const whole = await gatherRows(runs(), rows, cols);
  if (whole) yield { row: 0, values: whole };
}

/** Rows in the type that they are written in: numbers, or blocks and their scales. */
export type EncodedRows = { readonly data: Uint8Array } | ReturnType<typeof toQ8> | ReturnType<typeof toQ4>;

/** @param name of the tensor, for messages @throws {ForetokenError} `file.nonfinite` for what the type does not hold */
export function encoded(values: Values, type: StoredType, name: string): EncodedRows {
  switch (type) {
    case 'f32':
      return { data: bytesOf(toFloats(values)) };
    case 'f16':
      return { data: bytesOf(toF16(values, name)) };
    case 'bf16':
      return { data: bytesOf(toBf16(values, name)) };
    case 'q8':
      return toQ8(values, name);
    case 'q4':
      return toQ4(values, name);
  }
}

/** Numbers as bytes, little endian, on the same memory. */
export function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
