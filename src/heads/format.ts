/**
 * Draft heads on disk: a folder with `config.json`, which says what the head is made of, and `model.safetensors`.
 *
 *   { "foretoken_head": 1, "kind": "medusa", "hidden_size": 512, "vocab_size": 8192, "heads": 4, "layers": 1, "tied": false,
 *     "draft_vocab_size": 2048, "accuracy": [[0.56, 0.1], [0.31, 0.08], ...] }
 *
 * D is the target's hidden size, V its vocabulary, K the number of heads, V' the number of tokens that can be drafted. With `tied` the target's own
 * output layer is used, and the head has none. `accuracy[i][r]` is the measured chance that the guess of rank r at depth i + 1 is right, where what
 * comes before it is right.
 *
 * Heads read h(t), the target's hidden state of position t behind its last norm, and e(x), the row of x in its embedding table, as stored. Where t is
 * the last position that the target has read, x(t+1) is the token that it has chosen there, the root of a draft tree, and head i guesses x(t+2+i):
 *
 *   medusa      head i reads h(t)
 *   hydra       head i reads h(t), e(x(t+1)), ... e(x(t+1+i)), one behind the other
 *   hydra++     the same, with h'(t) in the place of h(t): a decoder layer and a norm over h(0) ... h(t), where position p is turned by p
 *   recurrent   reads h(t) and a state, one behind the other: s(0) = 0, s(i+1) = SiLU(W e(x(t+1+i)) + U s(i) + b), or s(i) + e(x(t+1+i)) without `rnn`;
 *               s(i+1) guesses x(t+2+i)
 *
 *   hydra++     also `intermediate_size`, `num_attention_heads`, `num_key_value_heads`, `head_dim`, `rope_theta`, `rms_norm_eps` of its prefix layer
 *   recurrent   also `exit_dim` (X, by default 2D) and `rnn` (by default true); `heads` is how deep it is trained to guess
 *
 * Matrices may be stored in q8 or q4 as those of models are (`quantization_config`). Names are those of the published checkpoints.
 * @module
 */
import type { Fields } from '../formats/fields.ts';
import { openHfConfig, type Quantization, quantizationOf } from '../formats/hf-config.ts';
import { MOST } from '../formats/limits.ts';
import type { LayerLayout, TensorName } from '../model/architectures/layout.ts';

export type HeadKind = 'medusa' | 'hydra' | 'hydra++' | 'recurrent';
export const HEAD_KINDS: readonly HeadKind[] = ['medusa', 'hydra', 'hydra++', 'recurrent'];

/** Sizes of the prefix layer of Hydra++, a decoder layer of Llama over the target's hidden states. */
export interface PrefixConfig {
  readonly intermediate: number;
  readonly queryHeads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly ropeTheta: number;
  readonly rmsNormEpsilon: number;
}

export interface HeadConfig {
  readonly kind: HeadKind;
  /** D: width of the target's hidden states. */
  readonly hidden: number;
  /** V: number of the target's token ids. */
  readonly vocab: number;
  /** K: how deep it guesses. */
  readonly heads: number;
  /** Residual blocks before the output layer. Those of Hydra count the first one, which reads the path. */
  readonly layers: number;
  /** Logits come from the target's output layer. */
  readonly tied: boolean;
  /** V': number of tokens that it can draft; undefined: all. */
  readonly draftVocab: number | undefined;
  /** (K, ranks) see the module; undefined: not measured. */
  readonly accuracy: readonly (readonly number[])[] | undefined;
  /** `hydra++` only. */
  readonly prefix: PrefixConfig | undefined;
  /** `recurrent` only: X, the width of its residual blocks, and whether its state has weights. */
  readonly exitDim: number | undefined;
  readonly rnn: boolean | undefined;
  readonly quantization: Quantization | undefined;
}

/** y = weight x + bias */
export interface LinearLayout {
  readonly weight: TensorName;
  readonly bias?: TensorName;
}

/**
 * From what a head reads to its logits:
 *   z = residual(u) + SiLU(update(u)), or residual(u) where there is no update, or u where there is neither
 *   for each block:  z = z + SiLU(block(z))
 *   logits = output(z)
 */
export interface MlpLayout {
  readonly residual?: LinearLayout;
  readonly update?: LinearLayout;
  readonly blocks: readonly LinearLayout[];
  /** Undefined: the target's. */
  readonly output: LinearLayout | undefined;
}

/** Which tensor plays which part. */
export interface HeadLayout {
  /** One for each depth; `recurrent` has one for all. */
  readonly mlps: readonly MlpLayout[];
  readonly prefix?: { readonly layer: LayerLayout; readonly norm: TensorName };
  /** state = SiLU(input e + state'(previous state)) */
  readonly cell?: { readonly input: LinearLayout; readonly state: LinearLayout };
  /** (V',) I32 or I64: the target's id of each token that can be drafted. */
  readonly draftVocab?: TensorName;
}

/** Most heads, and most residual blocks of one. */
export const MOST_HEADS = 16;
const MOST_BLOCKS = 16;
/** Ranks of `accuracy` that are of use: a tree of 64 nodes has no more children anywhere. */
export const MOST_RANKS = 64;

/**
 * Where a head keeps its weights.
 *
 * Sources: FasterDecoding/Medusa (`medusa`), zankner/Hydra (`hydra` and `hydra++`, there called mlp and prefix-mlp), apple/ml-recurrent-drafter
 * (`recurrent`).
 */
export function headLayout(config: HeadConfig): HeadLayout {
  const layout = { medusa, hydra, 'hydra++': hydra, recurrent }[config.kind](config);
  const { draftVocab } = config;
  return draftVocab === undefined ? layout : { ...layout, draftVocab: { name: 'draft_vocab', shape: [draftVocab] } };
}

/** Every tensor of a head's checkpoint, by name: its shape, rows (outputs) first. What is quantised is stored as `NAME.q` and `NAME.scale`. */
export function headShapes(config: HeadConfig): ReadonlyMap<string, readonly number[]> {
  return new Map(tensorsOf(headLayout(config)).map(({ name, shape }) => [name, shape]));
}

/** All tensors of a layout, each once. */
export function tensorsOf({ mlps, prefix, cell, draftVocab }: HeadLayout): TensorName[] {
  const linears = [
    ...mlps.flatMap(({ residual, update, blocks, output }) => [residual, update, ...blocks, output]),
    ...[cell?.input, cell?.state],
  ];
  const prefixTensors = prefix ? [...Object.values(prefix.layer), prefix.norm] : [];
  return [...linears.flatMap((each) => [each?.weight, each?.bias]), ...prefixTensors, draftVocab].filter(
    (tensor) => tensor !== undefined,
  );
}

function medusa({ hidden, heads, layers, tied, draftVocab, vocab }: HeadConfig): HeadLayout {
  const mlp = (i: number): MlpLayout => ({
    blocks: Array.from({ length: layers }, (_, j) => linear(`${i}.${j}.linear`, hidden, hidden)),
    output: tied ? undefined : matrix(`${i}.${layers}`, draftVocab ?? vocab, hidden),
  });
  return { mlps: Array.from({ length: heads }, (_, i) => mlp(i)) };
}

/**
 * Head i reads the hidden state and the embeddings of i + 1 tokens, the oldest first. Where dropout stands before each layer, as Hydra++ is trained,
 * layers have the odd numbers; either numbering is read for either kind.
 */
function hydra({ kind, hidden, heads, layers, tied, draftVocab, vocab, prefix }: HeadConfig): HeadLayout {
  const either = (plain: string, dropout: string, outDim: number, inDim: number): LinearLayout => {
    const [name, other] = kind === 'hydra' ? [plain, dropout] : [dropout, plain];
    return {
      weight: { name: `${name}.weight`, alias: `${other}.weight`, shape: [outDim, inDim] },
      bias: { name: `${name}.bias`, alias: `${other}.bias`, shape: [outDim] },
    };
  };
  const mlp = (i: number): MlpLayout => {
    const layer = (j: number, name: string, inDim: number) =>
      either(`hydra_mlp.${i}.${j}.${name}`, `hydra_mlp.${i}.${2 * j + 1}.${name}`, hidden, inDim);
    const output = () => either(`hydra_lm_head.${i}`, `hydra_lm_head.${i}.1`, draftVocab ?? vocab, hidden);
    return {
      residual: layer(0, 'res_connection', (i + 2) * hidden),
      update: layer(0, 'linear', (i + 2) * hidden),
      blocks: Array.from({ length: layers - 1 }, (_, j) => layer(j + 1, 'linear', hidden)),
      output: tied ? undefined : output(),
    };
  };
  const mlps = Array.from({ length: heads }, (_, i) => mlp(i));
  return prefix ? { mlps, prefix: prefixLayout(prefix, hidden) } : { mlps };
}

/** Names as published, spelling included. */
function prefixLayout({ intermediate, queryHeads, kvHeads, headDim }: PrefixConfig, hidden: number) {
  const tensor = (name: string, ...shape: number[]): TensorName => ({
    name: `prefix_embeding_layer.${name}.weight`,
    shape,
  });
  const layer = {
    attentionNorm: tensor('layers.0.input_layernorm', hidden),
    query: tensor('layers.0.self_attn.q_proj', queryHeads * headDim, hidden),
    key: tensor('layers.0.self_attn.k_proj', kvHeads * headDim, hidden),
    value: tensor('layers.0.self_attn.v_proj', kvHeads * headDim, hidden),
    output: tensor('layers.0.self_attn.o_proj', hidden, queryHeads * headDim),
    feedForwardNorm: tensor('layers.0.post_attention_layernorm', hidden),
    gate: tensor('layers.0.mlp.gate_proj', intermediate, hidden),
    up: tensor('layers.0.mlp.up_proj', intermediate, hidden),
    down: tensor('layers.0.mlp.down_proj', hidden, intermediate),
  };
  return { layer, norm: tensor('norm', hidden) };
}

/** Reads the hidden state and a recurrent state, 2D together; a projection comes first where blocks have another width. */
function recurrent({ hidden, layers, tied, draftVocab, vocab, exitDim, rnn }: HeadConfig): HeadLayout {
  const width = exitDim!;
  const mlp: MlpLayout = {
    ...(width !== 2 * hidden && { residual: linear('input_proj', width, 2 * hidden) }),
    blocks: Array.from({ length: layers }, (_, j) => linear(`lm_head.${j}.linear`, width, width)),
    output: tied ? undefined : matrix(`lm_head.${layers}`, draftVocab ?? vocab, width),
  };
  if (!rnn) return { mlps: [mlp] };
  return { mlps: [mlp], cell: { input: matrix('rnn_w', hidden, hidden), state: linear('rnn_u', hidden, hidden) } };
}

function matrix(name: string, outDim: number, inDim: number): LinearLayout {
  return { weight: { name: `${name}.weight`, shape: [outDim, inDim] } };
}

function linear(name: string, outDim: number, inDim: number): Required<LinearLayout> {
  return { ...matrix(name, outDim, inDim), bias: { name: `${name}.bias`, shape: [outDim] } };
}

/**
 * Reads the config.json of a head folder.
 * @throws {ForetokenError} `file.json`; `config.missing`, `config.type`, `config.range`, `config.unsupported` for a field
 */
export function parseHeadConfig(bytes: Uint8Array): HeadConfig {
  return readHeadConfig(openHfConfig(bytes));
}

/** Whether a config.json is of this format; published checkpoints have others. */
export function isHeadConfig(fields: Fields): boolean {
  return fields.has('foretoken_head');
}

/** As `parseHeadConfig`. */
export function readHeadConfig(fields: Fields): HeadConfig {
  if (fields.integer('foretoken_head', 1, 2 ** 31) !== 1) throw fields.unsupported('foretoken_head', 'version 1');
  const kind = fields.string('kind') as HeadKind;
  if (!HEAD_KINDS.includes(kind)) throw fields.unsupported('kind', HEAD_KINDS.join(', '));
  const hidden = fields.integer('hidden_size', 1, MOST.hidden);
  const vocab = fields.integer('vocab_size', 1, MOST.vocab);
  const heads = fields.integer('heads', 1, MOST_HEADS);
  const layers = fields.integer('layers', kind.startsWith('hydra') ? 1 : 0, MOST_BLOCKS);
  const tied = fields.boolean('tied', false);
  const draftVocab = fields.has('draft_vocab_size') ? fields.integer('draft_vocab_size', 1, vocab) : undefined;
  const isRecurrent = kind === 'recurrent';
  const exitDim = isRecurrent ? fields.integer('exit_dim', 1, 2 * MOST.hidden, 2 * hidden) : undefined;
  if (tied && draftVocab !== undefined) throw fields.unsupported('tied', 'false, where draft_vocab_size is given');
  if (tied && isRecurrent && exitDim !== hidden)
    throw fields.range('exit_dim', `${hidden}, as the target's output layer is used`);
  return {
    kind,
    hidden,
    vocab,
    heads,
    layers,
    tied,
    draftVocab,
    accuracy: accuracyOf(fields, heads),
    prefix: kind === 'hydra++' ? prefixOf(fields) : undefined,
    exitDim,
    rnn: isRecurrent ? fields.boolean('rnn', true) : undefined,
    quantization: quantizationOf(fields),
  };
}

function prefixOf(fields: Fields): PrefixConfig {
  const queryHeads = fields.integer('num_attention_heads', 1, MOST.heads);
  const kvHeads = fields.integer('num_key_value_heads', 1, queryHeads);
  if (queryHeads % kvHeads !== 0) throw fields.range('num_key_value_heads', `a divisor of ${queryHeads}`);
  const headDim = fields.integer('head_dim', 2, MOST.headDim);
  if (headDim % 2 !== 0) throw fields.range('head_dim', 'an even number');
  return {
    intermediate: fields.integer('intermediate_size', 1, MOST.intermediate),
    queryHeads,
    kvHeads,
    headDim,
    ropeTheta: fields.number('rope_theta', 1, 1e12),
    rmsNormEpsilon: fields.number('rms_norm_eps', 1e-12, 1),
  };
}

function accuracyOf(fields: Fields, heads: number): number[][] | undefined {
  if (!fields.has('accuracy')) return undefined;
  const rows = fields.list('accuracy');
  const isChance = (value: unknown) => typeof value === 'number' && value >= 0 && value <= 1;
  const isRow = (row: unknown) => Array.isArray(row) && row.length <= MOST_RANKS && row.every(isChance);
  if (rows.length !== heads || !rows.every(isRow)) {
    throw fields.range(
      'accuracy',
      `${heads} lists of numbers from 0 to 1, one for each head, of at most ${MOST_RANKS}`,
    );
  }
  return rows as number[][];
}

/** What `parseHeadConfig` reads, to be written as JSON. */
export function headConfigJson(config: HeadConfig): Record<string, unknown> {
  const { prefix, quantization } = config;
  const entries = {
    foretoken_head: 1,
    kind: config.kind,
    hidden_size: config.hidden,
    vocab_size: config.vocab,
    heads: config.heads,
    layers: config.layers,
    tied: config.tied,
    draft_vocab_size: config.draftVocab,
    exit_dim: config.exitDim,
    rnn: config.rnn,
    intermediate_size: prefix?.intermediate,
    num_attention_heads: prefix?.queryHeads,
    num_key_value_heads: prefix?.kvHeads,
    head_dim: prefix?.headDim,
    rope_theta: prefix?.ropeTheta,
    rms_norm_eps: prefix?.rmsNormEpsilon,
    accuracy: config.accuracy,
    quantization_config: quantization && {
      quant_method: 'foretoken',
      format: quantization.format,
      block_size: quantization.blockSize,
    },
  };
  return Object.fromEntries(Object.entries(entries).filter(([, value]) => value !== undefined));
}
