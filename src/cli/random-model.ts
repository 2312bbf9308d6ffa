/**
 * Checkpoints of random weights, made in memory: a shape's speed without its training.
 * @module
 */
import { generator } from './statistics.ts';

/** Sizes of a Llama-type model with tied embeddings. */
export interface Shape {
  readonly vocab: number;
  readonly hidden: number;
  readonly intermediate: number;
  readonly layers: number;
  readonly queryHeads: number;
  readonly kvHeads: number;
  readonly headDim: number;
}

/** The shapes of bench/peers and of the benchmark of single tokens, by parameters; `tiny` is for trying the command. */
export const SHAPES: Readonly<Record<string, Shape>> = {
  tiny: { vocab: 512, hidden: 128, intermediate: 256, layers: 2, queryHeads: 4, kvHeads: 2, headDim: 32 },
  '15m': { vocab: 32_000, hidden: 288, intermediate: 768, layers: 6, queryHeads: 6, kvHeads: 6, headDim: 48 },
  '135m': { vocab: 49_152, hidden: 576, intermediate: 1536, layers: 30, queryHeads: 9, kvHeads: 3, headDim: 64 },
  '0.5b': { vocab: 151_936, hidden: 896, intermediate: 4864, layers: 24, queryHeads: 14, kvHeads: 2, headDim: 64 },
};

const ONE = 0x3f80;
/** Sign and mantissa are random, the exponent is that of 1/64: deviation 0.02, near what training starts from. */
const RANDOM_BITS = 0x807f;
const EXPONENT = 0x3c80;

/** A checkpoint by file name, as `load` takes it: config.json, and model.safetensors in bf16. Norm weights are 1. */
export function randomModel(shape: Shape, { context = 2048, seed = 1 } = {}): Record<string, Uint8Array> {
  const tensors = tensorShapes(shape);
  const header: Record<string, unknown> = {};
  let bytes = 0;
  for (const [name, dimensions] of tensors) {
    const end = bytes + 2 * dimensions.reduce((product, size) => product * size, 1);
    header[name] = { dtype: 'BF16', shape: dimensions, data_offsets: [bytes, end] };
    bytes = end;
  }
  const text = JSON.stringify(header);
  const headerBytes = new TextEncoder().encode(text.padEnd(Math.ceil(text.length / 8) * 8));
  const file = new Uint8Array(8 + headerBytes.length + bytes);
  new DataView(file.buffer).setBigUint64(0, BigInt(headerBytes.length), true);
  file.set(headerBytes, 8);
  let start = 8 + headerBytes.length;
  const next = generator(seed);
  for (const [, dimensions] of tensors) {
    const values = new Uint16Array(
      file.buffer,
      start,
      dimensions.reduce((product, size) => product * size, 1),
    );
    if (dimensions.length === 1) values.fill(ONE);
    else fillRandom(values, next);
    start += values.byteLength;
  }
  return {
    'config.json': new TextEncoder().encode(JSON.stringify(hfConfig(shape, context))),
    'model.safetensors': file,
  };
}

function tensorShapes({
  vocab,
  hidden,
  intermediate,
  layers,
  queryHeads,
  kvHeads,
  headDim,
}: Shape): [string, number[]][] {
  const layer = (index: number): [string, number[]][] => {
    const prefix = `model.layers.${index}`;
    return [
      [`${prefix}.input_layernorm.weight`, [hidden]],
      [`${prefix}.self_attn.q_proj.weight`, [queryHeads * headDim, hidden]],
      [`${prefix}.self_attn.k_proj.weight`, [kvHeads * headDim, hidden]],
      [`${prefix}.self_attn.v_proj.weight`, [kvHeads * headDim, hidden]],
      [`${prefix}.self_attn.o_proj.weight`, [hidden, queryHeads * headDim]],
      [`${prefix}.post_attention_layernorm.weight`, [hidden]],
      [`${prefix}.mlp.gate_proj.weight`, [intermediate, hidden]],
      [`${prefix}.mlp.up_proj.weight`, [intermediate, hidden]],
      [`${prefix}.mlp.down_proj.weight`, [hidden, intermediate]],
    ];
  };
  return [
    ['model.embed_tokens.weight', [vocab, hidden]],
    ...Array.from({ length: layers }, (_, index) => layer(index)).flat(),
    ['model.norm.weight', [hidden]],
  ];
}

function fillRandom(values: Uint16Array, next: () => number): void {
  for (let i = 0; i < values.length; i++) values[i] = (Math.floor(next() * 65536) & RANDOM_BITS) | EXPONENT;
}

function hfConfig({ vocab, hidden, intermediate, layers, queryHeads, kvHeads, headDim }: Shape, context: number) {
  return {
    architectures: ['LlamaForCausalLM'],
    model_type: 'llama',
    hidden_act: 'silu',
    hidden_size: hidden,
    intermediate_size: intermediate,
    max_position_embeddings: context,
    num_attention_heads: queryHeads,
    num_hidden_layers: layers,
    num_key_value_heads: kvHeads,
    head_dim: headDim,
    rms_norm_eps: 1e-5,
    rope_theta: 10_000,
    tie_word_embeddings: true,
    torch_dtype: 'bfloat16',
    vocab_size: vocab,
  };
}
