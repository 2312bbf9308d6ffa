/** Models written in the other format are the same models: to the byte as gguf-py writes them, to the bit when they are run. */
import { readFileSync } from 'node:fs';
import { randomModel, SHAPES } from '../../src/cli/random-model.ts';
import { convertedModel, type StoredType } from '../../src/convert/parts.ts';
import { toFolder } from '../../src/convert/to-folder.ts';
import { toGguf } from '../../src/convert/to-gguf.ts';
import { bytesSource } from '../../src/formats/byte-source.ts';
import { readGguf } from '../../src/formats/gguf.ts';
import { ggufPieces, type Pair } from '../../src/formats/gguf-writer.ts';
import type { ModelConfig } from '../../src/formats/hf-config.ts';
import { writeSafetensors } from '../../src/formats/safetensors-writer.ts';
import { load } from '../../src/index.ts';
import { loadParts, type ModelInput, openModel } from '../../src/load.ts';
import type { WeightType } from '../../src/model/memory-plan.ts';
import { rejection } from '../codes.ts';
import { assert, firstDifference, repositoryFile, test } from '../harness.ts';
import { fixturePath, prefill } from '../model/fixture-model.ts';

const EMBEDDED = repositoryFile('weights/foretoken-code');
const GROUPED = fixturePath('grouped');
const PROMPT = [5, 17, 99, 3, 0, 42, 42, 8];

async function joined(pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<Uint8Array<ArrayBuffer>> {
  const copies: Uint8Array[] = [];
  for await (const piece of pieces) copies.push(piece.slice());
  return new Uint8Array(Buffer.concat(copies));
}

async function ggufOf(source: ModelInput, type?: StoredType): Promise<Uint8Array<ArrayBuffer>> {
  const model = await openModel(source);
  return joined(toGguf(await convertedModel(model, type)));
}

async function folderOf(source: ModelInput, type?: StoredType): Promise<Map<string, Uint8Array<ArrayBuffer>>> {
  const converted = await convertedModel(await openModel(source), type);
  const files = new Map<string, Uint8Array<ArrayBuffer>>();
  for (const { name, pieces } of await toFolder(converted)) files.set(name, await joined(pieces()));
  return files;
}

/** A configuration without its layout: the tensors have other names in each format. */
function numbersOf({ layout, ...numbers }: ModelConfig): object {
  return numbers;
}

async function logitsOf(source: ModelInput, dtype: WeightType): Promise<Float32Array> {
  return prefill((await loadParts(source, { dtype })).transformer.session(), PROMPT);
}

/** Bytes of every tensor. */
async function tensorBytes(file: Uint8Array): Promise<Map<string, Buffer>> {
  const { tensors } = await readGguf(bytesSource(file, 'model.gguf'));
  return new Map([...tensors].map(([name, { begin, end }]) => [name, Buffer.from(file.subarray(begin, end))]));
}

for (const [type, name] of [
  ['f32', 'f32'],
  ['f16', 'f16'],
  ['q8', 'q8_0'],
  ['q4', 'q4_0'],
] as const) {
  test(`every tensor written as ${type} has the bytes that gguf-py gives it`, async () => {
    const expected = await tensorBytes(readFileSync(repositoryFile(`test/fixtures/gguf/grouped-${name}.gguf`)));
    const written = await tensorBytes(await ggufOf(GROUPED, type));
    assert.equal([...written.keys()].sort(), [...expected.keys()].sort());
    for (const [tensor, bytes] of written) assert.ok(bytes.equals(expected.get(tensor)!), tensor);
    // Planted fault: the comparison sees one bit.
    written.get('blk.0.attn_q.weight')![7]! ^= 1;
    assert.not.ok(written.get('blk.0.attn_q.weight')!.equals(expected.get('blk.0.attn_q.weight')!));
  });
}

for (const type of ['f32', 'q8', 'q4'] as const) {
  test(`the embedded model as GGUF in ${type} gives its own bits, tokens and text`, async () => {
    const file = await ggufOf(EMBEDDED, type);
    assert.is(firstDifference(await logitsOf(file, type), await logitsOf(EMBEDDED, type)), -1);
    const [gguf, folder] = [await load(file, { dtype: type }), await load(EMBEDDED, { dtype: type })];
    assert.equal(numbersOf(gguf.config), folder.config);
    const prompt = 'export function clamp(value: number, low: number): number {\n  return 12345 + Größe';
    for (const draft of ['none', 'auto'] as const) {
      const [a, b] = [gguf, folder].map((model) => model.generate(prompt, { maxTokens: 24, draft }));
      assert.is(await a!.text(), await b!.text());
      assert.equal(a!.tokens, b!.tokens);
    }
  });
}

test('f16 and bf16 matrices written and read again are the same bytes', async () => {
  for (const type of ['f16', 'bf16'] as const) {
    const once = await ggufOf(EMBEDDED, type);
    assert.ok(Buffer.from(await ggufOf(once)).equals(once), type);
  }
});

test('a folder written from GGUF, and GGUF written from that, give the bits and bytes of the first', async () => {
  for (const type of ['f32', 'bf16', 'q8', 'q4'] as const) {
    const file = await ggufOf(EMBEDDED, type);
    const folder = await folderOf(file);
    assert.equal([...folder.keys()], ['config.json', 'tokenizer.json', 'model.safetensors']);
    assert.is(firstDifference(await logitsOf(folder, 'q8'), await logitsOf(file, 'q8')), -1, type);
    assert.ok(Buffer.from(await ggufOf(folder)).equals(file), type);
  }
});

test('shards, untied heads and heads of a width of their own survive both ways', async () => {
  for (const name of ['sharded', 'one-kv-head', 'wide-heads', 'test-300k']) {
    const source = fixturePath(name);
    const file = await ggufOf(source);
    const expected = await logitsOf(source, 'f32');
    assert.is(firstDifference(await logitsOf(file, 'f32'), expected), -1, name);
    assert.is(firstDifference(await logitsOf(await folderOf(file), 'f32'), expected), -1, name);
    assert.equal(numbersOf((await openModel(file)).config), (await openModel(source)).config, name);
  }
});

test('blocks of 8 and 4 bits are not rounded again on their way from one format to the other', async () => {
  for (const [type, other] of [
    ['q8', 'q4'],
    ['q4', 'q8'],
  ] as const) {
    const folder = await folderOf(GROUPED, type);
    const file = await ggufOf(folder);
    assert.ok(Buffer.from(file).equals(await ggufOf(GROUPED, type)), type);
    assert.not.ok(Buffer.from(await ggufOf(folder, other)).equals(file), `${type} as ${other}`);
  }
});

/** A small random model with the tokenizer of test/fixtures/gguf/pieces.gguf. */
async function modelOfPieces(): Promise<Uint8Array<ArrayBuffer>> {
  const pieces = await readGguf(bytesSource(readFileSync(repositoryFile('test/fixtures/gguf/pieces.gguf')), 'pieces'));
  const kept = ['tokens', 'scores', 'token_type'].map((name) => pieces.metadata.get(`tokenizer.ggml.${name}`)!);
  const [tokens, scores, types] = kept as [string[], Float32Array, Int32Array];
  const bytes = await ggufOf(randomModel({ ...SHAPES.tiny!, vocab: tokens.length }, { context: 64 }), 'f32');
  const file = await readGguf(bytesSource(bytes, 'model.gguf'));
  const numbers = [...file.metadata].filter(([key]) => key.startsWith('llama.')) as [string, number][];
  const pairs: Pair[] = [
    ['general.architecture', 'llama'],
    ...numbers.map(
      ([key, value]): Pair => [key, Number.isInteger(value) && !key.endsWith('base') ? { u32: value } : { f32: value }],
    ),
    ['tokenizer.ggml.model', 'llama'],
    ['tokenizer.ggml.tokens', { texts: tokens }],
    ['tokenizer.ggml.scores', { f32s: scores }],
    ['tokenizer.ggml.token_type', { i32s: types }],
    ['tokenizer.ggml.bos_token_id', { u32: 1 }],
  ];
  const tensors = [...file.tensors.values()].map(({ name, shape, begin, end }) => ({
    name,
    dtype: 'F32' as const,
    shape,
    pieces: async function* () {
      yield bytes.subarray(begin, end);
    },
  }));
  return joined(ggufPieces(pairs, tensors));
}

test('a model with tokens of SentencePiece goes on from text, and is not written again', async () => {
  const file = await modelOfPieces();
  const model = await load(file, { dtype: 'q8' });
  assert.is(model.tokenizer!.kind, 'SentencePiece BPE');
  const ids = Array.from(model.encode('Hello, world 12'));
  assert.is(ids[0], 1);
  const [text, tokens] = [model.generate('Hello, world 12', { maxTokens: 6 }), model.generate(ids, { maxTokens: 6 })];
  assert.is(await text.text(), await tokens.text());
  assert.ok((await text.text()).length > 0);
  assert.equal(text.tokens, tokens.tokens);
  assert.is(await text.text(), model.tokenizer!.decode(text.tokens));
  assert.is(await rejection(ggufOf(file)), 'tokenizer.unsupported');
});

test('what does not fit is refused: widths without blocks, a weight beyond f16', async () => {
  assert.is(await rejection(ggufOf(fixturePath('one-kv-head'), 'q8')), 'config.unsupported');
  const folder = await folderOf(GROUPED, 'f32');
  const weights = folder.get('model.safetensors')!;
  const view = new DataView(weights.buffer);
  // The first weight of the file, which is of the embedding: by name it comes before everything else.
  view.setFloat32(8 + Number(view.getBigUint64(0, true)), 1e6, true);
  for (const [type, code] of [
    ['f16', 'file.nonfinite'],
    ['bf16', 'no error'],
  ] as const) {
    assert.is(await rejection(ggufOf(folder, type)), code, type);
  }
  folder.set('model.safetensors', new Uint8Array(writeSafetensors([])));
  assert.is(await rejection(ggufOf(folder)), 'file.tensor');
});

test.run();
