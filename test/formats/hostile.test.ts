/**
 * Hostile files and configurations: each is refused with its code, at once, and before anything is allocated on its word.
 * Beside them, files that look odd and are legal.
 */

import { openCheckpoint } from '../../src/formats/checkpoint.ts';
import { openFolder } from '../../src/formats/folder.ts';
import { parseHfConfig } from '../../src/formats/hf-config.ts';
import { readSafetensors } from '../../src/formats/safetensors.ts';
import { writeSafetensors } from '../../src/formats/safetensors-writer.ts';
import { expectTensor } from '../../src/formats/tensors.ts';
import { assert, test } from '../harness.ts';
import { transformers5Config } from './configs.ts';
import { entry, frame, meteredSource } from './frames.ts';
import { rejection } from './rejection.ts';

const encode = (text: string) => new TextEncoder().encode(text);

/** Refused with this code, in a message that quotes no more of the file than it needs. */
async function refused(code: string, action: () => unknown): Promise<void> {
  const error = await rejection(action);
  assert.is(error.code, code, error.message);
  assert.ok(error.message.length < 300, `a message of ${error.message.length} characters`);
}

// The frame of the file.

const sound = frame(`{${entry('a', 'F32', '[2,3]', 0, 24)}}`, 24);
const claims = (headerBytes: bigint) => frame('{}', 100, headerBytes);
const magic = (start: string) => Uint8Array.from({ length: 200 }, (_, i) => start.charCodeAt(i) || 0);

const frames: [title: string, code: string, file: Uint8Array, size?: number][] = [
  ['an empty file', 'file.header', new Uint8Array(0)],
  ['one byte', 'file.header', Uint8Array.of(1)],
  ['7 bytes', 'file.header', new Uint8Array(7)],
  ['a length and no header', 'file.header', sound.subarray(0, 8)],
  ['a header cut short', 'file.header', sound.subarray(0, 30)],
  ['a file of zeros', 'file.header', new Uint8Array(1000)],
  ['a header of 0 bytes', 'file.header', claims(0n)],
  ['a header of 1 byte', 'file.header', claims(1n)],
  ['a header one byte longer than the file', 'file.header', claims(103n)],
  ['a header of 100,000,001 bytes in a file of 1 GB', 'file.header', claims(100_000_001n), 2 ** 30],
  ['a header of 2^32 bytes in a file of 1 TB', 'file.header', claims(2n ** 32n), 2 ** 40],
  ['a header of 2^53 bytes in a file of 4 PB', 'file.header', claims(2n ** 53n), 2 ** 52],
  ['a header of 2^53 + 1 bytes', 'file.header', claims(2n ** 53n + 1n)],
  ['a header of 2^63 bytes', 'file.header', claims(2n ** 63n)],
  ['a header of 2^64 - 1 bytes', 'file.header', claims(2n ** 64n - 1n)],
  ['a header of 2^64 - 8 bytes, which wraps around to 0', 'file.header', claims(2n ** 64n - 8n)],
  ['a header length in big endian', 'file.header', frame('{}', 0, 2n << 56n), 100],
  ['white space before the header', 'file.header', frame(' {}', 0)],
  ['a byte order mark before the header', 'file.header', frame('\ufeff{}', 0)],
  ['a list for a header', 'file.header', frame('[]', 0)],
  ['null for a header', 'file.header', frame('null', 0)],
  ['a header that is not UTF-8', 'file.json', frame(Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d), 0)],
  ['a header in UTF-16', 'file.json', frame(Uint8Array.of(0x7b, 0, 0x7d, 0), 0)],
  ['a header that is not JSON', 'file.json', frame('{hello}', 0)],
  ['a header cut inside its JSON', 'file.json', frame('{"a":{"dtype":', 0)],
  ['zeros after the JSON of the header', 'file.json', frame('{}\0\0\0\0', 0)],
  ['a second object in the header', 'file.json', frame('{}{}', 0)],
  ['brackets nested 10,000 deep', 'file.json', frame(`{"a":${'['.repeat(10_000)}`, 0)],
  ['an object nested deeper than any header', 'file.json', frame('{"a":{"b":{"c":{}}}}', 0)],
  ['a GGUF file', 'file.format', magic('GGUF\x03\0\0\0')],
  ['a zip archive of PyTorch', 'file.format', magic('PK\x03\x04')],
  ['a pickle', 'file.format', magic('\x80\x02}q\0X')],
  ['an HDF5 file', 'file.format', magic('\x89HDF\r\n\x1a\n')],
  ['a gzip archive', 'file.format', magic('\x1f\x8b\x08\0\0\0\0\0')],
  ['a Git LFS pointer', 'file.format', magic('version https://git-lfs.github.com/spec/v1')],
  ['a web page', 'file.format', magic('<!doctype html>')],
  ['a JSON file', 'file.format', magic('{"model_type":"llama"}')],
];

for (const [title, code, file, size] of frames) {
  test(`${title}: ${code}`, () => refused(code, () => readSafetensors(meteredSource(file, size))));
}

// Entries of the header.

const header = (...entries: string[]) => `{${entries.join(',')}}`;
const a = entry('a', 'F32', '[2]', 0, 8);

const entries: [title: string, code: string, header: string, dataBytes: number][] = [
  ['a name given twice', 'file.json', header(a, a), 8],
  ['a name given twice, once escaped', 'file.json', header(a, entry('\\u0061', 'F32', '[2]', 8, 16)), 16],
  ['"__proto__" that is no entry', 'file.entry', '{"__proto__":{"polluted":true}}', 0],
  ['an entry that is null', 'file.entry', '{"a":null}', 0],
  ['an entry that is a list', 'file.entry', '{"a":["F32",[2],[0,8]]}', 8],
  ['an entry without dtype', 'file.entry', '{"a":{"shape":[2],"data_offsets":[0,8]}}', 8],
  ['an entry without shape', 'file.entry', '{"a":{"dtype":"F32","data_offsets":[0,8]}}', 8],
  ['an entry without offsets', 'file.entry', '{"a":{"dtype":"F32","shape":[2]}}', 8],
  [
    'an entry with a field of its own',
    'file.entry',
    '{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"stride":[1]}}',
    8,
  ],
  ['metadata that is a string', 'file.entry', '{"__metadata__":"pt"}', 0],
  ['metadata that holds a number', 'file.entry', '{"__metadata__":{"version":1}}', 0],
  ['metadata that is an entry', 'file.entry', header(entry('__metadata__', 'F32', '[2]', 0, 8)), 8],
  ['a dtype of other letters', 'file.dtype', header(entry('a', 'f32', '[2]', 0, 8)), 8],
  ['a dtype that is unknown', 'file.dtype', header(entry('a', 'F128', '[2]', 0, 32)), 32],
  ['a dtype named like a method', 'file.dtype', header(entry('a', 'toString', '[2]', 0, 8)), 8],
  ['a dtype "__proto__"', 'file.dtype', header(entry('a', '__proto__', '[2]', 0, 8)), 8],
  ['a dtype of 20,000 letters', 'file.dtype', header(entry('a', 'F'.repeat(20_000), '[2]', 0, 8)), 8],
  ['a dtype that is a number', 'file.dtype', '{"a":{"dtype":32,"shape":[2],"data_offsets":[0,8]}}', 8],
  ['a size of -1', 'file.shape', header(entry('a', 'F32', '[-1]', 0, 8)), 8],
  ['a size of -0', 'file.shape', header(entry('a', 'F32', '[-0]', 0, 0)), 0],
  ['a size of 1.5', 'file.shape', header(entry('a', 'F32', '[1.5]', 0, 6)), 6],
  ['a size of 1e400', 'file.json', header(entry('a', 'F32', '[1e400]', 0, 8)), 8],
  ['a size of 2^53', 'file.shape', header(entry('a', 'F32', '[9007199254740992]', 0, 8)), 8],
  ['a size of 1e300', 'file.shape', header(entry('a', 'F32', '[1e300]', 0, 8)), 8],
  ['a size that is a string', 'file.shape', header(entry('a', 'F32', '["2"]', 0, 8)), 8],
  ['a size that is null', 'file.shape', header(entry('a', 'F32', '[null]', 0, 8)), 8],
  ['a shape that is a number', 'file.shape', header(entry('a', 'F32', '2', 0, 8)), 8],
  ['sizes whose product is 2^53', 'file.shape', header(entry('a', 'U8', '[134217728,67108864]', 0, 8)), 8],
  [
    'sizes whose product wraps around to 8 in 64 bits',
    'file.shape',
    header(entry('a', 'U8', '[8,4294967296,4294967297]', 0, 8)),
    8,
  ],
  ['sizes whose product is infinite', 'file.shape', header(entry('a', 'U8', `[${Array(40).fill(2 ** 50)}]`, 0, 8)), 8],
  ['a product of infinity and zero', 'file.shape', header(entry('a', 'U8', `[${Array(40).fill(2 ** 50)},0]`, 0, 0)), 0],
  ['elements that fit and bits that do not', 'file.shape', header(entry('a', 'F64', '[4503599627370496]', 0, 8)), 8],
  ['1e15 elements in 8 bytes', 'file.shape', header(entry('a', 'F32', '[1000000000000000]', 0, 8)), 8],
  ['a scalar of 8 bytes', 'file.shape', header(entry('a', 'F32', '[]', 0, 8)), 8],
  ['fewer bytes than elements', 'file.shape', header(entry('a', 'F32', '[3]', 0, 8)), 8],
  ['more bytes than elements', 'file.shape', header(entry('a', 'F16', '[2]', 0, 8)), 8],
  ['five elements of 4 bits', 'file.shape', header(entry('a', 'F4', '[5]', 0, 3)), 3],
  ['a shape of ten thousand sizes', 'file.shape', header(entry('a', 'F32', `[${Array(10_000).fill(1)}]`, 0, 8)), 8],
  ['offsets that are reversed', 'file.offsets', header(entry('a', 'F32', '[2]', 8, 0)), 8],
  ['an offset of -8', 'file.offsets', header(entry('a', 'F32', '[2]', -8, 0)), 8],
  ['an offset of 0.5', 'file.offsets', header(entry('a', 'F32', '[2]', 0.5, 8.5)), 9],
  ['three offsets', 'file.offsets', header(entry('a', 'F32', '[2]', 0, '8,8')), 8],
  ['an offset that is a string', 'file.offsets', header(entry('a', 'F32', '[2]', 0, '"8"')), 8],
  ['an end past the file', 'file.size', header(entry('a', 'F32', '[2]', 0, 8)), 7],
  ['an end of 2^53 - 1', 'file.size', header(entry('a', 'U8', '[9007199254740991]', 0, 2 ** 53 - 1)), 8],
  ['a first tensor that does not start at 0', 'file.offsets', header(entry('a', 'F32', '[2]', 4, 12)), 12],
  ['a hole between two tensors', 'file.offsets', header(a, entry('b', 'U8', '[1]', 9, 10)), 10],
  ['two tensors on the same bytes', 'file.offsets', header(a, entry('b', 'F32', '[2]', 0, 8)), 8],
  ['two tensors that overlap by a byte', 'file.offsets', header(a, entry('b', 'U8', '[2]', 7, 9)), 9],
  ['an empty tensor inside another', 'file.offsets', header(a, entry('b', 'F32', '[0]', 4, 4)), 8],
  ['bytes after the last tensor', 'file.size', header(a), 9],
  ['bytes and no tensor', 'file.size', '{}', 1],
];

for (const [title, code, text, dataBytes] of entries) {
  test(`${title}: ${code}`, async () => {
    await refused(code, () => readSafetensors(meteredSource(frame(text, dataBytes))));
    assert.is((Object.prototype as { polluted?: boolean }).polluted, undefined);
  });
}

const legal: [title: string, header: string, dataBytes: number, tensors: number][] = [
  ['no tensor at all', '{}', 0, 0],
  ['a header filled up with white space', '{} \n\t ', 0, 0],
  ['metadata alone', '{"__metadata__":{"format":"pt","__proto__":"x"}}', 0, 0],
  ['a tensor named "__proto__"', header(entry('__proto__', 'U8', '[1]', 0, 1)), 1, 1],
  ['a tensor without a name', header(entry('', 'U8', '[1]', 0, 1)), 1, 1],
  ['floats at an odd address', header(entry('a', 'U8', '[1]', 0, 1), entry('b', 'F32', '[2]', 1, 9)), 9, 2],
  ['entries in another order than their bytes', header(entry('b', 'U8', '[1]', 8, 9), a), 9, 2],
  ['a scalar', header(entry('a', 'F64', '[]', 0, 8)), 8, 1],
  ['empty tensors at every border', header(entry('x', 'F32', '[0]', 8, 8), a, entry('y', 'I64', '[3,0]', 0, 0)), 8, 3],
  [
    'elements of a byte and less',
    header(entry('a', 'F8_E4M3', '[3]', 0, 3), entry('b', 'F6_E2M3', '[4]', 3, 6), entry('c', 'F4', '[2]', 6, 7)),
    7,
    3,
  ],
];

for (const [title, text, dataBytes, count] of legal) {
  test(`${title}: odd, and legal`, async () => {
    const { tensors } = await readSafetensors(meteredSource(frame(text, dataBytes)));
    assert.is(tensors.size, count);
  });
}

// Checkpoints of several files.

const shard = (...names: string[]) =>
  writeSafetensors(names.map((name) => [name, { dtype: 'F32', shape: [2], data: new Float32Array(2) }]));
const index = (weightMap: Record<string, unknown>) => encode(JSON.stringify({ weight_map: weightMap }));
const INDEX = 'model.safetensors.index.json';

const checkpoints: [title: string, code: string, files: Record<string, Uint8Array>][] = [
  ['an empty folder', 'file.missing', {}],
  ['an index that is not JSON', 'file.json', { [INDEX]: encode('weight_map') }],
  ['an index that is a list', 'file.index', { [INDEX]: encode('[]') }],
  ['an index without a map', 'file.index', { [INDEX]: encode('{"metadata":{}}') }],
  ['an index with an empty map', 'file.index', { [INDEX]: index({}) }],
  ['an index whose map is a list', 'file.index', { [INDEX]: encode('{"weight_map":["a"]}') }],
  ['an index that places a tensor in a number', 'file.index', { [INDEX]: index({ a: 1 }) }],
  ['an index that names another kind of file', 'file.index', { [INDEX]: index({ a: 'pytorch_model.bin' }) }],
  [
    'an index that places a tensor twice',
    'file.json',
    { [INDEX]: encode('{"weight_map":{"a":"1.safetensors","a":"2.safetensors"}}') },
  ],
  ['an index that leads to a parent folder', 'source.name', { [INDEX]: index({ a: '../x.safetensors' }) }],
  ['an index that leads out by way of a folder', 'source.name', { [INDEX]: index({ a: 'b/../../x.safetensors' }) }],
  ['an index that leads to the root', 'source.name', { [INDEX]: index({ a: '/etc/x.safetensors' }) }],
  ['an index that leads out with backslashes', 'source.name', { [INDEX]: index({ a: '..\\x.safetensors' }) }],
  ['an index that leads to a drive', 'source.name', { [INDEX]: index({ a: 'C:x.safetensors' }) }],
  ['an index that leads to a server', 'source.name', { [INDEX]: index({ a: 'https://host/x.safetensors' }) }],
  ['an index with a zero byte in a name', 'source.name', { [INDEX]: index({ a: 'x\0.safetensors' }) }],
  [
    'a file of the index that is missing',
    'file.shard',
    { [INDEX]: index({ a: '1.safetensors', b: '2.safetensors' }), '1.safetensors': shard('a') },
  ],
  [
    'a tensor of the index that its file lacks',
    'file.shard',
    { [INDEX]: index({ a: '1.safetensors', b: '1.safetensors' }), '1.safetensors': shard('a') },
  ],
  [
    'a tensor in two files',
    'file.shard',
    {
      [INDEX]: index({ a: '1.safetensors', b: '2.safetensors' }),
      '1.safetensors': shard('a'),
      '2.safetensors': shard('a', 'b'),
    },
  ],
  [
    'a tensor that the index does not know',
    'file.shard',
    { [INDEX]: index({ a: '1.safetensors' }), '1.safetensors': shard('a', 'b') },
  ],
  [
    'two files exchanged',
    'file.shard',
    {
      [INDEX]: index({ a: '1.safetensors', b: '2.safetensors' }),
      '1.safetensors': shard('b'),
      '2.safetensors': shard('a'),
    },
  ],
  [
    'a file of the index that is broken',
    'file.header',
    { [INDEX]: index({ a: '1.safetensors' }), '1.safetensors': new Uint8Array(5) },
  ],
];

for (const [title, code, files] of checkpoints) {
  test(`${title}: ${code}`, () => refused(code, async () => openCheckpoint(await openFolder(files))));
}

test('an index of a gigabyte is refused unread: source.size', () =>
  refused('source.size', async () =>
    openCheckpoint(await openFolder({ [INDEX]: meteredSource(encode('{'), 2 ** 30, 0) })),
  ));

// Configurations.

const configs: [title: string, code: string, change: Record<string, unknown>][] = [
  ...[
    'vocab_size',
    'hidden_size',
    'num_hidden_layers',
    'num_attention_heads',
    'intermediate_size',
    'rms_norm_eps',
    'max_position_embeddings',
    'model_type',
  ].map((name): [string, string, Record<string, unknown>] => [`no ${name}`, 'config.missing', { [name]: undefined }]),
  ...[
    'vocab_size',
    'hidden_size',
    'num_hidden_layers',
    'num_attention_heads',
    'num_key_value_heads',
    'head_dim',
    'intermediate_size',
    'max_position_embeddings',
  ].flatMap((name): [string, string, Record<string, unknown>][] => [
    ...[0, -1, 1.5, 2 ** 31, 2 ** 53, 1e300].map((value): [string, string, Record<string, unknown>] => [
      `${name} of ${value}`,
      'config.range',
      { [name]: value },
    ]),
    [`${name} that is a string`, 'config.type', { [name]: '64' }],
    [`${name} that is a list`, 'config.type', { [name]: [64] }],
    [`${name} that is true`, 'config.type', { [name]: true }],
  ]),
  ['3 kv heads for 4 query heads', 'config.range', { num_key_value_heads: 3 }],
  ['more kv heads than query heads', 'config.range', { num_key_value_heads: 8 }],
  [
    'heads that do not divide the hidden size',
    'config.range',
    { head_dim: null, num_attention_heads: 6, num_key_value_heads: 6 },
  ],
  ['heads of an odd size', 'config.range', { head_dim: 15 }],
  ['heads of an odd size by division', 'config.range', { head_dim: null, hidden_size: 60 }],
  ['rms_norm_eps of 0', 'config.range', { rms_norm_eps: 0 }],
  ['rms_norm_eps of -1e-6', 'config.range', { rms_norm_eps: -1e-6 }],
  ['rms_norm_eps of 1e30', 'config.range', { rms_norm_eps: 1e30 }],
  ['rms_norm_eps that is a string', 'config.type', { rms_norm_eps: '1e-6' }],
  ['rope_theta of 0', 'config.range', { rope_parameters: { rope_theta: 0 } }],
  ['rope_theta of -10000', 'config.range', { rope_parameters: null, rope_theta: -10000 }],
  ['rope_theta of 1e300', 'config.range', { rope_parameters: null, rope_theta: 1e300 }],
  ['rope_theta that is given twice, differently', 'config.range', { rope_theta: 500000 }],
  ['rope_parameters without theta', 'config.missing', { rope_parameters: { rope_type: 'default' } }],
  ['rope_parameters that are a number', 'config.type', { rope_parameters: 10000 }],
  [
    'rope_parameters that scale',
    'config.unsupported',
    { rope_parameters: { rope_theta: 10000, rope_type: 'llama3', factor: 8 } },
  ],
  [
    'rope_parameters by kind of layer',
    'config.missing',
    { rope_parameters: { full_attention: { rope_theta: 10000 } } },
  ],
  ['rope_scaling that is linear', 'config.unsupported', { rope_scaling: { type: 'linear', factor: 2 } }],
  ['rope_scaling that is yarn', 'config.unsupported', { rope_scaling: { rope_type: 'yarn', factor: 2 } }],
  ['rope_scaling without a type', 'config.missing', { rope_scaling: { factor: 2 } }],
  ['rope_scaling that is a string', 'config.type', { rope_scaling: 'linear' }],
  ['rotation of half of each head', 'config.unsupported', { partial_rotary_factor: 0.5 }],
  [
    'rotation of half of each head, by rope_parameters',
    'config.unsupported',
    { rope_parameters: { rope_theta: 1e4, partial_rotary_factor: 0.5 } },
  ],
  ['another model type', 'config.unsupported', { model_type: 'mamba' }],
  ['a model type "__proto__"', 'config.unsupported', { model_type: '__proto__' }],
  ['a model type that is a number', 'config.type', { model_type: 1 }],
  ['an architecture for classification', 'config.unsupported', { architectures: ['LlamaForSequenceClassification'] }],
  ['architectures that are a string', 'config.type', { architectures: 'LlamaForCausalLM' }],
  ['another activation', 'config.unsupported', { hidden_act: 'gelu' }],
  ['biases in attention', 'config.unsupported', { attention_bias: true }],
  ['biases in the feed-forward layer', 'config.unsupported', { mlp_bias: true }],
  ['biases that are a string', 'config.type', { mlp_bias: 'false' }],
  ['a sliding window', 'config.unsupported', { sliding_window: 4096 }],
  ['tie_word_embeddings that is 1', 'config.type', { tie_word_embeddings: 1 }],
  ['a first token beyond the vocabulary', 'config.range', { bos_token_id: 320 }],
  ['a first token of -1', 'config.range', { bos_token_id: -1 }],
  ['an end token beyond the vocabulary', 'config.range', { eos_token_id: 320 }],
  ['an end token of 1.5', 'config.range', { eos_token_id: 1.5 }],
  ['an end token that is a string', 'config.type', { eos_token_id: '</s>' }],
  ['end tokens of which one is beyond the vocabulary', 'config.range', { eos_token_id: [1, 320] }],
  [
    'weights quantised by another method',
    'config.unsupported',
    { quantization_config: { quant_method: 'gptq', bits: 4 } },
  ],
  [
    'weights quantised to another format',
    'config.unsupported',
    { quantization_config: { quant_method: 'foretoken', format: 'q3', block_size: 32 } },
  ],
  [
    'weights quantised in other blocks',
    'config.unsupported',
    { quantization_config: { quant_method: 'foretoken', format: 'q8', block_size: 64 } },
  ],
  ['a quantisation without a method', 'config.missing', { quantization_config: {} }],
];

for (const [title, code, change] of configs) {
  test(`config.json with ${title}: ${code}`, () =>
    refused(code, () => parseHfConfig(encode(JSON.stringify({ ...transformers5Config, ...change })))));
}

for (const [title, code, text] of [
  ['nothing', 'file.json', ''],
  ['a list', 'config.type', '[]'],
  ['null', 'config.type', 'null'],
  ['NaN', 'file.json', '{"hidden_size": NaN}'],
  ['Infinity', 'file.json', '{"hidden_size": Infinity}'],
  ['a name given twice', 'file.json', '{"hidden_size": 64, "hidden_size": 65}'],
  ['a web page', 'file.json', '<html>'],
] as const) {
  test(`config.json that holds ${title}: ${code}`, () => refused(code, () => parseHfConfig(encode(text))));
}

test('a config that disagrees with the tensors is told which and how: config.shape', async () => {
  const { tensors } = await readSafetensors(meteredSource(sound));
  await refused('config.shape', () => expectTensor(tensors, 'a', [3, 2]));
});

test.run();
