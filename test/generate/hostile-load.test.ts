/**
 * The public face refuses what it cannot take: options of `load`, `estimate` and `createEngine`, sources, snapshots, prompts and options of
 * a call, one value of each kind. Each has its code, nothing is reserved for it, and the next call gives the tokens of a fresh model.
 * @module
 */
import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createEngine, estimate, type GenerateOptions, load, type Model, type Prompt } from '../../src/index.ts';
import { rejection } from '../codes.ts';
import { assert, test } from '../harness.ts';
import { fixturePath } from '../model/fixture-model.ts';

const PATH = fixturePath('test-300k');
const PROMPT = [3, 1, 4, 1, 5, 9, 2, 6];

/** An object that no message can show. */
const mute = Object.create(null);

/** Options that cannot be: name, value, code. */
type Row = readonly [name: string, value: unknown, code: string];

const MEMORY_OPTIONS: readonly Row[] = [
  ...['dtype', 'kv', 'context', 'sessions', 'maxNodes', 'memoryLimit', 'largestMemory'].flatMap((name): Row[] => [
    [name, null, 'option.type'],
    [name, [1], 'option.type'],
    [name, mute, 'option.type'],
    [name, Symbol('one'), 'option.type'],
  ]),
  ['dtype', 8, 'option.type'],
  ['dtype', 'q5', 'option.range'],
  ['dtype', 'x'.repeat(500), 'option.range'],
  ['kv', 16, 'option.type'],
  ['kv', 'q4', 'option.range'],
  ['context', '64', 'option.type'],
  ['context', 0, 'option.range'],
  ['context', 257, 'option.range'],
  ['sessions', 1025, 'option.range'],
  ['maxNodes', 65, 'option.range'],
  ['threads', null, 'option.type'],
  ['threads', '2', 'option.range'],
  ['threads', 0, 'option.range'],
  ['threads', 1.5, 'option.range'],
  ['threads', 65, 'option.range'],
  ['memoryLimit', 2 ** 38 + 1, 'option.range'],
  ['largestMemory', 2 ** 32 + 1, 'option.range'],
  ['largestMemory', 65_536, 'memory.limit'],
  ['memoryLimit', 65_536, 'memory.limit'],
  ['Context', 64, 'option.unknown'],
  ['x'.repeat(500), 1, 'option.unknown'],
];

const LOAD_OPTIONS: readonly Row[] = [
  ...['engine', 'worker', 'signal', 'onProgress', 'concurrency'].flatMap((name): Row[] => [
    [name, null, 'option.type'],
    [name, 5, 'option.type'],
    [name, {}, 'option.type'],
    [name, mute, 'option.type'],
  ]),
  ['engine', { module: 1, createMachine: true }, 'option.type'],
  ['signal', { aborted: false }, 'option.type'],
  ['concurrency', 'wait', 'option.range'],
];

const NO_OBJECTS = [null, 5, 'q8', () => ({})];

/** What is neither a folder of a model nor a GGUF file. */
const SOURCES: readonly (readonly [source: unknown, code: string])[] = [
  ...[undefined, null, 5, '', Symbol('one'), () => PATH, [5], 'http://'].map(
    (source) => [source, 'source.kind'] as const,
  ),
  ...[new Uint8Array(8), new ArrayBuffer(8), new Blob(['{}']), new File(['{}'], 'model.safetensors')].map(
    (file) => [file, 'file.format'] as const,
  ),
  [{ name: 'model', size: 0, read() {} }, 'file.header'],
  [new Map([['config.json', 5]]), 'source.kind'],
  ['no-such-package', 'source.missing'],
  [`${PATH}/config.json`, 'source.missing'],
  [[], 'file.missing'],
  [{}, 'file.missing'],
];

const PROMPTS: readonly (readonly [prompt: unknown, code: string])[] = [
  ...[undefined, null, 5, true, {}, new Map(), () => 1, Symbol('one')].map(
    (prompt) => [prompt, 'prompt.type'] as const,
  ),
  ...['text', ''].map((prompt) => [prompt, 'prompt.tokenizer'] as const),
  ...[[], { length: -1 }, { length: 2 ** 40 }, new Uint8Array(257)].map((prompt) => [prompt, 'prompt.length'] as const),
  ...[
    [512],
    [-1],
    [0.5],
    [NaN],
    ['5'],
    [null],
    [1n],
    { length: 2 },
    new Float32Array([1, 2.5]),
    new BigInt64Array(2),
  ].map((prompt) => [prompt, 'prompt.token'] as const),
];

const GENERATE_OPTIONS: readonly Row[] = [
  ['temperature', '1', 'option.type'],
  ['maxTokens', 0, 'option.range'],
  ['signal', {}, 'option.type'],
  ['draft', 'eagle', 'option.range'],
  ['draft', {}, 'option.type'],
  ['draftTokens', 64, 'option.range'],
  ['stop', '\n', 'option.stop'],
  ['maxNewTokens', 4, 'option.unknown'],
];

/** For messages. */
const show = (value: unknown): string => (value === mute ? 'mute' : String(value).slice(0, 40));
const optionsOf = ([name, value]: Row) => ({ [name]: value }) as never;

async function tokensOf(
  model: Model,
  prompt: Prompt = PROMPT,
  options: GenerateOptions = {},
): Promise<readonly number[]> {
  const generation = model.generate(prompt, { maxTokens: 12, ...options });
  await generation.text();
  return generation.tokens;
}

const expected = await tokensOf(await load(PATH));

test('load refuses each hostile option by its code, and reserves nothing', async () => {
  const engine = await createEngine();
  const counting = {
    ...engine,
    createMachine(): never {
      throw new Error('memory was reserved');
    },
  };
  for (const row of [...MEMORY_OPTIONS, ...LOAD_OPTIONS]) {
    const [name, value, code] = row;
    assert.is(
      await rejection(load(PATH, { engine: counting, ...(optionsOf(row) as object) })),
      code,
      `${name}: ${show(value)}`,
    );
  }
  for (const options of NO_OBJECTS)
    assert.is(await rejection(load(PATH, options as never)), 'option.type', show(options));
});

test('estimate refuses each hostile option by its code, and else tells what load takes', async () => {
  for (const row of [...MEMORY_OPTIONS, ['engine', undefined, 'option.unknown'] as const]) {
    assert.is(await rejection(estimate(PATH, optionsOf(row))), row[2], `${row[0]}: ${show(row[1])}`);
  }
  for (const options of NO_OBJECTS) {
    assert.is(await rejection(estimate(PATH, options as never)), 'option.type', show(options));
  }
  for (const options of [
    {},
    { kv: 'q8' },
    { dtype: 'f32', kv: 'f16', context: 77, sessions: 3, maxNodes: 9 },
  ] as const) {
    assert.equal(await estimate(PATH, options), (await load(PATH, options)).memory);
  }
});

test('messages quote at most 80 characters of an option', async () => {
  for (const options of [{ dtype: 'x'.repeat(500) }, { concurrency: 'x'.repeat(500) }]) {
    const error = await load(PATH, options as never).catch((reason) => reason);
    assert.not.match(error.message, 'x'.repeat(80));
  }
});

test('an option that is undefined is one that is not given', async () => {
  const known = [...MEMORY_OPTIONS, ...LOAD_OPTIONS].filter(([, , code]) => code !== 'option.unknown');
  const options = Object.fromEntries(known.map(([name]) => [name, undefined]));
  assert.equal(await tokensOf(await load(PATH, options)), expected);
});

test('createEngine refuses what is no options, and what is no module', async () => {
  for (const options of NO_OBJECTS)
    assert.is(await rejection(createEngine(options as never)), 'option.type', show(options));
  assert.is(await rejection(createEngine({ modul: 1 } as never)), 'option.unknown');
  assert.is(await rejection(createEngine({ worker: 1 } as never)), 'option.type');
  for (const module of [{}, null, 5]) assert.is(await rejection(createEngine({ module } as never)), 'engine.module');
});

test('a worker is given to the engine where an engine is given', async () => {
  const worker = () => assert.unreachable();
  assert.is(await rejection(load(PATH, { engine: await createEngine(), worker: worker as never })), 'option.range');
});

test('sources that are no model are refused by their code', async () => {
  for (const [source, code] of SOURCES) {
    assert.is(await rejection(load(source as never)), code, show(source));
    assert.is(await rejection(estimate(source as never)), code, show(source));
  }
});

test('a working directory that is gone is no reason to fail otherwise', async () => {
  const [before, gone] = [process.cwd(), mkdtempSync(join(tmpdir(), 'gone-'))];
  process.chdir(gone);
  rmdirSync(gone);
  try {
    assert.is(await rejection(load('no-such-package')), 'source.missing');
  } finally {
    process.chdir(before);
  }
});

test('a model refuses hostile prompts and options at once, and gives the tokens of a fresh one after each', async () => {
  const model = await load(PATH);
  const refused = async (prompt: unknown, options: unknown, code: string, what: string) => {
    assert.is(await rejection((async () => model.generate(prompt as never, options as never))()), code, what);
    assert.equal(await tokensOf(model), expected, what);
  };
  for (const [prompt, code] of PROMPTS) await refused(prompt, {}, code, `prompt ${show(prompt)}`);
  for (const row of GENERATE_OPTIONS) await refused(PROMPT, optionsOf(row), row[2], `${row[0]}: ${show(row[1])}`);
  for (const options of NO_OBJECTS) await refused(PROMPT, options, 'option.type', `options ${show(options)}`);
});

test('a callback that throws ends its call only', async () => {
  const model = await load(PATH);
  const reason = new Error('no');
  for (const phase of ['prefill', 'decode']) {
    const onProgress = (progress: { phase: string }) => {
      if (progress.phase === phase) throw reason;
    };
    assert.is(await tokensOf(model, [9, ...PROMPT], { onProgress }).catch((error) => error), reason, phase);
    assert.equal(await tokensOf(model), expected, phase);
  }
});

test('snapshots that are none are refused, and hold no session', async () => {
  const model = await load(PATH, { sessions: 2 });
  assert.equal(await tokensOf(model), expected);
  const conversation = model.conversation();
  const generation = conversation.generate(PROMPT, { maxTokens: 4 });
  await generation.text();
  const { tokens, cache } = conversation.save();
  conversation.dispose();
  const hostile: unknown[] = [
    ...[null, 5, 'text', [], {}, { tokens }, { cache }, { tokens: null, cache: null }],
    ...[cache.buffer, 'text', [...cache], JSON.parse(JSON.stringify(cache)), null].map((other) => ({
      tokens,
      cache: other,
    })),
    ...[tokens.length, tokens.slice(1), [...tokens, 1], tokens.map(String), tokens.map(() => 512), { length: 8 }].map(
      (other) => ({ tokens: other, cache }),
    ),
    { tokens: [], cache: new Uint8Array(0) },
    { tokens, cache: cache.map((byte, i) => (i < 28 ? byte ^ 1 : byte)) },
  ];
  for (const [i, snapshot] of hostile.entries()) {
    assert.is(
      await rejection((async () => model.conversation(snapshot as never))()),
      'session.snapshot',
      `snapshot ${i}`,
    );
  }
  const again = model.conversation({ tokens, cache }).generate(PROMPT, { maxTokens: 12 });
  await again.text();
  assert.equal(again.tokens, expected);
  assert.is(again.stats.cachedTokens, PROMPT.length - 1);
  assert.equal(await tokensOf(model), expected);
});

test('a fork and a snapshot taken in the middle of a generation hold what is committed then', async () => {
  const model = await load(PATH, { sessions: 3 });
  const conversation = model.conversation();
  const generation = conversation.generate(PROMPT, { maxTokens: 12 });
  const pieces = generation[Symbol.asyncIterator]();
  for (let i = 0; i < 4; i++) await pieces.next();
  const copies = [conversation.fork(), model.conversation(conversation.save())];
  await generation.text();
  assert.equal(generation.tokens, expected);
  for (const copy of copies) {
    const again = copy.generate(PROMPT, { maxTokens: 12 });
    await again.text();
    assert.equal(again.tokens, expected);
    assert.is(again.stats.cachedTokens, PROMPT.length - 1);
  }
});

test('a conversation disposed in the middle of its generation ends that, and no other', async () => {
  const model = await load(PATH, { sessions: 1 });
  const conversation = model.conversation();
  const generation = conversation.generate(PROMPT, { maxTokens: 200 });
  await generation[Symbol.asyncIterator]().next();
  conversation.dispose();
  const other = tokensOf(model);
  assert.is(await rejection(generation.text()), 'session.disposed');
  assert.is(await rejection((async () => conversation.save())()), 'session.disposed');
  assert.is(await rejection((async () => conversation.fork())()), 'session.disposed');
  assert.equal(await other, expected);
});

test.run();
