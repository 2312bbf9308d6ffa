/**
 * Hugging Face config.json: read strictly, every number within bounds, every setting that would change the result and is not implemented
 * refused by name. Here is what all families share, and Llama; the others are in model/architectures/, a file each.
 * Source: LlamaConfig of transformers 4 and 5 (5 moved `rope_theta` and `rope_scaling` into `rope_parameters`).
 * @module
 */
import { ForetokenError } from '../errors.ts';
import type { CheckpointLayout } from '../model/architectures/layout.ts';
import type { ModelForm } from '../model/form.ts';
import { Fields } from './fields.ts';
import { parseJson } from './json.ts';
import { MOST } from './limits.ts';

/** What a model is made of. Every number is checked: sums of products of a few of them stay exact in a double. */
export interface ModelConfig {
  /** `model_type`. */
  readonly architecture: string;
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
  /** Added to the mean square, of a LayerNorm to the variance, before the root. */
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
  /** Where the family differs from Llama; absent: nowhere. */
  readonly form?: Partial<ModelForm>;
  /** Where its checkpoints keep their weights; absent: where Llama does. */
  readonly layout?: (config: ModelConfig) => CheckpointLayout;
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
 * Reads the config.json of a Llama whose positions are not scaled.
 *
 * @param bytes the file
 * @param what  its name, for messages
 * @throws {ForetokenError} `file.json`; `config.missing`, `config.type`, `config.range` for a field; `config.unsupported` for a setting
 *   that is valid and not implemented
 */
export function parseHfConfig(bytes: Uint8Array, what = 'config.json'): ModelConfig {
  return parseLlama(openHfConfig(bytes, what));
}

/** @throws {ForetokenError} `file.json`, `config.type` */
export function openHfConfig(bytes: Uint8Array, what = 'config.json'): Fields {
  return new Fields(parseJson(bytes, what), 'config', what);
}

/** As `parseHfConfig`. */
export function parseLlama(config: Fields): ModelConfig {
  checkClass(config, 'llama', 'LlamaForCausalLM');
  checkActivation(config, 'hidden_act', ['silu', 'swish']);
  checkOff(config, 'attention_bias', 'mlp_bias');
  checkAbsent(config, 'sliding_window');
  checkWholeRotation(config);
  return baseConfig(config, { ropeTheta: ropeThetaOf(config) });
}

/** @throws {ForetokenError} `config.unsupported` for another model_type, or a model with another head than next-token logits */
export function checkClass(config: Fields, type: string, name: string): void {
  if (config.string('model_type') !== type) throw config.unsupported('model_type', `"${type}"`);
  if (!config.has('architectures')) return;
  if (!config.list('architectures').includes(name)) throw config.unsupported('architectures', `"${name}"`);
}

/** Settings that change what the layers compute: only the values that the transformer implements pass. */
export function checkActivation(config: Fields, name: string, known: readonly string[]): string {
  const activation = config.string(name, known[0]);
  if (!known.includes(activation)) throw config.unsupported(name, known.map((each) => `"${each}"`).join(' or '));
  return activation;
}

export function checkOff(config: Fields, ...names: readonly string[]): void {
  for (const name of names) if (config.boolean(name, false)) throw config.unsupported(name, 'false');
}

export function checkAbsent(config: Fields, name: string): void {
  if (config.has(name)) throw config.unsupported(name, 'null');
}

/** Names that most families have in common; a family may give some of them others. */
const NAMES = {
  hidden: 'hidden_size',
  layers: 'num_hidden_layers',
  queryHeads: 'num_attention_heads',
  kvHeads: 'num_key_value_heads',
  intermediate: 'intermediate_size',
  epsilon: 'rms_norm_eps',
  context: 'max_position_embeddings',
};

/** What a family has otherwise. */
export interface BaseOptions {
  readonly names?: Partial<typeof NAMES>;
  readonly ropeTheta: number;
  /** Where config.json does not say; default false. */
  readonly tied?: boolean;
  /** Likewise; default a head's share of the hidden width. */
  readonly headDim?: number;
  /** Likewise, from the hidden width; default an error. */
  readonly intermediateOf?: (hidden: number) => number;
}

/** What every family's config.json says. @throws {ForetokenError} `config.*` */
export function baseConfig(config: Fields, { names, ropeTheta, tied = false, ...defaults }: BaseOptions): ModelConfig {
  const name = { ...NAMES, ...names };
  const vocab = config.integer('vocab_size', 1, MOST.vocab);
  const hidden = config.integer(name.hidden, 1, MOST.hidden);
  const queryHeads = config.integer(name.queryHeads, 1, MOST.heads);
  const kvHeads = config.integer(name.kvHeads, 1, queryHeads, queryHeads);
  if (queryHeads % kvHeads !== 0) throw config.range(name.kvHeads, `a divisor of ${name.queryHeads}, ${queryHeads}`);
  return {
    architecture: config.string('model_type'),
    vocab,
    hidden,
    layers: config.integer(name.layers, 1, MOST.layers),
    queryHeads,
    kvHeads,
    headDim: headDimOf(config, name, defaults.headDim ?? hidden / queryHeads),
    intermediate: config.integer(name.intermediate, 1, MOST.intermediate, defaults.intermediateOf?.(hidden)),
    rmsNormEpsilon: config.number(name.epsilon, 1e-12, 1),
    ropeTheta,
    context: config.integer(name.context, 1, MOST.context),
    tied: config.boolean('tie_word_embeddings', tied),
    bosToken: config.has('bos_token_id') ? config.integer('bos_token_id', 0, vocab - 1) : undefined,
    eosTokens: eosTokensOf(config, vocab),
    quantization: quantizationOf(config),
  };
}

function checkWholeRotation(fields: Fields): void {
  if (fields.number('partial_rotary_factor', 0, 1, 1) !== 1) throw fields.unsupported('partial_rotary_factor', '1');
}

function headDimOf(config: Fields, name: typeof NAMES, fallback: number): number {
  if (!config.has('head_dim') && !Number.isInteger(fallback)) {
    throw config.range(name.queryHeads, `a divisor of ${name.hidden}, where head_dim is not given`);
  }
  const headDim = config.integer('head_dim', 1, MOST.headDim, fallback);
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

/** How matrices are stored, where that is in blocks. @throws {ForetokenError} `config.*` */
export function quantizationOf(config: Fields): Quantization | undefined {
  const quantization = config.child('quantization_config');
  if (!quantization) return undefined;
  if (quantization.string('quant_method') !== 'foretoken')
    throw quantization.unsupported('quant_method', '"foretoken"');
  const format = quantization.string('format');
  if (format !== 'q8' && format !== 'q4') throw quantization.unsupported('format', '"q8" or "q4"');
  if (quantization.integer('block_size', 1, 2 ** 16) !== 32) throw quantization.unsupported('block_size', '32');
  return { format, blockSize: 32 };
}
