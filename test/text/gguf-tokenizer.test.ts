/** A tokenizer that goes through the metadata of GGUF finds the same tokens; what GGUF cannot say, and what is not known, is refused. */
import type { GgufFile, GgufValue } from '../../src/formats/gguf.ts';
import { metadataFields } from '../../src/model/gguf/metadata.ts';
import { bytesSource } from '../../src/formats/byte-source.ts';
import { readGguf } from '../../src/formats/gguf.ts';
import { ggufPieces, type Pair } from '../../src/formats/gguf-writer.ts';
import type { ModelConfig } from '../../src/formats/hf-config.ts';
import { type JsonValue, parseJson } from '../../src/formats/json.ts';
import { PRE_TOKENIZERS, tokenizerJson, tokenizerKind } from '../../src/text/gguf-tokenizer.ts';
import { endPairs, tokenizerPairs } from '../../src/text/gguf-tokenizer-writer.ts';
import { Tokenizer } from '../../src/text/tokenizer.ts';
import { readTokenizerParts } from '../../src/text/tokenizer-kinds.ts';
import { rejection } from '../codes.ts';
import { assert, test } from '../harness.ts';
import { digestOfIds, type Name, tokenizer, tokenizerFile } from './fixtures.ts';
import { lines } from './lines.ts';

const texts = lines(5, 800).map(({ text }) => text);

/** Those of a configuration that a tokenizer is written with. @param vocab more than the tokenizer has: the rest is padding */
const configOf = (vocab: number, bosToken?: number): ModelConfig =>
  ({ vocab, bosToken, eosTokens: [1] }) as unknown as ModelConfig;

const jsonOf = (name: Name): JsonValue => parseJson(tokenizerFile(name), name);

/** A file with these metadata and nothing else. */
async function fileOf(pairs: readonly Pair[]): Promise<GgufFile> {
  const pieces: Uint8Array[] = [];
  for await (const piece of ggufPieces(pairs, [])) pieces.push(piece);
  return readGguf(bytesSource(new Uint8Array(Buffer.concat(pieces)), 'x.gguf'));
}

function tokenizerOf(file: GgufFile, vocab?: number): Tokenizer | undefined {
  const fields = metadataFields(file, 'tokenizer', 'x.gguf');
  if (tokenizerKind(fields) !== 'bytes') return undefined;
  return new Tokenizer(readTokenizerParts(tokenizerJson(fields, file.metadata), 'x.gguf', vocab));
}

const SAID: readonly (readonly [name: Name, bos?: number])[] = [
  ['gpt2'],
  ['llama3', 640],
  ['digits'],
  ['foretoken-code'],
];

for (const [name, bos] of SAID) {
  test(`${name}: the same tokens, added ones and those around a text included`, async () => {
    const original = tokenizer(name);
    const config = configOf(original.vocab + 7, bos);
    const file = await fileOf([...tokenizerPairs(jsonOf(name), name, config), ...endPairs(config)]);
    const through = tokenizerOf(file, config.vocab)!;
    assert.is(digestOfIds(through, texts), digestOfIds(original, texts));
    const special = [...texts, ...original.addedTokens.map(({ content }) => `a ${content}b`)];
    assert.is(digestOfIds(through, special), digestOfIds(original, special));
    assert.equal([...through.prefix], [...original.prefix]);
    assert.equal([...through.suffix], [...original.suffix]);
    for (let id = 0; id < original.vocab; id++) {
      assert.equal([...through.tokenBytes(id)], [...original.tokenBytes(id)], `token ${id}`);
    }
    assert.is(through.tokenBytes(original.vocab + 6).length, 0, 'padding stands for nothing');
  });
}

test('a pattern, or merges where a piece is a token, are told apart by name (planted fault)', async () => {
  const pairs = tokenizerPairs(jsonOf('llama3'), 'llama3', configOf(644, 640));
  const named = (name: string) =>
    fileOf(
      pairs
        .map((pair): Pair => (pair[0] === 'tokenizer.ggml.pre' ? [pair[0], name] : pair))
        .concat([['tokenizer.ggml.bos_token_id', { u32: 640 }]]),
    );
  const digest = digestOfIds(tokenizer('llama3'), texts);
  assert.is(digestOfIds(tokenizerOf(await named('llama-bpe'))!, texts), digest);
  for (const other of ['dbrx', 'gpt-2', 'qwen2', 'smollm']) {
    assert.is.not(digestOfIds(tokenizerOf(await named(other))!, texts), digest, other);
  }
});

test('what GGUF has no words for is refused', async () => {
  for (const [name, bos] of [
    ['qwen2'],
    ['digit_runs'],
    ['partial'],
    ['dropping'],
    ['llama3', 5],
    ['llama3'],
  ] as const) {
    const write = async () => tokenizerPairs(jsonOf(name), name, configOf(700, bos));
    assert.is(await rejection(write()), 'tokenizer.unsupported', name);
  }
  const many = { eosTokens: [1, 2, 3, 4], bosToken: undefined } as unknown as ModelConfig;
  assert.is(await rejection((async () => endPairs(many))()), 'config.unsupported');
});

const SOUND: readonly [string, GgufValue][] = [
  ['tokenizer.ggml.model', 'gpt2'],
  ['tokenizer.ggml.pre', 'gpt-2'],
  ['tokenizer.ggml.tokens', ['a', 'b', 'ab', '<s>', '</s>']],
  ['tokenizer.ggml.token_type', Int32Array.of(1, 1, 1, 3, 3)],
  ['tokenizer.ggml.merges', ['a b']],
  ['tokenizer.ggml.bos_token_id', 3],
  ['tokenizer.ggml.eos_token_id', 4],
];

/** The sound metadata after a change; undefined takes a key out. */
function changed(change: Readonly<Record<string, GgufValue | undefined>>): GgufFile {
  const metadata = new Map<string, GgufValue>(SOUND);
  for (const [key, value] of Object.entries(change)) {
    if (value === undefined) metadata.delete(`tokenizer.ggml.${key}`);
    else metadata.set(`tokenizer.ggml.${key}`, value);
  }
  return { version: 3, metadata, tensors: new Map() };
}

test('tokens go before and after a text where the file says so, or its pre-tokeniser does', () => {
  const ids = (change: Readonly<Record<string, GgufValue | undefined>>) => [
    ...tokenizerOf(changed(change))!.encode('ab', { addSpecial: true }),
  ];
  assert.equal(ids({}), [2]);
  assert.equal(ids({ add_bos_token: true }), [3, 2]);
  assert.equal(ids({ add_bos_token: true, add_eos_token: true }), [3, 2, 4]);
  assert.equal(ids({ pre: 'llama-bpe' }), [3, 2]);
  assert.equal(ids({ pre: 'llama-bpe', add_bos_token: false }), [2]);
  assert.equal(ids({ pre: 'llama-bpe', bos_token_id: undefined }), [2]);
});

test('a file without a tokenizer has none, and one of SentencePiece is told apart', () => {
  const kind = (model: GgufValue | undefined) =>
    tokenizerKind(metadataFields(changed({ model }), 'tokenizer', 'x.gguf'));
  for (const model of [undefined, 'none', 'no_vocab']) assert.is(kind(model), undefined, String(model));
  assert.is(kind('llama'), 'sentence-piece');
  assert.is(kind('gpt2'), 'bytes');
});

test('a pre-tokeniser that is not known is named', async () => {
  for (const pre of ['default', 'tekken', 'deepseek-llm', '']) {
    const error = await (async () => tokenizerOf(changed({ pre })))().catch((reason) => reason);
    assert.is(error.code, 'tokenizer.unsupported');
    assert.match(error.message, JSON.stringify(pre));
  }
  const names = PRE_TOKENIZERS.flatMap((pre) => pre.names);
  assert.is(new Set(names).size, names.length);
  for (const pre of names) assert.ok(tokenizerOf(changed({ pre })), pre);
});

const HOSTILE: readonly [code: string, change: Readonly<Record<string, GgufValue | undefined>>][] = [
  ['tokenizer.type', { model: 5 }],
  ['tokenizer.unsupported', { model: 'bert' }],
  ['tokenizer.missing', { pre: undefined }],
  ['tokenizer.type', { pre: 2n ** 60n }],
  ['tokenizer.missing', { tokens: undefined }],
  ['tokenizer.type', { tokens: Int32Array.of(1) }],
  ['tokenizer.range', { tokens: ['a', 'b', 'ab', ''], token_type: Int32Array.of(1, 1, 1, 1) }],
  ['tokenizer.range', { tokens: ['a', 'b', 'ab', 'x'.repeat(200), ''] }],
  ['tokenizer.duplicate', { tokens: ['a', 'b', 'ab', 'a', '</s>'], token_type: Int32Array.of(1, 1, 1, 1, 3) }],
  ['tokenizer.duplicate', { tokens: ['a', 'b', 'ab', '</s>', '</s>'] }],
  ['tokenizer.vocab', { tokens: [], token_type: new Int32Array(0), merges: [] }],
  ['tokenizer.range', { token_type: Int32Array.of(1, 1, 1, 3) }],
  ['tokenizer.range', { token_type: Int32Array.of(1, 1, 1, 3, 7) }],
  ['tokenizer.range', { token_type: Int32Array.of(1, 1, 1, 3, 0) }],
  ['tokenizer.range', { token_type: Float32Array.of(1, 1, 1, 3, 3) }],
  ['tokenizer.range', { token_type: 'normal' }],
  ['tokenizer.missing', { merges: undefined }],
  ['tokenizer.type', { merges: 'a b' }],
  ['tokenizer.merge', { merges: ['a c'] }],
  ['tokenizer.merge', { merges: ['a b', 'a b'] }],
  ['tokenizer.merge', { merges: ['ab'] }],
  ['tokenizer.merge', { merges: ['b a'] }],
  ['tokenizer.merge', { merges: ['a b c'] }],
  ['tokenizer.type', { add_bos_token: 1 }],
  ['tokenizer.missing', { add_bos_token: true, bos_token_id: undefined }],
  ['tokenizer.range', { add_bos_token: true, bos_token_id: 5 }],
  ['tokenizer.range', { add_eos_token: true, eos_token_id: -1 }],
  ['tokenizer.type', { add_eos_token: true, eos_token_id: 2n ** 63n }],
];

for (const [i, [code, change]] of HOSTILE.entries()) {
  test(`hostile metadata ${i}, of ${Object.keys(change)}: ${code}`, async () => {
    assert.is(await rejection((async () => tokenizerOf(changed(change)))()), code);
  });
}

test.run();
