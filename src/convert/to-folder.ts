/**
 * A model as a folder of Hugging Face transformers: config.json, model.safetensors, and tokenizer.json where it has one.
 * @module
 */
import type { ModelConfig } from '../formats/hf-config.ts';
import type { JsonValue } from '../formats/json.ts';
import { layOut, type TensorEntry } from '../formats/safetensors-writer.ts';
import type { Dtype } from '../formats/tensors.ts';
import { bytesOf, type Converted, type MatrixPart, type StoredType } from './parts.ts';

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

/** The files, small ones first. */
export function toFolder(model: Converted): FolderFile[] {
  const { config, type, tokenizer } = model;
  const text = (name: string, json: unknown): FolderFile => ({
    name,
    pieces: () => [new TextEncoder().encode(`${JSON.stringify(json, asObject, 2)}\n`)],
  });
  return [
    text('config.json', hfConfig(config, type)),
    ...(tokenizer ? [text('tokenizer.json', tokenizer.json)] : []),
    { name: 'model.safetensors', pieces: () => safetensors(model) },
  ];
}

/** Objects were read as Maps. */
function asObject(_: string, value: JsonValue): unknown {
  return value instanceof Map ? Object.fromEntries(value) : value;
}

function hfConfig(config: ModelConfig, type: StoredType): Record<string, unknown> {
  const [firstEnd, ...moreEnds] = config.eosTokens;
  const isBlocked = type === 'q8' || type === 'q4';
  return {
    architectures: ['LlamaForCausalLM'],
    model_type: 'llama',
    vocab_size: config.vocab,
    hidden_size: config.hidden,
    intermediate_size: config.intermediate,
    num_hidden_layers: config.layers,
    num_attention_heads: config.queryHeads,
    num_key_value_heads: config.kvHeads,
    head_dim: config.headDim,
    max_position_embeddings: config.context,
    rope_theta: config.ropeTheta,
    rms_norm_eps: config.rmsNormEpsilon,
    hidden_act: 'silu',
    attention_bias: false,
    mlp_bias: false,
    rope_scaling: null,
    tie_word_embeddings: config.tied,
    bos_token_id: config.bosToken ?? null,
    eos_token_id: moreEnds.length > 0 ? config.eosTokens : (firstEnd ?? null),
    torch_dtype: isBlocked ? 'float32' : FLOATS[type].torch,
    ...(isBlocked && { quantization_config: { quant_method: 'foretoken', format: type, block_size: BLOCK } }),
  };
}

/** A tensor of the file. */
interface Stored extends TensorEntry {
  pieces(): AsyncIterable<Uint8Array>;
}

async function* safetensors({ type, parts }: Converted): AsyncGenerator<Uint8Array> {
  const tensors = new Map<string, Stored>();
  for (const part of parts) {
    const elements = part.shape.reduce((product, size) => product * size, 1);
    if (part.kind === 'vector') {
      tensors.set(part.name, { dtype: 'F32', shape: part.shape, bytes: elements * 4, pieces: part.pieces });
    } else if (type === 'q8' || type === 'q4') {
      for (const [suffix, stored] of blockTensors(part, type)) tensors.set(`${part.name}.${suffix}`, stored);
    } else {
      const bytes = elements * (type === 'f32' ? 4 : 2);
      tensors.set(part.name, {
        dtype: FLOATS[type].dtype,
        shape: part.shape,
        bytes,
        pieces: () => pieces(part, 'data'),
      });
    }
  }
  const { header, names } = layOut(tensors);
  yield header;
  for (const name of names) yield* tensors.get(name)!.pieces();
}

/** The scales of a matrix and its values: each is a pass over the rows, so that neither is held as a whole. */
function blockTensors(part: MatrixPart, type: 'q8' | 'q4'): [suffix: string, stored: Stored][] {
  const [rows, columns] = part.shape as [number, number];
  const perByte = type === 'q8' ? 1 : 2;
  const [q, scale] = [
    [rows, columns / perByte],
    [rows, columns / BLOCK],
  ];
  return [
    ['scale', { dtype: 'F16', shape: scale, bytes: (rows * columns * 2) / BLOCK, pieces: () => pieces(part, 'scale') }],
    [
      'q',
      {
        dtype: type === 'q8' ? 'I8' : 'U8',
        shape: q,
        bytes: (rows * columns) / perByte,
        pieces: () => pieces(part, 'q'),
      },
    ],
  ];
}

/** One side of all rows. */
async function* pieces({ rows }: MatrixPart, side: 'data' | 'scale' | 'q'): AsyncGenerator<Uint8Array> {
  for await (const some of rows(1)) {
    const sides: { readonly [Side in typeof side]?: ArrayBufferView } = some;
    yield bytesOf(sides[side]!);
  }
}
