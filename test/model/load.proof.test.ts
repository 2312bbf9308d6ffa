/**
 * Loading: stored types give the same numbers, progress and abort work, and every check comes before any memory.
 * @module
 */
import { readFileSync } from 'node:fs';
import { createEngine } from '../../src/engine/engine.ts';
import { openCheckpoint } from '../../src/formats/checkpoint.ts';
import { decodeF16, encodeF16 } from '../../src/formats/float16.ts';
import { openFolder } from '../../src/formats/folder.ts';
import { quantizeQ4 } from '../../src/formats/q4.ts';
import { quantizeQ8 } from '../../src/formats/q8.ts';
import { type NamedTensor, writeSafetensors } from '../../src/formats/safetensors-writer.ts';
import { readFloats } from '../../src/formats/tensors.ts';
import type { Values } from '../../src/formats/values.ts';
import { type LoadOptions, loadTransformer } from '../../src/model/load-transformer.ts';
import { readMatrix } from '../../src/model/load-weights.ts';
import { rejection } from '../codes.ts';
import { assert, firstDifference, test } from '../harness.ts';
import { fixturePath, prefill } from './fixture-model.ts';

type Files = Map<string, Uint8Array>;
type Config = Record<string, unknown>;

interface FloatTensor {
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

/** config.json and the tensors of a fixture, as f32. */
async function readFixture(name: string): Promise<{ config: Config; tensors: Map<string, FloatTensor> }> {
  const folder = await openFolder(fixturePath(name));
  const source = (await folder.file('config.json'))!;
  const config = JSON.parse(new TextDecoder().decode(await source.read(0, source.size)));
  const tensors = new Map<string, FloatTensor>();
  for (const tensor of (await openCheckpoint(folder)).values()) {
    const values = new Float32Array(tensor.elements);
    let at = 0;
    for await (const { data } of readFloats(tensor)) {
      values.set(data, at);
      at += data.length;
    }
    tensors.set(tensor.name, { shape: tensor.shape, values });
  }
  return { config, tensors };
}

const asF32 = (tensors: Iterable<readonly [string, FloatTensor]>): NamedTensor[] =>
  Array.from(tensors, ([name, { shape, values }]) => [name, { dtype: 'F32', shape, data: values }]);

const filesOf = (config: Config, tensors: readonly NamedTensor[]): Files =>
  new Map([
    ['config.json', new TextEncoder().encode(JSON.stringify(config))],
    ['model.safetensors', writeSafetensors(tensors)],
  ]);

/** A matrix as the file's format stores it. */
function storedBlocks(format: 'q8' | 'q4', [rows, cols]: readonly [number, number], values: Float32Array) {
  if (format === 'q8') {
    const { q, scale } = quantizeQ8(values);
    return { q: { dtype: 'I8', shape: [rows, cols], data: q }, scale } as const;
  }
  const { q, scale } = quantizeQ4(values);
  return { q: { dtype: 'U8', shape: [rows, cols / 2], data: q }, scale } as const;
}

/** The fixture with every matrix stored in blocks. @param change what happens to each matrix's scales */
async function quantizedFixture(
  name: string,
  format: 'q8' | 'q4' = 'q8',
  change = (_: Uint16Array): unknown => undefined,
): Promise<Files> {
  const { config, tensors } = await readFixture(name);
  const stored = [...tensors].flatMap(([tensor, { shape, values }]): NamedTensor[] => {
    if (shape.length === 1) return asF32([[tensor, { shape, values }]]);
    const [rows, cols] = shape as [number, number];
    const { q, scale } = storedBlocks(format, [rows, cols], values);
    change(scale);
    return [
      [`${tensor}.q`, q],
      [`${tensor}.scale`, { dtype: 'F16', shape: [rows, cols / 32], data: scale }],
    ];
  });
  const quantization = { quant_method: 'foretoken', format, block_size: 32 };
  return filesOf({ ...config, quantization_config: quantization }, stored);
}

async function logitsOf(source: Parameters<typeof loadTransformer>[0], options: LoadOptions): Promise<Float32Array> {
  return prefill((await loadTransformer(source, options)).session(), [5, 17, 200, 3]);
}

for (const format of ['q8', 'q4'] as const) {
  test(`a checkpoint stored as ${format} gives the bits of one quantised while it is loaded, and is held like that by default`, async () => {
    const stored = await quantizedFixture('test-300k', format);
    const quantised = await logitsOf(fixturePath('test-300k'), { dtype: format });
    assert.is(firstDifference(await logitsOf(stored, { dtype: format }), quantised), -1);
    assert.is(firstDifference(await logitsOf(stored, {}), quantised), -1);
  });

  test(`${format} weights computed in f32 are near the f32 checkpoint, and not equal to it`, async () => {
    const exact = await logitsOf(fixturePath('test-300k'), { dtype: 'f32' });
    const restored = await logitsOf(await quantizedFixture('test-300k', format), { dtype: 'f32' });
    const difference = relativeDifference(exact, restored);
    assert.ok(difference > 1e-5 && difference < (format === 'q8' ? 0.1 : 0.8), `relative difference ${difference}`);
  });

  test(`a checkpoint stored as ${format} and held in the other format is near the one held as stored`, async () => {
    const stored = await quantizedFixture('test-300k', format);
    const other = await logitsOf(stored, { dtype: format === 'q8' ? 'q4' : 'q8' });
    const difference = relativeDifference(await logitsOf(stored, { dtype: format }), other);
    assert.ok(difference > 1e-5 && difference < 0.8, `relative difference ${difference}`);
  });
}

test('bf16 weights give the bits of the same weights as f32, stored as bf16 or as f32', async () => {
  const want = await logitsOf(fixturePath('test-300k'), { dtype: 'f32' }); // the fixture is in bf16
  assert.is(firstDifference(await logitsOf(fixturePath('test-300k'), { dtype: 'bf16' }), want), -1);
  const { config, tensors } = await readFixture('test-300k');
  assert.is(firstDifference(await logitsOf(filesOf(config, asF32(tensors)), { dtype: 'bf16' }), want), -1);

  const name = 'model.layers.0.mlp.up_proj.weight';
  tensors.get(name)!.values[5]! *= 1 + 2 ** -9; // rounds away
  assert.is(firstDifference(await logitsOf(filesOf(config, asF32(tensors)), { dtype: 'bf16' }), want), -1);
  tensors.get(name)!.values[5]! *= 1 + 2 ** -6; // does not (planted fault)
  assert.is.not(firstDifference(await logitsOf(filesOf(config, asF32(tensors)), { dtype: 'bf16' }), want), -1);
});

test('f16 weights give the bits of the same weights as f32', async () => {
  const { config, tensors } = await readFixture('test-300k');
  for (const { values } of tensors.values()) {
    const halves = new Uint16Array(values.length);
    encodeF16(values, halves);
    decodeF16(halves, values);
  }
  const files = filesOf(config, asF32(tensors));
  const want = await logitsOf(files, { dtype: 'f32' });
  assert.is(firstDifference(await logitsOf(files, { dtype: 'f16' }), want), -1);
  tensors.get('model.layers.0.mlp.up_proj.weight')!.values[5]! *= 1 + 2 ** -9; // does not round away (planted fault)
  assert.is.not(firstDifference(await logitsOf(filesOf(config, asF32(tensors)), { dtype: 'f16' }), want), -1);
});

/** Largest difference, over the largest magnitude. */
function relativeDifference(exact: Float32Array, other: Float32Array): number {
  const scale = exact.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return exact.reduce((most, value, i) => Math.max(most, Math.abs(value - other[i]!)), 0) / scale;
}

test('progress rises to exactly the bytes that the model needs', async () => {
  const sources = [
    fixturePath('sharded'),
    await quantizedFixture('test-300k'),
    await quantizedFixture('test-300k', 'q4'),
  ];
  for (const source of sources) {
    const seen: number[] = [];
    let total = 0;
    await loadTransformer(source, {
      onProgress({ loadedBytes, totalBytes }) {
        seen.push(loadedBytes);
        total = totalBytes;
      },
    });
    assert.ok(seen.length > 1 && seen.every((bytes, i) => i === 0 || bytes > seen[i - 1]!));
    assert.is(seen.at(-1), total);
  }
});

test('an abort while loading throws the reason', async () => {
  const controller = new AbortController();
  const reason = new Error('enough');
  const loading = loadTransformer(fixturePath('sharded'), {
    signal: controller.signal,
    onProgress: () => controller.abort(reason),
  });
  assert.is(await loading.catch((error) => error), reason);
});

test('a checkpoint that does not fit its configuration is refused before any memory is reserved', async () => {
  const engine = await createEngine();
  const reserved: number[] = [];
  const counting = {
    ...engine,
    createMachine(bytes: number) {
      reserved.push(bytes);
      return engine.createMachine(bytes);
    },
  };
  const { config, tensors } = await readFixture('grouped');
  const checkpoint = (change: Config = {}, drop?: string): Files =>
    filesOf({ ...config, ...change }, asF32([...tensors].filter(([name]) => name !== drop)));
  const without = (file: string) => new Map([...checkpoint()].filter(([name]) => name !== file));
  const refused: [string, Files][] = [
    ['file.tensor', checkpoint({}, 'model.layers.1.mlp.up_proj.weight')],
    ['file.tensor', checkpoint({ tie_word_embeddings: false })],
    ['config.shape', checkpoint({ vocab_size: 101 })],
    ['config.shape', checkpoint({ intermediate_size: 68 })],
    ['config.shape', checkpoint({ num_key_value_heads: 4 })],
    ['config.unsupported', checkpoint({ intermediate_size: 66 })],
    ['file.missing', without('model.safetensors')],
    ['file.missing', without('config.json')],
  ];
  for (const [code, files] of refused) {
    assert.is(await rejection(loadTransformer(files, { engine: counting })), code);
    assert.equal(reserved, [], code);
  }
  await loadTransformer(checkpoint(), { engine: counting });
  assert.is(reserved.length, 1);
});

test('a NaN among the weights is refused', async () => {
  const { config, tensors } = await readFixture('grouped');
  tensors.get('model.norm.weight')!.values[3] = Number.NaN;
  assert.is(await rejection(loadTransformer(filesOf(config, asF32(tensors)))), 'file.nonfinite');
});

test('a stored scale that is no number, and a weight too large for an f16 scale, for f16 or for bf16, are refused', async () => {
  for (const bits of [0x7c00, 0xfc00, 0x7e00]) {
    for (const format of ['q8', 'q4'] as const) {
      const files = await quantizedFixture('test-300k', format, (scale) => scale.fill(bits, 5, 6));
      for (const dtype of ['q8', 'q4', 'bf16', 'f32'] as const) {
        const code = await rejection(loadTransformer(files, { dtype }));
        assert.is(code, 'file.nonfinite', `${bits.toString(16)} in ${format} as ${dtype}`);
      }
    }
  }
  const { config, tensors } = await readFixture('test-300k');
  tensors.get('model.layers.0.mlp.up_proj.weight')!.values[7] = 1e8;
  const files = filesOf(config, asF32(tensors));
  for (const dtype of ['q8', 'q4', 'f16'] as const) {
    assert.is(await rejection(loadTransformer(files, { dtype })), 'file.nonfinite', dtype);
  }
  await loadTransformer(files, { dtype: 'bf16' });
  tensors.get('model.layers.0.mlp.up_proj.weight')!.values[7] = 3.4e38;
  const larger = filesOf(config, asF32(tensors));
  assert.is(await rejection(loadTransformer(larger, { dtype: 'bf16' })), 'file.nonfinite');
  await loadTransformer(larger, { dtype: 'f32' });
});

test('files given as Buffers that begin at odd addresses load like any other', async () => {
  const folder = fixturePath('test-300k');
  const odd = (name: string): [string, Uint8Array] => {
    const bytes = readFileSync(`${folder}/${name}`);
    const buffer = Buffer.alloc(bytes.length + 3).subarray(3);
    buffer.set(bytes);
    return [name, buffer];
  };
  const files = new Map(['config.json', 'model.safetensors'].map(odd));
  assert.is(firstDifference(await logitsOf(files, {}), await logitsOf(folder, {})), -1);
});

test('scales of a matrix too large to hold them all are read in parts, each before its rows', async () => {
  const rows = 2 ** 20 + 100; // of one block each
  const scaleOf = (row: number) => 1 + (row % 1000); // f16 bits, finite
  const source = {
    name: 'made up',
    size: rows * 34,
    async read(offset: number, length: number) {
      if (offset >= rows * 2) return Uint8Array.from({ length }, (_, i) => ((offset - rows * 2 + i) >> 5) & 127);
      return new Uint8Array(Uint16Array.from({ length: length / 2 }, (_, i) => scaleOf(offset / 2 + i)).buffer);
    },
  };
  const scale = { dtype: 'F16', shape: [rows, 1], elements: rows, bytes: rows * 2, begin: 0, end: rows * 2 } as const;
  const place = { elements: rows * 32, bytes: rows * 32, begin: rows * 2, end: rows * 34 };
  const stored = {
    scale: { name: 'w.scale', ...scale, source },
    q: { name: 'w.q', dtype: 'I8', shape: [rows, 32], ...place, source },
    quantization: { format: 'q8', blockSize: 32 },
  } as const;
  let next = 0;
  for await (const { row, values } of readMatrix(stored, 32, {})) {
    assert.is(row, next);
    const { q8 } = values as Extract<Values, { q8: unknown }>;
    for (const at of [0, q8.scale.length - 1]) {
      assert.equal([q8.scale[at], q8.q[at * 32]], [scaleOf(row + at), (row + at) & 127], `row ${row + at}`);
    }
    next += q8.scale.length;
  }
  assert.is(next, rows);
});

test.run();
