/** Vectors of texts are those of transformers, the same bits however they are computed, and disturb no conversation. */
import { readFileSync } from 'node:fs';
import { type EmbedOptions, load, type Model } from '../../src/index.ts';
import type { LoadOptions } from '../../src/load.ts';
import { rejection } from '../codes.ts';
import { assert, firstDifference, repositoryFile, test } from '../harness.ts';
import { architectureModel, checkpointFiles, expectedOf } from './architecture-models.ts';
import { fixturePath } from './fixture-model.ts';
import { relativeDifference, TOLERANCE } from './reference.ts';

const POOLINGS = ['mean', 'first', 'last'] as const;
type Pooled = Readonly<Record<(typeof POOLINGS)[number], readonly number[]>>;

/** What transformers computed (test/fixtures/embeddings/make.py). */
const vectors: Readonly<Record<string, Pooled>> = JSON.parse(
  readFileSync(repositoryFile('test/fixtures/embeddings/vectors.json'), 'utf8'),
);

const checkpoint = (name: string, options: LoadOptions = {}): Promise<Model> =>
  load(checkpointFiles(name), { dtype: 'f32', ...options });

async function embedOne(model: Model, prompt: ArrayLike<number>, options?: EmbedOptions): Promise<Float32Array> {
  const [vector] = await model.embed([prompt], options);
  return vector!;
}

const TEXT = Int32Array.from({ length: 150 }, (_, i) => (i * 37 + 5) % 60);
const small = (options: LoadOptions = {}): Promise<Model> => load(fixturePath('grouped'), { context: 256, ...options });

for (const [name, expected] of Object.entries(vectors)) {
  test(`${name}: pooled hidden states are those of transformers`, async () => {
    const { prompt } = expectedOf(name);
    const model = await checkpoint(name);
    for (const pooling of POOLINGS) {
      const vector = await embedOne(model, prompt, { pooling, normalise: false });
      const difference = relativeDifference(vector, Float32Array.from(expected[pooling]));
      assert.ok(difference < TOLERANCE, `${pooling}: ${difference}`);
    }
    model.dispose();
  });
}

test('the comparison sees another pooling, another position, and a norm left out (planted faults)', async () => {
  for (const [name, expected] of Object.entries(vectors)) {
    const { prompt } = expectedOf(name);
    const model = await checkpoint(name);
    const wrong = [
      await embedOne(model, prompt, { pooling: 'last', normalise: false }),
      await embedOne(model, prompt.subarray(1), { pooling: 'mean', normalise: false }),
    ];
    for (const vector of wrong) {
      assert.ok(relativeDifference(vector, Float32Array.from(expected.mean)) > 10 * TOLERANCE, name);
    }
    model.dispose();
    const raw = await architectureModel(name);
    const session = raw.session();
    session.forward({ tokens: prompt, parents: prompt.map((_, i) => i - 1) }, 'none');
    const { pass } = raw.plan.stages[0]!;
    const { hidden } = raw.config;
    const stream = new Float32Array(raw.machines[0]!.memory.buffer, pass.stream, prompt.length * hidden).slice();
    const last = stream.subarray(-hidden);
    assert.ok(relativeDifference(last, Float32Array.from(expected.last)) > 10 * TOLERANCE, `${name}: no norm`);
    raw.dispose();
  }
});

test('a vector has the same bits with any split into passes, threads, memories, and texts around it', async () => {
  const base = await small();
  for (const pooling of POOLINGS) {
    const expected = await embedOne(base, TEXT, { pooling });
    for (const options of [{ maxNodes: 1 }, { maxNodes: 7 }, { threads: 2 }, { largestMemory: 2 ** 18 }]) {
      const model = await small(options);
      if (options.largestMemory) assert.ok(model.memory.memories > 1);
      const [, second] = await model.embed([[1, 2, 3], TEXT, [4]], { pooling });
      assert.is(firstDifference(second!, expected), -1, `${pooling} ${JSON.stringify(options)}`);
      model.dispose();
    }
  }
  base.dispose();
});

test('normalised vectors have length 1 and the direction of the others; that is the default', async () => {
  const model = await small();
  const raw = await embedOne(model, TEXT, { normalise: false });
  const unit = await embedOne(model, TEXT);
  const length = Math.hypot(...raw);
  assert.ok(Math.abs(Math.hypot(...unit) - 1) < 1e-6);
  assert.ok(Math.abs(length - 1) > 0.01, 'the raw vector has another length, so something was compared');
  unit.forEach((value, i) => {
    assert.ok(Math.abs(value - raw[i]! / length) < 1e-6);
  });
  assert.is(firstDifference(unit, await embedOne(model, TEXT, { pooling: 'mean', normalise: true })), -1);
  model.dispose();
});

test('embedding waits for its turn, and disturbs neither generations nor conversations', async () => {
  const model = await small({ sessions: 2 });
  const prompt = [...TEXT.subarray(0, 40)];
  const tokensOf = async (generation: ReturnType<Model['generate']>) => {
    await generation.text();
    return generation.tokens;
  };
  const expected = await tokensOf(model.generate(prompt, { maxTokens: 24 }));
  const talk = model.conversation();
  const begun = await tokensOf(talk.generate(prompt, { maxTokens: 12 }));
  const vector = await embedOne(model, TEXT);
  const [embedded, generated] = await Promise.all([
    embedOne(model, TEXT),
    tokensOf(model.generate(prompt, { maxTokens: 24 })),
  ]);
  assert.is(firstDifference(embedded!, vector), -1);
  assert.equal(generated, expected);
  const more = talk.generate([...prompt, ...begun], { maxTokens: 12 });
  assert.equal([...begun, ...(await tokensOf(more))], expected);
  assert.is(more.stats.cachedTokens, prompt.length + begun.length - 1, 'its cache was left alone');
  assert.is(firstDifference((await talk.embed([TEXT]))[0]!, vector), -1);
  assert.equal(await tokensOf(talk.generate(prompt, { maxTokens: 24 })), expected, 'and after its own cache was used');
  model.dispose();
});

test('an abort ends the call between two passes, and the turn passes on', async () => {
  const model = await small({ maxNodes: 1 });
  const reason = new Error('enough');
  assert.is(await model.embed([TEXT], { signal: AbortSignal.abort(reason) }).catch((error) => error), reason);
  const controller = new AbortController();
  const many = model.embed(Array(200).fill(TEXT), { signal: controller.signal });
  setTimeout(() => controller.abort(reason), 5);
  const after = embedOne(model, TEXT);
  assert.is(await many.catch((error) => error), reason);
  assert.is(firstDifference(await after, await embedOne(model, TEXT)), -1);
  model.dispose();
});

test('what is no option or no text is refused, and the model stays usable', async () => {
  const model = await small({ sessions: 1 });
  // biome-ignore lint/suspicious/noExplicitAny: calls that types forbid
  const code = (texts: any, options?: any) => rejection(model.embed(texts, options));
  assert.is(await code([TEXT], { pooling: 'cls' }), 'option.range');
  assert.is(await code([TEXT], { pooling: 1 }), 'option.type');
  assert.is(await code([TEXT], { normalise: 'yes' }), 'option.type');
  assert.is(await code([TEXT], { normalize: true }), 'option.unknown');
  assert.is(await code([TEXT], { signal: {} }), 'option.type');
  assert.is(await code('a text'), 'option.type');
  assert.is(await code([[]]), 'prompt.length');
  assert.is(await code([new Int32Array(257)]), 'prompt.length');
  assert.is(await code([[1], [1.5]]), 'prompt.token');
  assert.is(await code(['no tokenizer here']), 'prompt.tokenizer');
  assert.equal(await model.embed([]), []);
  const taken = await small();
  taken.conversation();
  assert.is(await rejection(taken.embed([TEXT])), 'session.full');
  assert.is((await embedOne(model, TEXT)).length, model.config.hidden);
  model.dispose();
  assert.is(await code([TEXT]), 'model.disposed');
});

test.run();
