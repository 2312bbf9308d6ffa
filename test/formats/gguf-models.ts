/** Metadata of a small model of every family in GGUF, to be changed by tests. @module */
import { bytesSource } from '../../src/formats/byte-source.ts';
import { readGguf } from '../../src/formats/gguf.ts';
import { type GgufModel, readGgufModel } from '../../src/model/gguf/families.ts';
import { f32, type Frame, ggufFrame, join, pair, text, u8, u32, u64, VALUE } from './gguf-frames.ts';

/** The type and the bytes of a value. */
export type Typed = readonly [type: number, value: Uint8Array];

export const number = (value: number): Typed => [VALUE.u32, u32(value)];
export const real = (value: number): Typed => [VALUE.f32, f32(value)];
export const truth = (value: boolean): Typed => [VALUE.bool, u8(value ? 1 : 0)];
export const words = (value: string): Typed => [VALUE.text, text(value)];
export const list = (...values: number[]): Typed => [
  VALUE.list,
  join(u32(VALUE.u32), u64(values.length), ...values.map(u32)),
];
export const truths = (...values: number[]): Typed => [
  VALUE.list,
  join(u32(VALUE.bool), u64(values.length), u8(...values)),
];

/** Values by key; the keys of an architecture lack its name. */
export type Keys = Readonly<Record<string, Typed | undefined>>;

/** What every family must say, but for the epsilon. */
const SIZES: Keys = {
  block_count: number(2),
  embedding_length: number(64),
  feed_forward_length: number(96),
  'attention.head_count': number(4),
  context_length: number(128),
};
const RMS: Keys = { 'attention.layer_norm_rms_epsilon': real(1e-5) };
const LAYER_NORM: Keys = { 'attention.layer_norm_epsilon': real(1e-5) };
const GROUPED: Keys = { 'attention.head_count_kv': number(2) };
const WINDOW: Keys = { 'attention.sliding_window': number(8) };
const LISTED: Keys = { ...WINDOW, 'attention.sliding_window_pattern': truths(0, 1) };

/** By `model_type`, the architecture and its keys. */
export const MODELS: Readonly<Record<string, readonly [architecture: string, keys: Keys]>> = {
  llama: ['llama', { ...SIZES, ...RMS, ...GROUPED }],
  mistral: ['llama', { ...SIZES, ...RMS, ...GROUPED, ...WINDOW }],
  qwen2: ['qwen2', { ...SIZES, ...RMS, ...GROUPED, ...LISTED }],
  qwen3: ['qwen3', { ...SIZES, ...RMS, ...GROUPED, 'attention.key_length': number(32) }],
  phi3: ['phi3', { ...SIZES, ...RMS, ...GROUPED, ...WINDOW, 'rope.dimension_count': number(8) }],
  smollm3: ['smollm3', { ...SIZES, ...RMS, ...GROUPED }],
  gpt2: ['gpt2', { ...SIZES, ...LAYER_NORM }],
  gpt_neox: [
    'gptneox',
    { ...SIZES, ...LAYER_NORM, 'rope.dimension_count': number(4), use_parallel_residual: truth(false) },
  ],
  gemma2: [
    'gemma2',
    { ...SIZES, ...RMS, ...GROUPED, attn_logit_softcapping: real(50), final_logit_softcapping: real(30) },
  ],
  gemma3_text: ['gemma3', { ...SIZES, ...RMS, ...GROUPED, ...WINDOW, 'rope.freq_base_swa': real(5000) }],
};

/** Keys outside of the architecture's. */
export const GENERAL: Keys = {
  'tokenizer.ggml.bos_token_id': number(1),
  'tokenizer.ggml.eos_token_id': number(2),
};

/** A file of a model, with keys changed, and its architecture. @param frame tensors and their data */
export function modelFile(
  modelType: string,
  change: Keys = {},
  general: Keys = {},
  frame: Pick<Frame, 'tensors' | 'data'> = {},
): Uint8Array {
  const [architecture, keys] = MODELS[modelType]!;
  const own = Object.entries({ vocab_size: number(320), ...keys, ...change });
  const pairs = [
    ...Object.entries({ 'general.architecture': words(architecture), ...GENERAL, ...general }),
    ...own.map(([key, typed]) => [`${architecture}.${key}`, typed] as const),
  ];
  return ggufFrame({ pairs: pairs.flatMap(([key, typed]) => (typed ? [pair(key, ...typed)] : [])), ...frame });
}

/** What a file says of its model. */
export async function readModelFile(file: Uint8Array): Promise<GgufModel> {
  const source = bytesSource(file, 'model.gguf');
  return readGgufModel(await readGguf(source), source.name);
}
