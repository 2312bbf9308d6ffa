/**
 * A model gives the same bits from GGUF as from safetensors: the checkpoint `grouped` as gguf-py wrote it (test/fixtures/gguf/make.py),
 * its q and k rows in llama.cpp's order, from every kind of source.
 */
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { estimate, load } from '../../src/index.ts';
import { loadParts, type ModelInput } from '../../src/load.ts';
import type { LoadOptions } from '../../src/model/load-transformer.ts';
import { rejection } from '../codes.ts';
import { rangedAnswer, serve, wholeAnswer } from '../formats/http-server.ts';
import { assert, firstDifference, repositoryFile, test } from '../harness.ts';
import { fixturePath, prefill } from './fixture-model.ts';

const path = (type: string) => repositoryFile(`test/fixtures/gguf/grouped-${type}.gguf`);
const bytes = (type: string) => new Uint8Array(readFileSync(path(type)));
const SAFETENSORS = fixturePath('grouped');
const PROMPT = [5, 17, 99, 3, 0, 42, 42, 8];

async function logitsOf(source: ModelInput, options: LoadOptions = {}): Promise<Float32Array> {
  return prefill((await loadParts(source, options)).transformer.session(), PROMPT);
}

const same = async (a: Promise<Float32Array>, b: Promise<Float32Array>) => firstDifference(await a, await b) === -1;

for (const dtype of ['f32', 'bf16', 'f16', 'q8', 'q4'] as const) {
  test(`weights of type F32 held as ${dtype} give the bits of safetensors`, async () => {
    assert.ok(await same(logitsOf(path('f32'), { dtype }), logitsOf(SAFETENSORS, { dtype })));
  });
}

test('Q8_0 is held as q8 and Q4_0 as q4 by default, with the bits of safetensors quantised while it is loaded', async () => {
  for (const [type, dtype] of [
    ['q8_0', 'q8'],
    ['q4_0', 'q4'],
  ] as const) {
    assert.ok(await same(logitsOf(path(type)), logitsOf(SAFETENSORS, { dtype })), type);
    assert.equal(await estimate(path(type)), await estimate(SAFETENSORS, { dtype }), type);
  }
});

test('Q8_0 and Q4_0 held in another type stand for the same numbers, whatever that type', async () => {
  for (const type of ['q8_0', 'q4_0']) {
    const exact = logitsOf(path(type), { dtype: 'f32' });
    assert.not.ok(await same(exact, logitsOf(SAFETENSORS, { dtype: 'f32' })), `${type} has been rounded`);
    assert.not.ok(await same(exact, logitsOf(path(type))), `${type}: products of integers are others`);
  }
});

test('F16 gives the bits of its f32 values, and q8 is their default', async () => {
  const half = await logitsOf(path('f16'), { dtype: 'f32' });
  const full = await logitsOf(SAFETENSORS, { dtype: 'f32' });
  const largest = full.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const error = half.reduce((most, value, i) => Math.max(most, Math.abs(value - full[i]!)), 0) / largest;
  assert.ok(error > 0 && error < 0.01, `relative difference ${error}`);
  assert.ok(await same(logitsOf(path('f16')), logitsOf(path('f16'), { dtype: 'q8' })));
});

test('the configuration is that of config.json', async () => {
  const [gguf, folder] = [await load(path('f32')), await load(SAFETENSORS)];
  const { layout, ...config } = gguf.config; // the tensors have other names
  assert.equal(config, folder.config);
  assert.is(gguf.tokenizer, undefined);
  assert.is(await rejection((async () => gguf.encode('text'))()), 'prompt.tokenizer');
});

test('rows left in the order of the file, or moved in one tensor only, give other bits (planted fault)', async () => {
  const file = bytes('f32');
  const name = new TextEncoder().encode('blk.1.attn_k.weight');
  const at = file.findIndex((_, i) => name.every((byte, j) => file[i + j] === byte));
  // Named as the values' projection is, which has the same shape, and the other way round.
  const swapped = file.slice();
  const value = file.findIndex((_, i) =>
    'blk.1.attn_v.weight'.split('').every((c, j) => file[i + j] === c.charCodeAt(0)),
  );
  swapped[at + 'blk.1.attn_'.length] = 'v'.charCodeAt(0);
  swapped[value + 'blk.1.attn_'.length] = 'k'.charCodeAt(0);
  const options = { dtype: 'f32' } as const;
  assert.not.ok(await same(logitsOf(swapped, options), logitsOf(SAFETENSORS, options)));
  assert.ok(await same(logitsOf(file, options), logitsOf(SAFETENSORS, options)));
});

test('a file is the same by path, file: URL, bytes, buffer, Blob, File, upload of one file, and by name', async () => {
  const file = bytes('q8_0');
  const expected = await logitsOf(path('q8_0'));
  const sources: ModelInput[] = [
    pathToFileURL(path('q8_0')),
    pathToFileURL(path('q8_0')).href,
    file,
    file.buffer,
    new Blob([file]),
    new File([file], 'any name'),
    [new File([file], 'model.gguf')],
    { 'model.gguf': file },
    new Map([['a/model.GGUF', new Blob([file])]]),
  ];
  for (const [i, source] of sources.entries()) {
    assert.is(firstDifference(await logitsOf(source), expected), -1, `source ${i}`);
  }
});

for (const [title, answer, most] of [
  ['supports Range', rangedAnswer, 1],
  ['ignores Range', wholeAnswer, 1],
] as const) {
  test(`a file by URL is one request from a server that ${title}`, async () => {
    const server = await serve(bytes('q8_0'), answer);
    try {
      const url = server.url.replace('model.bin', 'model.gguf?token=1#x');
      assert.ok(await same(logitsOf(url), logitsOf(path('q8_0'))));
      assert.is(server.ranges.length, most);
    } finally {
      await server.close();
    }
  });
}

test('what is no GGUF file, or none of Llama, is refused before any memory is reserved', async () => {
  const values = new Uint8Array(readFileSync(repositoryFile('test/fixtures/gguf/values.gguf')));
  const reserved = { createMachine: () => assert.unreachable('memory was reserved') } as never;
  const refused: [string, ModelInput][] = [
    ['source.missing', path('q2_k')],
    ['source.missing', 'https.gguf'],
    ['file.header', new Uint8Array(0)],
    ['file.format', new Uint8Array(8)],
    ['file.format', new File(['{}'], 'model.safetensors')],
    ['file.format', new Uint8Array(readFileSync(`${SAFETENSORS}/model.safetensors`))],
    ['file.size', bytes('q8_0').subarray(0, -40)],
    ['config.unsupported', values],
    ['source.duplicate', [new File(['1'], 'model.gguf'), new File(['2'], 'model.gguf')]],
    ['file.missing', [new File(['1'], 'model.gguf'), new File(['2'], 'b.gguf')]],
  ];
  for (const [code, source] of refused) assert.is(await rejection(load(source, { engine: reserved })), code);
  assert.is(await rejection(load(path('f32'), { engine: reserved, memoryLimit: 70_000 })), 'memory.limit');
});

test('progress rises to the bytes of the tensors, and an abort ends loading with its reason', async () => {
  const seen: number[] = [];
  await load(path('q4_0'), { onProgress: ({ loadedBytes, totalBytes }) => seen.push(loadedBytes / totalBytes) });
  assert.ok(seen.length > 2 && seen.at(-1) === 1);
  const controller = new AbortController();
  const reason = new Error('enough');
  const onProgress = () => controller.abort(reason);
  const outcome = load(path('q4_0'), { signal: controller.signal, onProgress }).catch((error) => error);
  assert.is(await outcome, reason);
});

test.run();
