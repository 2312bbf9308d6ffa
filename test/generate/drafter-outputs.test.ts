/**
 * Outputs of the small test model under every drafter that there is, alone, merged and fused, beside those of plain decoding: greedy and seeded
 * sampling, the same tokens to the last one. A drafter that is not in the list fails the last test.
 * @module
 */
import { readdirSync, readFileSync } from 'node:fs';
import { DRAFTER_NAMES } from '../../src/decode/options.ts';
import { beam, branches, chains, draftModel, likeliest, topAndOne } from '../../src/draft/draft-model.ts';
import { Aded, Automaton, Fused, Lookahead, openStore, Reference, Superposed } from '../../src/drafters.ts';
import { type DraftOption, type GenerateOptions, load, type Model, type StepReport } from '../../src/index.ts';
import { rejection } from '../codes.ts';
import { assert, random, randomInt, repositoryFile, test } from '../harness.ts';
import { fixturePath } from '../model/fixture-model.ts';
import { slowSource, storeOf } from '../store/texts.ts';

const MAX_TOKENS = 80;
/** Passes that cost next to nothing, whatever they take here: `auto` drafts wherever it can. */
const CHEAP = [0, 1, 1.001];
const SETTINGS: readonly GenerateOptions[] = [
  {},
  { temperature: 0.7, topK: 20, seed: 1 },
  { temperature: 1, repetitionPenalty: 1.1, seed: 2 },
];

const model = await load(fixturePath('test-300k'), { context: 256 });
const { vocab } = model.config;
/** The same weights with fewer bits: right often, not always. */
const small = await load(fixturePath('test-300k'), { context: 256, dtype: 'q4', sessions: 2 });

/** Prompts that repeat themselves a little, so that there is something to draft from. */
const prompts = Array.from({ length: 4 }, (_, seed) => {
  const next = random(seed + 1);
  const part = Array.from({ length: 12 }, () => randomInt(next, vocab));
  return [...part, ...Array.from({ length: 6 }, () => randomInt(next, vocab)), ...part];
});

type Run = { readonly tokens: readonly number[]; readonly accepted: number; readonly sources: readonly string[] };

/** Names of drafters of which nodes have been verified. */
const compared = new Set<string>();

async function run(prompt: readonly number[], options: GenerateOptions, target: Model = model): Promise<Run> {
  const generation = target.generate(prompt, { maxTokens: MAX_TOKENS, ...options });
  await generation.text();
  const { num_accepted_tokens: accepted, sources } = generation.stats;
  for (const [name, { drafted }] of Object.entries(sources)) if (drafted > 0) compared.add(name);
  return { tokens: generation.tokens, accepted, sources: Object.keys(sources) };
}

/** What plain decoding says, by prompt and setting. */
const plain = await Promise.all(
  prompts.map((prompt) => Promise.all(SETTINGS.map((settings) => run(prompt, { ...settings, draft: 'none' })))),
);

/** A store of half of what plain decoding says, so that drafts are right at first and then wrong. */
const documents = plain.flatMap((runs, i) =>
  runs.map(({ tokens }) => [...prompts[i]!, ...tokens.slice(0, MAX_TOKENS / 2)]),
);
const storeFile = storeOf(documents, vocab);

/** Right, with a hole, an insertion and a change in it. */
const prediction = (tokens: readonly number[]) => [
  ...tokens.slice(0, 20),
  ...tokens.slice(25, 40),
  1,
  2,
  3,
  ...tokens.slice(40),
];

const DRAFTS: Record<string, () => Promise<DraftOption> | DraftOption> = {
  lookup: () => 'lookup',
  recycle: () => 'recycle',
  auto: () => 'auto',
  automaton: () => 'automaton',
  'automaton, gate 1': () => new Automaton(256, { shortest: 1 }),
  aded: () => 'aded',
  'aded, published reward': () => new Aded({ reward: 'published' }),
  lookahead: () => 'lookahead',
  'lookahead, n-grams of 3': () => new Lookahead(vocab, { ngram: 3, window: 4 }),
  store: async () => (await openStore(storeFile)).drafter(),
  'a slow store': async () => (await openStore(slowSource(storeFile))).drafter(),
  'all merged': async () => [
    'automaton',
    'aded',
    'lookahead',
    'lookup',
    'recycle',
    (await openStore(storeFile)).drafter(),
  ],
  'auto and all others': async () => ['auto', 'automaton', 'aded', 'lookahead', (await openStore(storeFile)).drafter()],
  'aded and a store, fused': async () => new Fused(new Aded(), (await openStore(storeFile)).drafter()),
  ...Object.fromEntries(
    [chains(2, 3), branches([2, 1]), beam(3, 3), topAndOne([2, 2]), likeliest([3, 1])].map((shape) => [
      `draft model, ${shape.name}`,
      () => ofSmall((source) => draftModel(source, shape)),
    ]),
  ),
  superposed: () => ofSmall((source) => new Superposed(source)),
  'superposed, eight of them': () => ofSmall((source) => new Superposed(source, { count: 8, depth: 3 })),
  'a draft model, superposed and others, merged': () => [
    ofSmall((source) => draftModel(source, chains(2, 3))),
    ofSmall((source) => new Superposed(source)),
    'recycle',
    'lookup',
  ],
  'auto and a draft model': () => ['auto', ofSmall((source) => draftModel(source, branches([2, 1])))],
  'a draft model and a store, fused': async () =>
    new Fused(
      ofSmall((source) => draftModel(source, chains(2, 3))),
      (await openStore(storeFile)).drafter(),
    ),
  'automaton and lookahead, fused': () => new Fused(new Lookahead(vocab), new Automaton(256, { shortest: 2 })),
};

/** A drafter on a session of the small model, which goes back before the next one is asked for. */
const inUse: { dispose(): void }[] = [];
function ofSmall<T extends { dispose(): void }>(make: (source: Model) => T): T {
  const drafter = make(small);
  inUse.push(drafter);
  return drafter;
}

for (const [name, draft] of Object.entries(DRAFTS)) {
  test(`${name}: the tokens of plain decoding, greedy and sampled`, async () => {
    let accepted = 0;
    // A drafter that is a model takes as long as the target.
    const few = name.includes('draft model') || name.includes('superposed') ? 2 : prompts.length;
    for (const [i, prompt] of prompts.slice(0, few).entries()) {
      for (const [j, settings] of SETTINGS.entries()) {
        const result = await run(prompt, { ...settings, draft: await draft(), draftTokens: 24, costTable: CHEAP });
        assert.equal(result.tokens, plain[i]![j]!.tokens, `prompt ${i}, ${JSON.stringify(settings)}`);
        accepted += result.accepted;
        for (const drafter of inUse.splice(0)) drafter.dispose();
      }
    }
    assert.ok(accepted > 0, 'something was drafted');
  });
}

for (const draft of ['auto', 'lookup', ['recycle', 'automaton']] as const) {
  test(`${draft} with a prediction: the tokens of plain decoding, most of them from it`, async () => {
    for (const [i, prompt] of prompts.entries()) {
      for (const [j, settings] of SETTINGS.entries()) {
        const { tokens } = plain[i]![j]!;
        const options = { ...settings, draft, prediction: prediction(tokens), costTable: CHEAP };
        const result = await run(prompt, options);
        assert.equal(result.tokens, tokens);
        assert.is(result.sources[0], 'reference');
        assert.ok(result.accepted > tokens.length / 2, `${result.accepted} of ${tokens.length}`);
      }
    }
  });
}

test('the outputs that are compared hang on every token: after a prompt with another last token they differ', async () => {
  const { tokens } = await run([...prompts[0]!.slice(0, -1), (prompts[0]!.at(-1)! + 1) % vocab], {
    draft: 'automaton',
  });
  assert.not.equal(tokens, plain[0]![0]!.tokens);
});

test('with draft none a prediction changes nothing, and drafts nothing', async () => {
  const { tokens, accepted, sources } = await run(prompts[0]!, { draft: 'none', prediction: plain[0]![0]!.tokens });
  assert.equal(tokens, plain[0]![0]!.tokens);
  assert.is(accepted, 0);
  assert.equal(sources, []);
});

const PREDICTIONS: readonly (readonly [what: string, value: unknown, code: string])[] = [
  ['null', null, 'option.type'],
  ['a number', 7, 'option.type'],
  ['a function', () => 1, 'option.type'],
  ['an object', {}, 'option.range'],
  ['a token beyond the vocabulary', [1, vocab], 'option.range'],
  ['a negative token', [-1], 'option.range'],
  ['half a token', [0.5], 'option.range'],
  ['NaN', [Number.NaN], 'option.range'],
  ['words for tokens', ['one'], 'option.range'],
  ['a length that is none', { length: -0.5 }, 'option.range'],
  ['a length beyond all', { length: 2 ** 40 }, 'option.range'],
  ['text without a tokenizer', 'text', 'option.prediction'],
  ["OpenAI's form without a tokenizer", { type: 'content', content: 'text' }, 'option.prediction'],
  ['another type', { type: 'image', content: 'text' }, 'option.type'],
  ['content that is no text', { type: 'content', content: 7 }, 'option.type'],
  ['a part that is no text', { type: 'content', content: [{ type: 'image' }] }, 'option.type'],
  ['a part that is nothing', { type: 'content', content: [null] }, 'option.type'],
];
for (const [what, value, code] of PREDICTIONS) {
  test(`prediction, ${what}: ${code}, and the model stays usable`, async () => {
    const call = async () => run(prompts[0]!, { prediction: value as string });
    assert.is(await rejection(call()), code);
    assert.equal((await run(prompts[0]!, {})).tokens, plain[0]![0]!.tokens);
  });
}

test('drafters named again keep what they have learnt, and a conversation may use a drafter of its own', async () => {
  const reference = new Reference(plain[1]![0]!.tokens, 256);
  const first = await run(prompts[1]!, { draft: [reference, 'aded'] });
  const second = await run(prompts[1]!, { draft: ['aded', reference] });
  assert.equal(first.tokens, second.tokens);
});

test('onStep tells the source, depth and rank of every accepted node, and together they are the statistics', async () => {
  const steps: StepReport[] = [];
  const generation = model.generate(prompts[2]!, {
    maxTokens: MAX_TOKENS,
    draft: ['automaton', 'lookahead', 'recycle'],
    draftTokens: 30,
    onStep: (step) => steps.push(step),
  });
  await generation.text();
  const { stats, tokens } = generation;
  assert.is(steps.length, stats.passes);
  assert.equal(
    steps.flatMap(({ emitted }) => [...emitted]),
    [...tokens],
  );
  const counted: Record<string, number[]> = {};
  for (const { tree, accepted, sources, emitted } of steps) {
    assert.equal(sources, ['automaton', 'lookahead', 'recycle', 'several']);
    let parent = 0;
    accepted.forEach(({ node, token, source, depth, rank, score }, i) => {
      assert.is(depth, i + 1);
      assert.is(tree.parents[node], parent);
      assert.is(token, tree.tokens[node]);
      assert.is(token, emitted[i]);
      assert.is(score, tree.scores![node]);
      const siblings = [...tree.parents.keys()].filter((other) => tree.parents[other] === parent);
      assert.is(siblings[rank], node);
      (counted[source] ??= [])[i] = (counted[source]![i] ?? 0) + 1;
      parent = node;
    });
  }
  for (const [source, perDepth] of Object.entries(counted)) {
    assert.equal(
      Array.from(perDepth, (count) => count ?? 0),
      [...stats.sources[source]!.acceptedPerDepth],
    );
  }
  assert.ok(stats.num_accepted_tokens > 0);
});

test('onStep is told of plain steps, too, and what it throws ends the call alone', async () => {
  let steps = 0;
  await model
    .generate(prompts[0]!, { maxTokens: 5, draft: 'none', onStep: ({ accepted }) => (steps += 1 + accepted.length) })
    .text();
  assert.is(steps, 5);
  const call = model.generate(prompts[0]!, {
    onStep: () => {
      throw new Error('enough');
    },
  });
  assert.is(await rejection(call.text()), 'Error: enough');
  assert.equal((await run(prompts[0]!, {})).tokens, plain[0]![0]!.tokens);
});

/** Names of the drafters whose source is in src/draft. */
function drafterNames(): string[] {
  const folder = repositoryFile('src/draft');
  const sources = readdirSync(folder).map((file) => readFileSync(`${folder}/${file}`, 'utf8'));
  const classes = sources.filter((source) => /\bimplements Drafter\b/.test(source));
  // A drafter that is made of two has their names.
  return classes.flatMap((source) => /^ {2}readonly name = '([^']+)';/m.exec(source)?.[1] ?? []);
}

test('every drafter that has a file in src/draft, or a name, was compared above', () => {
  const names = drafterNames();
  assert.ok(names.length >= 9, `${names}`);
  for (const name of [...names, ...DRAFTER_NAMES]) assert.ok(compared.has(name), `${name} is in no comparison`);
  assert.ok(
    DRAFTER_NAMES.every((name) => names.includes(name)),
    'the names are read from the sources',
  );
});

test.run();
