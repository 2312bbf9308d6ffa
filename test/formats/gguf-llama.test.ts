/** What GGUF metadata say of a Llama, and what they must not say. */
import { bytesSource } from '../../src/formats/byte-source.ts';
import { readGguf } from '../../src/formats/gguf.ts';
import { fromNeighbours, ggufName, llamaConfig, llamaTensors, toNeighbours } from '../../src/formats/gguf-llama.ts';
import { assert, test } from '../harness.ts';
import { f32, ggufFrame, join, pair, tensor, text, u8, u32, u64, VALUE } from './gguf-frames.ts';
import { rejection } from './rejection.ts';

const ARCHITECTURE = pair('general.architecture', VALUE.text, text('llama'));
const number = (value: number) => [VALUE.u32, u32(value)] as const;
const real = (value: number) => [VALUE.f32, f32(value)] as const;
type Typed = readonly [type: number, value: Uint8Array];

const LLAMA: Readonly<Record<string, Typed>> = {
  'llama.block_count': number(2),
  'llama.embedding_length': number(64),
  'llama.feed_forward_length': number(96),
  'llama.attention.head_count': number(4),
  'llama.attention.head_count_kv': number(2),
  'llama.attention.layer_norm_rms_epsilon': real(1e-5),
  'llama.context_length': number(128),
  'llama.vocab_size': number(320),
  'tokenizer.ggml.bos_token_id': number(1),
  'tokenizer.ggml.eos_token_id': number(2),
};

async function configOf(change: Readonly<Record<string, Typed | undefined>>, architecture = ARCHITECTURE) {
  const pairs = Object.entries({ ...LLAMA, ...change }).flatMap(([key, typed]) => (typed ? [pair(key, ...typed)] : []));
  return llamaConfig(
    await readGguf(bytesSource(ggufFrame({ pairs: [architecture, ...pairs] }), 'model.gguf')),
    'model.gguf',
  );
}

test('the sound configuration is read: defaults, and the short form of f32 numbers', async () => {
  const config = await configOf({});
  assert.equal(
    [config.headDim, config.rmsNormEpsilon, config.ropeTheta, config.tied, config.bosToken, config.eosTokens],
    [16, 1e-5, 10_000, true, 1, [2]],
  );
  const other = await configOf({
    'llama.rope.freq_base': real(500_000),
    'tokenizer.ggml.eot_token_id': number(7),
    'llama.attention.head_count_kv': undefined,
  });
  assert.equal([other.ropeTheta, other.eosTokens, other.kvHeads], [500_000, [2, 7], 4]);
});

const MISSING = Object.keys(LLAMA).filter((key) => !/kv|tokenizer|vocab/.test(key));
const truth = (value: boolean): Typed => [VALUE.bool, u8(value ? 1 : 0)];
const words = (value: string): Typed => [VALUE.text, text(value)];
const list = (...values: number[]): Typed => [VALUE.list, join(u32(VALUE.u32), u64(values.length), ...values.map(u32))];

const CONFIGS: readonly [code: string, change: Readonly<Record<string, Typed | undefined>>][] = [
  ...MISSING.map((key): (typeof CONFIGS)[number] => ['config.missing', { [key]: undefined }]),
  ['config.missing', { 'llama.vocab_size': undefined }],
  ...Object.keys(LLAMA).flatMap((key): (typeof CONFIGS)[number][] => [
    ['config.type', { [key]: words('4') }],
    ['config.type', { [key]: truth(true) }],
    ['config.type', { [key]: list(4, 4) }],
    ['config.type', { [key]: [VALUE.u64, u64(2n ** 63n)] }],
  ]),
  ...MISSING.map((key): (typeof CONFIGS)[number] => ['config.range', { [key]: number(0) }]),
  ...MISSING.map((key): (typeof CONFIGS)[number] => ['config.range', { [key]: [VALUE.i32, u32(-1)] }]),
  ...MISSING.map((key): (typeof CONFIGS)[number] => ['config.range', { [key]: real(NaN) }]),
  ...MISSING.map((key): (typeof CONFIGS)[number] => ['config.range', { [key]: real(Infinity) }]),
  ['config.range', { 'llama.block_count': number(2 ** 32 - 1) }],
  ['config.range', { 'llama.embedding_length': number(2 ** 31) }],
  ['config.range', { 'llama.attention.head_count': number(3) }],
  ['config.range', { 'llama.attention.head_count_kv': number(3) }],
  ['config.range', { 'llama.attention.head_count_kv': number(8) }],
  ['config.range', { 'llama.attention.key_length': number(15) }],
  ['config.range', { 'llama.attention.head_count': real(2.5) }],
  ['config.range', { 'tokenizer.ggml.eos_token_id': number(320) }],
  ['config.range', { 'tokenizer.ggml.bos_token_id': number(2 ** 32 - 1) }],
  ['config.range', { 'llama.rope.freq_base': real(0) }],
  ['config.unsupported', { 'llama.attention.value_length': number(32) }],
  ['config.unsupported', { 'llama.rope.dimension_count': number(8) }],
  ['config.unsupported', { 'llama.rope.scaling.type': words('linear') }],
  ['config.unsupported', { 'llama.rope.scaling.type': words('yarn') }],
  ['config.unsupported', { 'llama.rope.scaling.factor': real(4) }],
  ['config.unsupported', { 'llama.rope.scale_linear': real(0.5) }],
  ['config.unsupported', { 'llama.expert_count': number(8) }],
  ['config.unsupported', { 'llama.attention.sliding_window': number(4096) }],
  ['config.unsupported', { 'llama.attention.causal': truth(false) }],
  ['config.unsupported', { 'llama.logit_scale': real(0.1) }],
  ['config.unsupported', { 'split.count': number(3) }],
];

for (const [i, [code, change]] of CONFIGS.entries()) {
  test(`configuration ${i}, of ${Object.keys(change)}: ${code}`, async () => {
    const error = await rejection(() => configOf(change));
    assert.is(error.code, code, error.message);
    assert.ok(error.message.includes(Object.keys(change)[0]!) || code === 'config.range', error.message);
    assert.ok(error.message.length < 300);
  });
}

test('other architectures are refused, and the one that is implemented is named', async () => {
  for (const name of ['qwen2', 'gemma3', 'gpt2', 'LLAMA', '', 'x'.repeat(5000)]) {
    const error = await rejection(() => configOf({}, pair('general.architecture', VALUE.text, text(name))));
    assert.is(error.code, 'config.unsupported');
    assert.match(error.message, '"llama"');
  }
  assert.is((await rejection(() => configOf({}, pair('note', VALUE.u8, u8(1))))).code, 'config.missing');
});

test('tensors that no Llama here has are refused: biases, scaled positions, experts, layers named oddly', async () => {
  const names = [
    'blk.0.attn_q.bias',
    'rope_freqs.weight',
    'blk.0.ffn_gate_inp.weight',
    'blk.00.attn_q.weight',
    'blk.-1.attn_q.weight',
    'blk.0.attn_norm_2.weight',
    'blk.0.attn_q',
    'token_embd',
    'model.norm.weight',
    '__proto__',
    'blk.0.__proto__.weight',
    'blk.99999.attn_q.weight',
  ];
  const config = await configOf({});
  for (const name of names) {
    const file = await readGguf(bytesSource(ggufFrame({ tensors: [tensor(name, [32], 0, 0)], data: 128 }), 'x'));
    assert.is((await rejection(() => llamaTensors(file, config))).code, 'config.unsupported', name);
  }
});

test('rows of a head go to halves and back: drawn for heads of 6 rows of 2 bytes', () => {
  const rows = (text: string) => new TextEncoder().encode(text);
  const arranged = (order: ReturnType<typeof toNeighbours>, from: string) => {
    const to = new Uint8Array(from.length);
    order.arrange(rows(from), 2, to);
    return new TextDecoder().decode(to);
  };
  assert.is(arranged(fromNeighbours(6), 'a0b0a1b1a2b2A0B0A1B1A2B2'), 'a0a1a2b0b1b2A0A1A2B0B1B2');
  assert.is(arranged(toNeighbours(6), 'a0a1a2b0b1b2A0A1A2B0B1B2'), 'a0b0a1b1a2b2A0B0A1B1A2B2');
});

test('names go to GGUF and back', async () => {
  const config = await configOf({});
  for (const name of [
    'model.embed_tokens.weight',
    'model.layers.1023.self_attn.k_proj.weight',
    'model.norm.weight',
    'lm_head.weight',
  ]) {
    const frame = ggufFrame({ tensors: [tensor(ggufName(name).name, [32, 16], 0, 0)], data: 2048 });
    const file = await readGguf(bytesSource(frame, 'x'));
    const [renamed] = llamaTensors(file, config).values();
    assert.is(renamed!.name, name);
    assert.is(renamed!.order !== undefined, name.includes('k_proj'));
  }
});

test.run();
