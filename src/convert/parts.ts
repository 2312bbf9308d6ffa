/**
 * The tensors of a model in a type to be written: which there are, and their rows as bytes.
 * @module
 */
import { ForetokenError } from '../errors.ts';
import type { ModelConfig } from '../formats/hf-config.ts';
import type { JsonValue } from '../formats/json.ts';
import {
  expectTensor,
  FLOAT_DTYPES,
  readFloats,
  Scratch,
  type TensorDescription,
  type Tensors,
} from '../formats/tensors.ts';
import { toBf16, toF16, toFloats, toQ4, toQ8, type Values } from '../formats/values.ts';
import type { OpenModel } from '../load.ts';
import type { TensorName } from '../model/architectures/layout.ts';
import { llamaLayout } from '../model/architectures/llama.ts';
import { findMatrix, readMatrix, type StoredMatrix } from '../model/load-weights.ts';
import { misfit } from '../model/memory-plan.ts';

/** How matrices are stored in a file; vectors are f32 in each of them. */
export type StoredType = 'f32' | 'f16' | 'bf16' | 'q8' | 'q4';
export const STORED_TYPES: readonly StoredType[] = ['f32', 'f16', 'bf16', 'q8', 'q4'];

/** A matrix or a vector of the model. */
export type Part = MatrixPart | VectorPart;

export interface VectorPart extends TensorName {
  readonly kind: 'vector';
  /** f32, little endian. */
  pieces(): AsyncGenerator<Uint8Array>;
}

export interface MatrixPart extends TensorName {
  readonly kind: 'matrix';
  /** Some rows at a time, in the type asked for. @param group rows that are never divided */
  rows(group: number): AsyncGenerator<Rows>;
}

/** Some rows of a matrix as they are written: numbers, or blocks and their scales. */
export type Rows = { readonly data: Uint8Array } | ReturnType<typeof toQ8> | ReturnType<typeof toQ4>;

/** A model to be written. */
export interface Converted {
  readonly config: ModelConfig;
  readonly type: StoredType;
  /** In the order of the layers. */
  readonly parts: readonly Part[];
  readonly tokenizer: { readonly json: JsonValue; readonly name: string } | undefined;
}

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
  if (config.architecture !== 'llama' || config.form) {
    throw new ForetokenError(
      'config.unsupported',
      `only a Llama whose positions are not scaled can be written, not ${config.architecture}`,
    );
  }
  const { embedding, layers, finalNorm, head } = llamaLayout(config);
  const tensors = await model.readTensors();
  const chosen = type ?? storedType(model, tensors);
  const problem = chosen === 'q8' || chosen === 'q4' ? misfit(config, chosen) : undefined;
  if (problem !== undefined) throw new ForetokenError('config.unsupported', problem);
  const options = { scratch: new Scratch(), ...(signal && { signal }) };
  const vector = (name: TensorName): VectorPart => {
    const tensor = expectTensor(tensors, name.name, name.shape, FLOAT_DTYPES);
    return {
      ...name,
      kind: 'vector',
      async *pieces() {
        for await (const { data } of readFloats(tensor, options)) yield bytesOf(data);
      },
    };
  };
  const matrix = (name: TensorName): MatrixPart => {
    const stored = findMatrix(tensors, name, config.quantization);
    return { ...name, kind: 'matrix', rows: (group) => rowsOf(stored, name, chosen, { ...options, group }) };
  };
  const parts: Part[] = [
    matrix(embedding),
    ...layers.flatMap((layer) => [
      vector(layer.attentionNorm),
      ...[layer.query, layer.key, layer.value, layer.output].map(matrix),
      vector(layer.feedForwardNorm),
      ...[layer.gate, layer.up, layer.down].map(matrix),
    ]),
    vector(finalNorm),
    ...(head ? [matrix(head)] : []),
  ];
  const tokenizer = await model.findTokenizer();
  if (tokenizer && 'parts' in tokenizer) {
    throw new ForetokenError('tokenizer.unsupported', `${tokenizer.name}: a tokenizer of SentencePiece is not written`);
  }
  return { config, type: chosen, parts, tokenizer };
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
  const matrices = [...tensors.values()].filter(({ shape }) => shape.length > 1);
  const [first, ...others] = new Set(matrices.map((tensor) => tensor.dtype));
  const only = others.length === 0 && first !== undefined ? WRITABLE[first] : undefined;
  const nearest = matrices.some(({ decode }) => decode) ? 'q8' : 'f32';
  return only ?? (dtype === 'q4' ? 'q4' : nearest);
}

async function* rowsOf(
  stored: StoredMatrix,
  { name, shape }: TensorName,
  type: StoredType,
  options: Parameters<typeof readMatrix>[2],
): AsyncGenerator<Rows> {
  for await (const { values } of readMatrix(stored, shape[1]!, options)) yield encoded(values, type, name);
}

function encoded(values: Values, type: StoredType, name: string): Rows {
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
