/**
 * Writes a checkpoint as GGUF version 3: F32, or all matrices Q8_0 or Q4_0 and the norms F32.
 * Source: the GGUF specification of ggml, and llama.cpp's conversion of Llama checkpoints.
 *
 *   magic, version, counts | key-value pairs | name, shape, type and offset of each tensor | tensors, each aligned to 32 bytes
 * @module
 */
import type { Shape } from '../../../src/cli/random-model.ts';
import { type Q8Matrix, quantizeQ8 } from '../../../src/formats/q8.ts';
import { type Matrix, NORM_EPSILON, ROPE_BASE, type Weights } from './checkpoint.ts';
import { type Q4Matrix, quantizeQ4 } from '../../../src/formats/q4.ts';
import { tokenText } from './token-text.ts';

export type GgufType = 'F32' | 'Q8_0' | 'Q4_0';

/** ggml's numbers of tensor types, and llama.cpp's of files whose matrices are mostly of one. */
const TENSOR_TYPES = { F32: 0, Q4_0: 2, Q8_0: 8 } as const;
const FILE_TYPES = { F32: 0, Q4_0: 2, Q8_0: 7 } as const;
const ALIGNMENT = 32;
const BLOCK = 32;

/** The file in pieces. */
export function* ggufPieces(weights: Weights, type: GgufType): Generator<Uint8Array> {
  const tensors = ggufTensors(weights, type);
  const head = new ByteWriter();
  head.letters('GGUF');
  head.u32(3);
  head.u64(tensors.length);
  const pairs = metadata(weights.shape, type);
  head.u64(pairs.length);
  for (const write of pairs) write(head);
  let offset = 0;
  for (const { name, dimensions, dtype, bytes } of tensors) {
    head.text(name);
    head.u32(dimensions.length);
    for (const size of dimensions) head.u64(size);
    head.u32(TENSOR_TYPES[dtype]);
    head.u64(offset);
    offset += aligned(bytes);
  }
  head.zeros(aligned(head.length) - head.length);
  yield head.written();
  for (const { bytes, data } of tensors) {
    yield data();
    yield new Uint8Array(aligned(bytes) - bytes);
  }
}

const aligned = (bytes: number): number => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;

interface GgufTensor {
  readonly name: string;
  /** Fastest first, the other way round than in safetensors. */
  readonly dimensions: readonly number[];
  readonly dtype: GgufType;
  readonly bytes: number;
  /** Made when it is written. */
  data(): Uint8Array;
}

function ggufTensors({ shape, embedding, layers, finalNorm }: Weights, type: GgufType): GgufTensor[] {
  const vector = (name: string, values: Float32Array): GgufTensor => ({
    name: `${name}.weight`,
    dimensions: [values.length],
    dtype: 'F32',
    bytes: values.byteLength,
    data: () => bytesOf(values),
  });
  const matrix = (name: string, source: Matrix, change = (values: Float32Array) => values): GgufTensor => ({
    name: `${name}.weight`,
    dimensions: [source.cols, source.rows],
    dtype: type,
    bytes: source.values.length * { F32: 4, Q8_0: 34 / BLOCK, Q4_0: 18 / BLOCK }[type],
    data: () => encode(change(source.values), type),
  });
  return [
    matrix('token_embd', embedding),
    ...layers.flatMap((layer, index) => {
      const name = (part: string) => `blk.${index}.${part}`;
      return [
        vector(name('attn_norm'), layer.attentionNorm),
        matrix(name('attn_q'), layer.query, () => interleaveHalves(layer.query, shape.headDim)),
        matrix(name('attn_k'), layer.key, () => interleaveHalves(layer.key, shape.headDim)),
        matrix(name('attn_v'), layer.value),
        matrix(name('attn_output'), layer.output),
        vector(name('ffn_norm'), layer.feedForwardNorm),
        matrix(name('ffn_gate'), layer.gate),
        matrix(name('ffn_up'), layer.up),
        matrix(name('ffn_down'), layer.down),
      ];
    }),
    vector('output_norm', finalNorm),
  ];
}

/**
 * Rows of a head in the order of llama.cpp's Llama, whose rotary pairs are neighbours; in a checkpoint a pair's second row lies half a head
 * after its first.
 *
 *   from   a0 a1 a2 b0 b1 b2      to   a0 b0 a1 b1 a2 b2
 */
function interleaveHalves({ rows, cols, values }: Matrix, headDim: number): Float32Array {
  const half = headDim / 2;
  const moved = new Float32Array(values.length);
  for (let row = 0; row < rows; row++) {
    const inHead = row % headDim;
    const target = row - inHead + (inHead % half) * 2 + Math.floor(inHead / half);
    moved.set(values.subarray(row * cols, (row + 1) * cols), target * cols);
  }
  return moved;
}

function encode(values: Float32Array, type: GgufType): Uint8Array {
  if (type === 'F32') return bytesOf(values);
  return inBlocks(type === 'Q8_0' ? quantizeQ8(values) : quantizeQ4(values));
}

/** Blocks of an f16 scale and the block's values. */
function inBlocks({ q, scale }: Q8Matrix | Q4Matrix): Uint8Array {
  const scales = bytesOf(scale);
  const values = bytesOf(q);
  const blockBytes = values.length / scale.length;
  const bytes = new Uint8Array(scales.length + values.length);
  for (let block = 0; block < scale.length; block++) {
    const at = block * (2 + blockBytes);
    bytes.set(scales.subarray(block * 2, block * 2 + 2), at);
    bytes.set(values.subarray(block * blockBytes, (block + 1) * blockBytes), at + 2);
  }
  return bytes;
}

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** GGUF's numbers of value types. */
const VALUE = { u32: 4, i32: 5, f32: 6, bool: 7, text: 8, array: 9 } as const;
/** llama.cpp's number of a token that is found in text as it stands, before anything else. */
const USER_DEFINED = 4;

/**
 * What llama.cpp asks of a Llama. Its tokenizer is the least that loads: every token is one of the user's own, so prompts can be given as text
 * to a library that takes nothing else, and output can be read back.
 */
function metadata(shape: Shape, type: GgufType): ((writer: ByteWriter) => void)[] {
  const u32 = (key: string, value: number) => (to: ByteWriter) => to.key(key, VALUE.u32).u32(value);
  const f32 = (key: string, value: number) => (to: ByteWriter) => to.key(key, VALUE.f32).f32(value);
  const bool = (key: string, value: boolean) => (to: ByteWriter) => to.key(key, VALUE.bool).u8(value ? 1 : 0);
  const text = (key: string, value: string) => (to: ByteWriter) => to.key(key, VALUE.text).text(value);
  const perToken = (key: string, kind: number, write: (to: ByteWriter, token: number) => void) => (to: ByteWriter) => {
    to.key(key, VALUE.array).u32(kind);
    to.u64(shape.vocab);
    for (let token = 0; token < shape.vocab; token++) write(to, token);
  };
  return [
    text('general.architecture', 'llama'),
    text('general.name', 'random'),
    u32('general.file_type', FILE_TYPES[type]),
    u32('general.alignment', ALIGNMENT),
    u32('llama.block_count', shape.layers),
    u32('llama.context_length', 2048),
    u32('llama.embedding_length', shape.hidden),
    u32('llama.feed_forward_length', shape.intermediate),
    u32('llama.attention.head_count', shape.queryHeads),
    u32('llama.attention.head_count_kv', shape.kvHeads),
    u32('llama.attention.key_length', shape.headDim),
    u32('llama.attention.value_length', shape.headDim),
    f32('llama.attention.layer_norm_rms_epsilon', NORM_EPSILON),
    u32('llama.rope.dimension_count', shape.headDim),
    f32('llama.rope.freq_base', ROPE_BASE),
    u32('llama.vocab_size', shape.vocab),
    text('tokenizer.ggml.model', 'llama'),
    perToken('tokenizer.ggml.tokens', VALUE.text, (to, token) => to.text(tokenText(token))),
    perToken('tokenizer.ggml.scores', VALUE.f32, (to) => to.f32(0)),
    perToken('tokenizer.ggml.token_type', VALUE.i32, (to) => to.u32(USER_DEFINED)),
    u32('tokenizer.ggml.bos_token_id', 1),
    u32('tokenizer.ggml.eos_token_id', 2),
    bool('tokenizer.ggml.add_bos_token', false),
    bool('tokenizer.ggml.add_eos_token', false),
    bool('tokenizer.ggml.add_space_prefix', false),
  ];
}

/** Numbers and texts, little endian, one after the other. */
class ByteWriter {
  #bytes = new Uint8Array(1 << 16);
  length = 0;

  key(name: string, kind: number): this {
    this.text(name);
    this.u32(kind);
    return this;
  }

  u8(value: number): void {
    this.#take(1).setUint8(0, value);
  }

  u32(value: number): void {
    this.#take(4).setUint32(0, value, true);
  }

  u64(value: number): void {
    this.#take(8).setBigUint64(0, BigInt(value), true);
  }

  f32(value: number): void {
    this.#take(4).setFloat32(0, value, true);
  }

  /** With its length before it. */
  text(value: string): void {
    this.u64(new TextEncoder().encode(value).length);
    this.letters(value);
  }

  letters(value: string): void {
    const bytes = new TextEncoder().encode(value);
    const { buffer, byteOffset, byteLength } = this.#take(bytes.length);
    new Uint8Array(buffer, byteOffset, byteLength).set(bytes);
  }

  zeros(count: number): void {
    this.#take(count);
  }

  written(): Uint8Array {
    return this.#bytes.subarray(0, this.length);
  }

  /** Room for the next bytes. */
  #take(count: number): DataView {
    const at = this.length;
    this.length += count;
    if (this.length > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(this.length, this.#bytes.length * 2));
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    return new DataView(this.#bytes.buffer, at, count);
  }
}
