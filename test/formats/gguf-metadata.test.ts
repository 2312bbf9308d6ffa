/** What GGUF metadata say of a model of every family, and what they must not say. */
import { ARCHITECTURES } from '../../src/model/gguf/families.ts';
import { fromNeighbours, toNeighbours } from '../../src/model/gguf/row-order.ts';
import { formOf } from '../../src/model/form.ts';
import { assert, test } from '../harness.ts';
import { f32, join, tensor, u64, u32, VALUE } from './gguf-frames.ts';
import {
  type Keys,
  list,
  MODELS,
  modelFile,
  number,
  readModelFile,
  real,
  truth,
  truths,
  words,
} from './gguf-models.ts';
import { rejection } from './rejection.ts';

const configOf = async (type: string, change: Keys = {}, general: Keys = {}) =>
  (await readModelFile(modelFile(type, change, general))).config;

test('the sound configurations are read: every family by its own name', async () => {
  for (const type of Object.keys(MODELS)) {
    const { architecture, hidden, layers, queryHeads, vocab, eosTokens, bosToken } = await configOf(type);
    assert.equal([architecture, hidden, layers, queryHeads, vocab, bosToken, eosTokens], [type, 64, 2, 4, 320, 1, [2]]);
  }
  assert.equal([...new Set(Object.values(MODELS).map(([name]) => name))].sort(), [...ARCHITECTURES].sort());
});

test('defaults, and the short form of f32 numbers', async () => {
  const config = await configOf(
    'llama',
    { 'attention.head_count_kv': undefined },
    { 'tokenizer.ggml.eot_token_id': number(7) },
  );
  assert.equal(
    [config.headDim, config.kvHeads, config.rmsNormEpsilon, config.ropeTheta, config.tied, config.eosTokens],
    [16, 4, 1e-5, 10_000, true, [2, 7]],
  );
  assert.is((await configOf('llama', { 'rope.freq_base': real(500_000) })).ropeTheta, 500_000);
});

test('windows, caps, rotations and scales of the families are those of the file', async () => {
  const layersOf = async (type: string, change: Keys = {}) => (await configOf(type, change)).form!.layers;
  const windows = async (type: string, change: Keys = {}) =>
    (await layersOf(type, change))!.map(({ window }) => window);
  assert.equal(await windows('mistral'), [8, 8]);
  assert.equal(await windows('qwen2'), [0, 8]);
  assert.equal(await windows('phi3', { 'attention.sliding_window': number(0) }), [0, 0]);
  assert.equal(await windows('gemma2'), [4096, 0]);
  assert.equal(await windows('gemma2', { 'attention.sliding_window_pattern': truths(0, 1) }), [0, 4096]);
  assert.equal(await windows('gemma2', { 'attention.sliding_window_pattern': number(1) }), [0, 0]);
  assert.equal(await layersOf('gemma3_text'), [
    { rope: 1, window: 8 },
    { rope: 1, window: 8 },
  ]);
  const neox = formOf(await configOf('gpt_neox'));
  assert.equal([neox.rotated, neox.residual, neox.activation], [4, 'sequential', 'gelu']);
  assert.is(formOf(await configOf('phi3')).rotated, 8);
  const gemma = formOf(await configOf('gemma2'));
  assert.equal([gemma.scoreCap, gemma.logitCap, gemma.scoreScale], [50, 30, 1 / 4]);
  const other = formOf(
    await configOf('gemma2', {
      'attention.scale': real(Math.fround(1 / Math.sqrt(20))),
      attn_logit_softcapping: real(0),
    }),
  );
  assert.equal([other.scoreCap, other.scoreScale], [0, 1 / Math.sqrt(20)]);
  const [full, sliding] = formOf(await configOf('gemma3_text')).ropes;
  assert.equal([full!.origin!.theta, sliding!.origin!.theta], [1_000_000, 5000]);
  const scaled = formOf(
    await configOf('qwen3', { 'rope.scaling.type': words('linear'), 'rope.scaling.factor': real(4) }),
  );
  assert.equal(scaled.ropes[0]!.frequencies[0], 1 / 4);
  const without = formOf(await configOf('qwen3', { 'rope.scaling.factor': real(4) }));
  assert.equal(without.ropes[0]!.frequencies[0], 1 / 4, 'a factor without a type is linear');
});

// What every family refuses: keys that are missing, of another type, or out of bounds.

type Case = readonly [code: string, change: Keys, general?: Keys];

const wrongTypes = (key: string): Case[] =>
  [words('4'), truth(true), list(4, 4), [VALUE.u64, u64(2n ** 63n)] as const].map((typed) => [
    'config.type',
    { [key]: typed },
  ]);
const wrongNumbers = (key: string): Case[] =>
  [number(0), [VALUE.i32, u32(-1)] as const, real(NaN), real(Infinity), real(-Infinity)].map((typed) => [
    'config.range',
    { [key]: typed },
  ]);

function casesOf(type: string): Case[] {
  const [, keys] = MODELS[type]!;
  const epsilon = Object.keys(keys).find((key) => key.includes('epsilon'))!;
  const needed = [
    'block_count',
    'embedding_length',
    'feed_forward_length',
    'attention.head_count',
    'context_length',
    epsilon,
  ];
  return [
    ...needed.map((key): Case => ['config.missing', { [key]: undefined }]),
    ['config.missing', { vocab_size: undefined }],
    ...[...needed, 'vocab_size', 'attention.head_count_kv'].flatMap(wrongTypes),
    ...needed.flatMap(wrongNumbers),
    ['config.range', { block_count: number(2 ** 32 - 1) }],
    ['config.range', { embedding_length: number(2 ** 31) }],
    ['config.range', { 'attention.head_count': real(2.5) }],
    [
      'config.range',
      { 'attention.head_count': number(3), 'attention.head_count_kv': number(3), 'attention.key_length': undefined },
    ],
    ['config.range', { 'attention.head_count_kv': number(3) }],
    ['config.range', { 'attention.head_count_kv': number(8) }],
    ['config.range', { 'attention.key_length': number(15) }],
    ['config.range', { 'attention.key_length': number(0) }],
    ['config.unsupported', { 'attention.value_length': number(48) }],
    ['config.unsupported', { expert_count: number(8) }],
    ['config.unsupported', { 'attention.causal': truth(false) }],
    ['config.unsupported', { logit_scale: real(0.1) }],
    ['config.unsupported', { residual_scale: real(2) }],
    ['config.unsupported', { 'attention.clamp_kqv': real(8) }],
    ['config.range', {}, { 'tokenizer.ggml.eos_token_id': number(320) }],
    ['config.range', {}, { 'tokenizer.ggml.bos_token_id': number(2 ** 32 - 1) }],
    ['config.type', {}, { 'tokenizer.ggml.eot_token_id': words('2') }],
    ['config.unsupported', {}, { 'split.count': number(3) }],
  ];
}

/** What those refuse that turn. */
const ROTATIONS: readonly Case[] = [
  ['config.range', { 'rope.freq_base': real(0) }],
  ['config.type', { 'rope.freq_base': words('10000') }],
  ['config.range', { 'rope.dimension_count': number(0) }],
  ['config.range', { 'rope.dimension_count': number(1024) }],
  ['config.type', { 'rope.scaling.type': number(1) }],
  ['config.unsupported', { 'rope.scaling.type': words('ntk') }],
  ['config.unsupported', { 'rope.scaling.type': words('__proto__') }],
  ['config.missing', { 'rope.scaling.type': words('linear') }],
  ['config.range', { 'rope.scaling.type': words('linear'), 'rope.scaling.factor': real(0) }],
  ['config.type', { 'rope.scaling.type': words('linear'), 'rope.scaling.factor': truth(true) }],
  ['config.missing', { 'rope.scaling.type': words('yarn') }],
  ['config.missing', { 'rope.scaling.type': words('yarn'), 'rope.scaling.factor': real(4) }],
  [
    'config.range',
    {
      'rope.scaling.type': words('yarn'),
      'rope.scaling.factor': real(4),
      'rope.scaling.original_context_length': number(64),
      'rope.scaling.yarn_beta_fast': real(-1),
    },
  ],
  ['config.unsupported', { 'rope.scaling.type': words('longrope') }],
  ['config.unsupported', { 'rope.scaling.type': words('none'), 'rope.scaling.factor': real(4) }],
  ['config.unsupported', { 'rope.scaling.attn_factor': real(2) }],
  ['config.unsupported', { 'rope.scaling.yarn_log_multiplier': real(0.1) }],
  ['config.unsupported', { 'rope.scale_linear': real(0.5) }],
];

/** What is a family's own. */
const OWN: Readonly<Record<string, readonly Case[]>> = {
  llama: [
    ['config.unsupported', { 'rope.dimension_count': number(8) }],
    ['config.range', { 'attention.sliding_window': [VALUE.i32, u32(-1)] }],
  ],
  mistral: [['config.type', { 'attention.sliding_window': words('all') }]],
  qwen2: [
    ['config.missing', { 'attention.sliding_window_pattern': undefined }],
    ['config.range', { 'attention.sliding_window_pattern': truths(1) }],
    ['config.range', { 'attention.sliding_window_pattern': list(0, 2) }],
  ],
  qwen3: [['config.missing', { 'attention.sliding_window': number(4) }]],
  phi3: [['config.range', { 'rope.dimension_count': number(7) }]],
  smollm3: [['config.type', { 'attention.sliding_window': truth(true) }]],
  gpt2: [
    ['config.unsupported', { 'attention.head_count_kv': number(2) }],
    ['config.unsupported', { 'attention.key_length': number(32), 'attention.value_length': number(32) }],
  ],
  gpt_neox: [
    ['config.type', { use_parallel_residual: number(1) }],
    ['config.unsupported', { 'attention.head_count_kv': number(1) }],
  ],
  gemma2: [
    ['config.range', { attn_logit_softcapping: real(-1) }],
    ['config.range', { final_logit_softcapping: real(NaN) }],
    ['config.range', { 'attention.scale': real(0) }],
    ['config.range', { 'attention.sliding_window_pattern': truths(1, 0, 1) }],
    ['config.range', { 'attention.sliding_window_pattern': number(0) }],
  ],
  gemma3_text: [
    ['config.range', { 'rope.freq_base_swa': real(0) }],
    ['config.type', { final_logit_softcapping: words('30') }],
  ],
};

for (const type of Object.keys(MODELS)) {
  const cases = [...casesOf(type), ...(type === 'gpt2' ? [] : ROTATIONS), ...OWN[type]!];
  for (const [i, [code, change, general = {}]] of cases.entries()) {
    const keys = [...Object.keys(change), ...Object.keys(general)];
    test(`${type}, case ${i}, of ${keys}: ${code}`, async () => {
      const error = await rejection(() => configOf(type, change, general));
      assert.is(error.code, code, error.message);
      assert.ok(
        keys.some((key) => error.message.includes(key)) || code === 'config.range' || code === 'config.missing',
        error.message,
      );
      assert.ok(error.message.length < 300);
    });
  }
}

test('other architectures are refused, and those that are implemented are named', async () => {
  for (const name of ['mamba', 'LLAMA', '', '__proto__', 'x'.repeat(5000)]) {
    const error = await rejection(() => configOf('llama', {}, { 'general.architecture': words(name) }));
    assert.is(error.code, 'config.unsupported');
    for (const known of ARCHITECTURES) assert.ok(error.message.includes(`"${known}"`), error.message);
  }
  const none = await rejection(() => configOf('llama', {}, { 'general.architecture': undefined }));
  assert.is(none.code, 'config.missing');
});

test('tensors that a model of the configuration does not have are refused: biases, experts, layers named oddly, of another family', async () => {
  const names: Readonly<Record<string, readonly string[]>> = {
    llama: [
      'blk.0.attn_q_norm.weight',
      'blk.0.ffn_gate_inp.weight',
      'blk.00.attn_q.weight',
      'blk.-1.attn_q.weight',
      'blk.2.attn_q.weight',
      'blk.0.attn_norm_2.weight',
      'blk.0.attn_q',
      'blk.0.attn_norm.bias',
      'token_embd',
      'model.norm.weight',
      '__proto__',
      'blk.0.__proto__.weight',
      'blk.99999.attn_q.weight',
    ],
    qwen2: ['blk.0.attn_output.bias', 'blk.0.attn_qkv.weight'],
    phi3: ['blk.0.ffn_gate.weight', 'blk.0.attn_q.weight'],
    gpt2: ['blk.0.attn_k.weight', 'blk.1.ffn_gate.weight'],
    gemma2: ['blk.0.attn_q_norm.weight', 'blk.0.ffn_down.bias'],
  };
  for (const [type, list] of Object.entries(names)) {
    for (const name of list) {
      const file = modelFile(type, {}, {}, { tensors: [tensor(name, [32], 0, 0)], data: 128 });
      assert.is((await rejection(() => readModelFile(file))).code, 'config.unsupported', `${type} ${name}`);
    }
  }
});

test('factors of rotation are read, as many as pairs turn, finite, and positive', async () => {
  const FREQS = 'rope_freqs.weight';
  const withFactors = (values: readonly number[], name = FREQS, change: Keys = {}) => {
    const file = modelFile(
      'llama',
      change,
      {},
      { tensors: [tensor(name, [values.length], 0, 0)], data: values.length * 4 },
    );
    return join(file.subarray(0, file.length - values.length * 4), ...values.map(f32));
  };
  const { form } = (await readModelFile(withFactors([1, 1, 2, 2, 4, 4, 8, 8]))).config;
  const [rope] = form!.ropes!;
  assert.is(rope!.frequencies.length, 8);
  assert.is(rope!.frequencies[7], formOf(await configOf('llama')).ropes[0]!.frequencies[7]! / 8);
  for (const [code, file] of [
    ['config.range', withFactors([1, 1, 2, 2])],
    ['config.range', withFactors(Array(9).fill(1))],
    ['config.range', withFactors([1, 1, 2, 2, 4, 4, 8, 0])],
    ['config.range', withFactors([1, 1, 2, 2, 4, 4, 8, -8])],
    ['file.nonfinite', withFactors([1, 1, 2, 2, 4, 4, 8, NaN])],
    ['file.nonfinite', withFactors([1, 1, 2, 2, 4, 4, 8, Infinity])],
    ['file.dtype', withFactors(Array(2000).fill(1))],
    ['config.range', withFactors(Array(8).fill(1), 'rope_factors_long.weight')],
    ['config.unsupported', withFactors(Array(8).fill(1), FREQS, { 'rope.scaling.type': words('yarn') })],
    ['config.unsupported', withFactors(Array(8).fill(1), 'rope_freqs.bias')],
  ] as const) {
    assert.is((await rejection(() => readModelFile(file))).code, code);
  }
});

test('rows of a head go to halves and back: drawn for heads of 6 rows of 2 bytes', () => {
  const arranged = (order: ReturnType<typeof toNeighbours>, from: string) => {
    const to = new Uint8Array(from.length);
    order.arrange(new TextEncoder().encode(from), 2, to);
    return new TextDecoder().decode(to);
  };
  assert.is(arranged(fromNeighbours(6), 'a0b0a1b1a2b2A0B0A1B1A2B2'), 'a0a1a2b0b1b2A0A1A2B0B1B2');
  assert.is(arranged(toNeighbours(6), 'a0a1a2b0b1b2A0A1A2B0B1B2'), 'a0b0a1b1a2b2A0B0A1B1A2B2');
});

test('rows of queries and keys are in the order of neighbours in the families where llama.cpp rotates those, and in no others', async () => {
  const rotated = async (type: string) => {
    const name = type === 'phi3' || type === 'gpt_neox' ? 'blk.1.attn_qkv.weight' : 'blk.1.attn_q.weight';
    const file = modelFile(type, {}, {}, { tensors: [tensor(name, [1, 128], 0, 0)], data: 512 });
    return (await readModelFile(file)).tensors.get(name)!.order !== undefined;
  };
  for (const type of Object.keys(MODELS).filter((each) => each !== 'gpt2')) {
    assert.is(await rotated(type), ['llama', 'mistral', 'smollm3'].includes(type), type);
  }
});

test.run();
