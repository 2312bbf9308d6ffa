/**
 * Hugging Face config.json of Llama-type models: read strictly, every number within bounds, every setting that would change the
 * result and is not implemented refused by name.
 * Source: LlamaConfig of transformers 4 and 5 (5 moved `rope_theta` and `rope_scaling` into `rope_parameters`).
 * @module
 */
import { ForetokenError } from '../errors.ts';
import { Fields } from './fields.ts';
import { parseJson } from './json.ts';
import { MOST } from './limits.ts';

/** What a model is made of. Every number is checked: sums of products of a few of them stay exact in a double. */
export interface ModelConfig {
  readonly architecture: 'llama';
  /** V: number of token ids. */
  readonly vocab: number;
  /** D: width of the residual stream. */
  readonly hidden: number;
  /** L: number of decoder layers. */
  readonly layers: number;
  /** H: query heads, a multiple of kvHeads. */
  readonly queryHeads: number;
  /** K: heads of keys and values. */
  readonly kvHeads: number;
  /** Elements of one head, even. */
  readonly headDim: number;
  /** Width of the feed-forward layer. */
  readonly intermediate: number;
  /** Added to the mean square before the root. */
  readonly rmsNormEpsilon: number;
  /** Base of the rotation frequencies. */
  readonly ropeTheta: number;
  /** Positions that the model was made for. */
  readonly context: number;
  /** The output layer is the embedding matrix. */
  readonly tied: boolean;
  readonly bosToken: number | undefined;
  /** Tokens that end the text; may be empty. */
  readonly eosTokens: readonly number[];
  /** How the matrices are stored; undefined: as floats. */
  readonly quantization: Quantization | undefined;
}

/**
 * Matrices are stored as blocks: W is `W.q` and `W.scale` (F16, rows x cols / blockSize). For q8 `W.q` is I8, rows x cols; for q4 it is U8,
 * rows x cols / 2: two values a byte, as formats/q4.ts has them.
 * In config.json: `"quantization_config": { "quant_method": "foretoken", "format": "q8", "block_size": 32 }`.
 */
export interface Quantization {
  readonly format: 'q8' | 'q4';
  readonly blockSize: 32;
}

/**
 * Reads a config.json.
 *
 * @param bytes the file
 * @param what  its name, for messages
 * @throws {ForetokenError} `file.json`; `config.missing`, `config.type`, `config.range` for a field; `config.unsupported` for a setting
 *   that is valid and not implemented
 */
export function parseHfConfig(bytes: Uint8Array, what = 'config.json'): ModelConfig {
  const config = new Fields(parseJson(bytes, what), 'config', what);
  checkArchitecture(config);
  checkSettings(config);

  const vocab = config.integer('vocab_size', 1, MOST.vocab);
  const hidden = config.integer('hidden_size', 1, MOST.hidden);
  const queryHeads = config.integer('num_attention_heads', 1, MOST.heads);
  const kvHeads = config.integer('num_key_value_heads', 1, queryHeads, queryHeads);
  if (queryHeads % kvHeads !== 0) {
    throw config.range('num_key_value_heads', `a divisor of num_attention_heads, ${queryHeads}`);
  }
  return {
    architecture: 'llama',
    vocab,
    hidden,
    layers: config.integer('num_hidden_layers', 1, MOST.layers),
    queryHeads,
    kvHeads,
    headDim: headDimOf(config, hidden, queryHeads),
    intermediate: config.integer('intermediate_size', 1, MOST.intermediate),
    rmsNormEpsilon: config.number('rms_norm_eps', 1e-12, 1),
    ropeTheta: ropeThetaOf(config),
    context: config.integer('max_position_embeddings', 1, MOST.context),
    tied: config.boolean('tie_word_embeddings', false),
    bosToken: config.has('bos_token_id') ? config.integer('bos_token_id', 0, vocab - 1) : undefined,
    eosTokens: eosTokensOf(config, vocab),
    quantization: quantizationOf(config),
  };
}

function checkArchitecture(config: Fields): void {
  const type = config.string('model_type');
  if (type !== 'llama') throw config.unsupported('model_type', '"llama"');
  if (!config.has('architectures')) return;
  const architectures = config.list('architectures');
  if (!architectures.includes('LlamaForCausalLM')) throw config.unsupported('architectures', '"LlamaForCausalLM"');
}

/** Settings that change what the layers compute: only the values that the transformer implements pass. */
function checkSettings(config: Fields): void {
  const activation = config.string('hidden_act', 'silu');
  if (activation !== 'silu' && activation !== 'swish') throw config.unsupported('hidden_act', '"silu"');
  for (const name of ['attention_bias', 'mlp_bias']) {
    if (config.boolean(name, false)) throw config.unsupported(name, 'false');
  }
  if (config.has('sliding_window')) throw config.unsupported('sliding_window', 'null');
  checkWholeRotation(config);
}

function checkWholeRotation(fields: Fields): void {
  if (fields.number('partial_rotary_factor', 0, 1, 1) !== 1) throw fields.unsupported('partial_rotary_factor', '1');
}

function headDimOf(config: Fields, hidden: number, queryHeads: number): number {
  if (!config.has('head_dim') && hidden % queryHeads !== 0) {
    throw config.range('num_attention_heads', `a divisor of hidden_size, ${hidden}, where head_dim is not given`);
  }
  const headDim = config.integer('head_dim', 1, MOST.headDim, hidden / queryHeads);
  if (headDim % 2 !== 0) {
    throw new ForetokenError('config.range', `${config.what}: heads of ${headDim} elements, expected an even number`);
  }
  return headDim;
}

/** The base, from where either version of transformers keeps it; any scaling but none is refused. */
function ropeThetaOf(config: Fields): number {
  const theta = (fields: Fields, fallback?: number) => fields.number('rope_theta', 1, 1e12, fallback);
  const scaling = config.child('rope_scaling');
  if (scaling) checkRopeType(scaling, scaling.has('rope_type') ? 'rope_type' : 'type');
  const parameters = config.child('rope_parameters');
  if (!parameters) return theta(config, 10_000);
  if (parameters.has('rope_type')) checkRopeType(parameters, 'rope_type');
  checkWholeRotation(parameters);
  const base = theta(parameters);
  if (theta(config, base) !== base) throw config.range('rope_theta', `that of rope_parameters, ${base}`);
  return base;
}

function checkRopeType(fields: Fields, name: string): void {
  if (fields.string(name) !== 'default') throw fields.unsupported(name, '"default" (positions are not scaled)');
}

function eosTokensOf(config: Fields, vocab: number): readonly number[] {
  if (!config.has('eos_token_id')) return [];
  if (!config.isList('eos_token_id')) return [config.integer('eos_token_id', 0, vocab - 1)];
  return config.integers('eos_token_id', 0, vocab - 1);
}

function quantizationOf(config: Fields): Quantization | undefined {
  const quantization = config.child('quantization_config');
  if (!quantization) return undefined;
  if (quantization.string('quant_method') !== 'foretoken')
    throw quantization.unsupported('quant_method', '"foretoken"');
  const format = quantization.string('format');
  if (format !== 'q8' && format !== 'q4') throw quantization.unsupported('format', '"q8" or "q4"');
  if (quantization.integer('block_size', 1, 2 ** 16) !== 32) throw quantization.unsupported('block_size', '32');
  return { format, blockSize: 32 };
}
