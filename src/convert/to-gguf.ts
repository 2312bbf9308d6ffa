/**
 * A model as a GGUF file.
 * @module
 */
import { type GgmlName, ggmlType } from '../formats/gguf-types.ts';
import { ggufName, toNeighbours } from '../formats/gguf-llama.ts';
import { ggufPieces, joinBlocks, type Pair, type WrittenTensor } from '../formats/gguf-writer.ts';
import type { ModelConfig } from '../formats/hf-config.ts';
import type { RowOrder } from '../formats/tensors.ts';
import { endPairs, tokenizerPairs } from '../text/gguf-tokenizer-writer.ts';
import type { Converted, MatrixPart, StoredType } from './parts.ts';

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
 * @throws {ForetokenError} `tokenizer.unsupported`, `config.unsupported` for what GGUF cannot say, before the first piece; what reading throws
 */
export function toGguf({ config, type, parts, tokenizer }: Converted): AsyncGenerator<Uint8Array> {
  const { dtype, fileType } = TYPES[type];
  const order = toNeighbours(config.headDim);
  const tensors = parts.map((part): WrittenTensor => {
    const { name, rotated } = ggufName(part.name);
    const { shape } = part;
    if (part.kind === 'vector') return { name, dtype: 'F32', shape, pieces: part.pieces };
    return { name, dtype, shape, pieces: () => matrixPieces(part, dtype, rotated ? order : undefined) };
  });
  const pairs: Pair[] = [
    ['general.architecture', 'llama'],
    ['general.file_type', { u32: fileType }],
    ['general.quantization_version', { u32: QUANTIZATION_VERSION }],
    ...configPairs(config),
    ...endPairs(config),
    ...(tokenizer ? tokenizerPairs(tokenizer.json, tokenizer.name, config) : NO_TOKENIZER),
  ];
  return ggufPieces(pairs, tensors);
}

/** @param order given where the rows of heads change theirs */
async function* matrixPieces(
  { shape, rows }: MatrixPart,
  dtype: GgmlName,
  order: RowOrder | undefined,
): AsyncGenerator<Uint8Array> {
  const { values, bytes } = ggmlType(dtype);
  const rowBytes = (shape[1]! / values) * bytes;
  for await (const some of rows(order?.rows ?? 1)) {
    const data = 'data' in some ? some.data : joinBlocks(some);
    const moved = order && new Uint8Array(data.length);
    if (moved) order.arrange(data, rowBytes, moved);
    yield moved ?? data;
  }
}

function configPairs(config: ModelConfig): Pair[] {
  const u32 = (key: string, value: number): Pair => [`llama.${key}`, { u32: value }];
  const f32 = (key: string, value: number): Pair => [`llama.${key}`, { f32: value }];
  return [
    u32('vocab_size', config.vocab),
    u32('context_length', config.context),
    u32('embedding_length', config.hidden),
    u32('block_count', config.layers),
    u32('feed_forward_length', config.intermediate),
    u32('attention.head_count', config.queryHeads),
    u32('attention.head_count_kv', config.kvHeads),
    u32('attention.key_length', config.headDim),
    u32('attention.value_length', config.headDim),
    f32('attention.layer_norm_rms_epsilon', config.rmsNormEpsilon),
    u32('rope.dimension_count', config.headDim),
    f32('rope.freq_base', config.ropeTheta),
  ];
}
