/**
 * A model as a GGUF file.
 * @module
 */
import { type GgmlName, ggmlType } from '../formats/gguf-types.ts';
import { ggufPieces, joinBlocks, type Pair, type WrittenTensor } from '../formats/gguf-writer.ts';
import type { RowOrder } from '../formats/tensors.ts';
import { llamaLayout } from '../model/architectures/llama.ts';
import { describeModel, isRotated } from '../model/gguf/families.ts';
import { ggufLayout, partsOf } from '../model/gguf/parts.ts';
import { factorTensors } from '../model/gguf/rope.ts';
import { toNeighbours } from '../model/gguf/row-order.ts';
import { endPairs, tokenizerPairs } from '../text/gguf-tokenizer-writer.ts';
import { bytesOf, type Converted, encoded, type MatrixPart, type StoredType, type VectorPart } from './parts.ts';

/** The type of tensors, and llama.cpp's number of files whose matrices have it. */
const TYPES: Readonly<Record<StoredType, { readonly dtype: GgmlName; readonly fileType: number }>> = {
  f32: { dtype: 'F32', fileType: 0 },
  f16: { dtype: 'F16', fileType: 1 },
  bf16: { dtype: 'BF16', fileType: 32 },
  q8: { dtype: 'Q8_0', fileType: 7 },
  q4: { dtype: 'Q4_0', fileType: 2 },
};
/** The version of the block formats; they have not changed since. */
const QUANTIZATION_VERSION = 2;
const NO_TOKENIZER: readonly Pair[] = [['tokenizer.ggml.model', 'none']];

/**
 * The file in pieces.
 * @param tokenizerKeys the tokenizer's pairs, in the place of the model's own
 * @throws {ForetokenError} `tokenizer.unsupported`, `config.unsupported` for what GGUF cannot say, before the first piece; what reading throws
 */
export function toGguf(
  { config, type, parts, tokenizer }: Converted,
  tokenizerKeys?: readonly Pair[],
): AsyncGenerator<Uint8Array> {
  const { pairs, neighbours } = describeModel(config);
  const order = neighbours ? toNeighbours(config.headDim) : undefined;
  const names = new Map(
    partsOf(ggufLayout((config.layout ?? llamaLayout)(config))).map(({ place, part }) => [place, part.name]),
  );
  const factors = factorTensors(config.form?.ropes?.[0]).map(([name, values]): WrittenTensor => {
    return { name, dtype: 'F32', shape: [values.length], pieces: () => once(bytesOf(values)) };
  });
  const weights = parts.map((part): WrittenTensor => {
    const [name, { shape }] = [names.get(part.place)!, part];
    const moved = isRotated(part.place) ? order : undefined;
    if (part.kind === 'vector') return { name, dtype: 'F32', shape, pieces: () => vectorPieces(part, moved) };
    const stored = part.exact ? 'f32' : type;
    return { name, dtype: TYPES[stored].dtype, shape, pieces: () => matrixPieces(part, name, stored, moved) };
  });
  const all: Pair[] = [
    ...pairs.slice(0, 1),
    ['general.file_type', { u32: TYPES[type].fileType }],
    ['general.quantization_version', { u32: QUANTIZATION_VERSION }],
    ...pairs.slice(1),
    ...endPairs(config),
    ...(tokenizerKeys ?? (tokenizer ? tokenizerPairs(tokenizer.json, tokenizer.name, config) : NO_TOKENIZER)),
  ];
  // Factors come first: they are read with the header.
  return ggufPieces(all, [...factors, ...weights]);
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

async function* vectorPieces(part: VectorPart, order: RowOrder | undefined): AsyncGenerator<Uint8Array> {
  yield arranged(bytesOf(await part.values()), 4, order);
}

/** @param order given where the rows of heads change theirs */
async function* matrixPieces(
  { shape, rows }: MatrixPart,
  name: string,
  type: StoredType,
  order: RowOrder | undefined,
): AsyncGenerator<Uint8Array> {
  const { values, bytes } = ggmlType(TYPES[type].dtype);
  const rowBytes = (shape[1]! / values) * bytes;
  for await (const run of rows(order?.rows ?? 1)) {
    const some = encoded(run.values, type, name);
    yield arranged('data' in some ? some.data : joinBlocks(some), rowBytes, order);
  }
}

function arranged(data: Uint8Array, rowBytes: number, order: RowOrder | undefined): Uint8Array {
  if (!order) return data;
  const moved = new Uint8Array(data.length);
  order.arrange(data, rowBytes, moved);
  return moved;
}
