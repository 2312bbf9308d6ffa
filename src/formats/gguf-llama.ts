/**
 * Llama in GGUF: what the metadata say of the model, and which tensor is which of a Hugging Face checkpoint.
 * Source: the keys and tensor names of the GGUF specification, as llama.cpp's conversion of `LlamaForCausalLM` writes them.
 * @module
 */
import { ForetokenError, quote } from '../errors.ts';
import { Fields } from './fields.ts';
import type { GgufFile } from './gguf.ts';
import type { ModelConfig } from './hf-config.ts';
import type { JsonObject } from './json.ts';
import { MOST } from './limits.ts';
import type { RowOrder, TensorDescription, Tensors } from './tensors.ts';

/** Names of GGUF, and those of Hugging Face for the same. */
const OUTSIDE_LAYERS = [
  ['token_embd.weight', 'model.embed_tokens.weight'],
  ['output_norm.weight', 'model.norm.weight'],
  ['output.weight', 'lm_head.weight'],
] as const;
const IN_LAYERS = [
  ['attn_norm', 'input_layernorm'],
  ['attn_q', 'self_attn.q_proj'],
  ['attn_k', 'self_attn.k_proj'],
  ['attn_v', 'self_attn.v_proj'],
  ['attn_output', 'self_attn.o_proj'],
  ['ffn_norm', 'post_attention_layernorm'],
  ['ffn_gate', 'mlp.gate_proj'],
  ['ffn_up', 'mlp.up_proj'],
  ['ffn_down', 'mlp.down_proj'],
] as const;
/** Those whose rows llama.cpp keeps in another order. */
const ROTATED = ['attn_q', 'attn_k'];

/** The name in a GGUF file of a tensor of a Hugging Face checkpoint, and whether its rows are rotated by position. */
export function ggufName(name: string): { readonly name: string; readonly rotated: boolean } {
  const outside = OUTSIDE_LAYERS.find(([, hf]) => hf === name);
  if (outside) return { name: outside[0], rotated: false };
  const [, layer, part] = /^model\.layers\.(\d+)\.(.+)\.weight$/.exec(name) ?? [];
  const [gguf] = IN_LAYERS.find(([, hf]) => hf === part)!;
  return { name: `blk.${layer}.${gguf}.weight`, rotated: ROTATED.includes(gguf) };
}

/** The other way round; undefined for a tensor that is none of Llama's. */
function hfName(name: string): { readonly name: string; readonly rotated: boolean } | undefined {
  const outside = OUTSIDE_LAYERS.find(([gguf]) => gguf === name);
  if (outside) return { name: outside[1], rotated: false };
  const [, layer, part] = /^blk\.(0|[1-9]\d{0,3})\.([a-z_]+)\.weight$/.exec(name) ?? [];
  const inside = IN_LAYERS.find(([gguf]) => gguf === part);
  return inside && { name: `model.layers.${layer}.${inside[1]}.weight`, rotated: ROTATED.includes(inside[0]) };
}

/**
 * The order of rows of a head that llama.cpp's rotation of neighbours takes, brought to that of a rotation of halves.
 *
 *   from   a0 b0 a1 b1 a2 b2      to   a0 a1 a2 b0 b1 b2
 */
export function fromNeighbours(headDim: number): RowOrder {
  return orderOf(headDim, (row) => (row % 2) * (headDim / 2) + Math.floor(row / 2));
}

/** The way back. */
export function toNeighbours(headDim: number): RowOrder {
  return orderOf(headDim, (row) => (row % (headDim / 2)) * 2 + Math.floor(row / (headDim / 2)));
}

/** @param target where a row of a group goes */
function orderOf(rows: number, target: (row: number) => number): RowOrder {
  return {
    rows,
    arrange(from, rowBytes, to) {
      for (let row = 0; row * rowBytes < from.length; row++) {
        const inGroup = row % rows;
        to.set(from.subarray(row * rowBytes, (row + 1) * rowBytes), (row - inGroup + target(inGroup)) * rowBytes);
      }
    },
  };
}

/**
 * The tensors by the names of a Hugging Face checkpoint, whose rows come in its order.
 * @throws {ForetokenError} `config.unsupported` for a tensor that Llama does not have: a bias, scaled positions, an expert
 */
export function llamaTensors({ tensors }: GgufFile, { headDim }: ModelConfig): Tensors {
  const order = fromNeighbours(headDim);
  const renamed = new Map<string, TensorDescription>();
  for (const tensor of tensors.values()) {
    const hf = hfName(tensor.name);
    if (!hf) {
      const why = tensor.name.startsWith('rope_freqs') ? 'positions are scaled' : 'no part of a Llama';
      throw new ForetokenError('config.unsupported', `tensor ${quote(tensor.name)}: ${why}, which is not implemented`);
    }
    const whole = hf.rotated && tensor.shape[0]! % headDim === 0; // the shape is checked where the tensor is looked for
    renamed.set(hf.name, { ...tensor, name: hf.name, ...(whole && { order }) });
  }
  return renamed;
}

/** The metadata as fields; what they cannot be, a number of 64 bits or a list of numbers, has no type that a field has. */
export function metadataFields({ metadata }: GgufFile, area: string, what: string): Fields {
  return new Fields(metadata as unknown as JsonObject, area, what);
}

/**
 * The configuration that the metadata state.
 *
 * @param what the file's name, for messages
 * @throws {ForetokenError} `config.missing`, `config.type`, `config.range` for a key; `config.unsupported` for another architecture, and for
 *   a setting that is valid and not implemented
 */
export function llamaConfig(file: GgufFile, what: string): ModelConfig {
  const fields = metadataFields(file, 'config', what);
  const architecture = fields.string('general.architecture');
  if (architecture !== 'llama') throw fields.unsupported('general.architecture', '"llama"');
  checkSettings(fields);

  const vocab = vocabOf(file, fields);
  const hidden = fields.integer('llama.embedding_length', 1, MOST.hidden);
  const queryHeads = fields.integer('llama.attention.head_count', 1, MOST.heads);
  const kvHeads = fields.integer('llama.attention.head_count_kv', 1, queryHeads, queryHeads);
  if (queryHeads % kvHeads !== 0) {
    throw fields.range('llama.attention.head_count_kv', `a divisor of llama.attention.head_count, ${queryHeads}`);
  }
  return {
    architecture: 'llama',
    vocab,
    hidden,
    layers: fields.integer('llama.block_count', 1, MOST.layers),
    queryHeads,
    kvHeads,
    headDim: headDimOf(fields, hidden, queryHeads),
    intermediate: fields.integer('llama.feed_forward_length', 1, MOST.intermediate),
    rmsNormEpsilon: shortest(fields.number('llama.attention.layer_norm_rms_epsilon', 1e-12, 1)),
    ropeTheta: shortest(fields.number('llama.rope.freq_base', 1, 1e12, 10_000)),
    context: fields.integer('llama.context_length', 1, MOST.context),
    tied: !file.tensors.has('output.weight'),
    bosToken: tokenOf(fields, 'bos', vocab),
    eosTokens: [...new Set(['eos', 'eot', 'eom'].flatMap((kind) => tokenOf(fields, kind, vocab) ?? []))],
    quantization: undefined,
  };
}

/** Settings that change what the layers compute: only the values that the transformer implements pass. */
function checkSettings(fields: Fields): void {
  const scaling = 'llama.rope.scaling.type';
  if (fields.string(scaling, 'none') !== 'none') throw fields.unsupported(scaling, '"none" (positions are not scaled)');
  for (const name of ['llama.rope.scaling.factor', 'llama.rope.scale_linear', 'llama.logit_scale']) {
    if (fields.number(name, -Infinity, Infinity, 1) !== 1) throw fields.unsupported(name, '1');
  }
  for (const name of ['llama.expert_count', 'llama.attention.sliding_window']) {
    if (fields.number(name, -Infinity, Infinity, 0) !== 0) throw fields.unsupported(name, '0');
  }
  if (fields.number('split.count', 0, Infinity, 0) > 1) throw fields.unsupported('split.count', '1, one file');
  if (!fields.boolean('llama.attention.causal', true)) throw fields.unsupported('llama.attention.causal', 'true');
}

/** The number of tokens; the embedding has a row for each, which is checked where it is looked for. */
function vocabOf({ tensors }: GgufFile, fields: Fields): number {
  const rows = tensors.get('token_embd.weight')?.shape[0];
  const tokens = fields.isList('tokenizer.ggml.tokens') ? fields.list('tokenizer.ggml.tokens').length : undefined;
  return fields.integer('llama.vocab_size', 1, MOST.vocab, rows ?? tokens);
}

function headDimOf(fields: Fields, hidden: number, queryHeads: number): number {
  const key = 'llama.attention.key_length';
  if (!fields.has(key) && hidden % queryHeads !== 0) {
    throw fields.range('llama.attention.head_count', `a divisor of llama.embedding_length, ${hidden}`);
  }
  const headDim = fields.integer(key, 1, MOST.headDim, hidden / queryHeads);
  if (headDim % 2 !== 0) {
    throw new ForetokenError('config.range', `${fields.what}: heads of ${headDim} elements, expected an even number`);
  }
  for (const name of ['llama.attention.value_length', 'llama.rope.dimension_count']) {
    const length = fields.integer(name, 1, MOST.headDim, headDim);
    if (length !== headDim) throw fields.unsupported(name, `${headDim}, the width of a head`);
  }
  return headDim;
}

function tokenOf(fields: Fields, kind: string, vocab: number): number | undefined {
  const key = `tokenizer.ggml.${kind}_token_id`;
  return fields.has(key) ? fields.integer(key, 0, vocab - 1) : undefined;
}

/** The decimal number of fewest digits that an f32 stands for: 1e-5, where the file's value is 9.999999747378752e-6. */
function shortest(value: number): number {
  for (let digits = 1; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === Math.fround(value)) return short;
  }
  return value;
}
