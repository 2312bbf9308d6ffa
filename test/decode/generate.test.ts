/** The output is that of plain decoding, whatever drafts: greedy and seeded, and planted faults are seen. */
import { generate } from '../../src/decode/generate.ts';
import type { DraftOption, GenerateOptions } from '../../src/decode/options.ts';
import { uniform } from '../../src/decode/random.ts';
import { LogitsProcessor } from '../../src/decode/sampling.ts';
import type { Drafter } from '../../src/draft/drafter.ts';
import type { Target, TargetRows } from '../../src/model/target.ts';
import type { DraftTree } from '../../src/tree/draft-tree.ts';
import { rejection } from '../codes.ts';
import { assert, random, randomInt, test } from '../harness.ts';
import { hostOf, LETTERS } from './hosts.ts';
import { greedyTokens, madeUpLanguage, MadeUpTarget, randomPrompt, type Language } from './made-up-target.ts';

const DRAFTS: readonly DraftOption[] = [
  'none',
  'lookup',
  'recycle',
  ['lookup', 'recycle'],
  ['recycle', 'lookup'],
  'auto',
];
/** Flat enough that auto drafts a lot. */
const costTable = Array.from({ length: 33 }, (_, n) => 1 + 0.05 * n);

async function tokensOf(target: Target, prompt: readonly number[], options: GenerateOptions): Promise<number[]> {
  const generation = generate(hostOf(target), prompt, { costTable, ...options });
  await generation.text();
  return [...generation.tokens];
}

/** Made-up languages from rigid to erratic, each with a prompt that repeats itself. */
function* situations(seed: number, count: number) {
  const next = random(seed);
  for (let i = 0; i < count; i++) {
    const vocab = 3 + randomInt(next, 20);
    const language = madeUpLanguage(randomInt(next, 1e9), vocab, {
      order: 1 + randomInt(next, 3),
      wander: [0, 0.3, 2][randomInt(next, 3)]!,
    });
    const half = randomPrompt(next, 1 + randomInt(next, 20), vocab);
    yield { vocab, language, prompt: [...half, ...half] };
  }
}

test('greedy output is that of plain decoding for every drafter (seed 1)', async () => {
  for (const { vocab, language, prompt } of situations(1, 12)) {
    const expected = greedyTokens(language, prompt, 60);
    for (const draft of DRAFTS) {
      const target = new MadeUpTarget(language, { vocab });
      assert.equal(await tokensOf(target, prompt, { maxTokens: 60, draft }), expected, String(draft));
      assert.equal(target.committed, [...prompt, ...expected.slice(0, -1)], `cache after ${draft}`);
    }
  }
});

test('seeded output is that of plain decoding for every drafter and setting (seed 2)', async () => {
  const next = random(2);
  for (const { vocab, language, prompt } of situations(3, 12)) {
    const options = {
      temperature: 0.2 + 1.5 * next(),
      topK: randomInt(next, vocab + 2),
      topP: 0.3 + 0.7 * next(),
      minP: 0.2 * next(),
      repetitionPenalty: 1 + 0.3 * randomInt(next, 2),
      seed: randomInt(next, 2 ** 53),
    };
    const expected = seededTokens(language, vocab, prompt, 60, options);
    for (const draft of DRAFTS) {
      const target = new MadeUpTarget(language, { vocab });
      assert.equal(await tokensOf(target, prompt, { maxTokens: 60, draft, ...options }), expected, String(draft));
    }
  }
});

test('greedy output with a repetition penalty is that of plain decoding for every drafter (seed 4)', async () => {
  for (const { vocab, language, prompt } of situations(4, 6)) {
    const options = { temperature: 0, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1.4 };
    const processor = new LogitsProcessor(vocab, options);
    const path = [...prompt];
    while (path.length < prompt.length + 40) path.push(processor.largest(language(path), path));
    for (const draft of DRAFTS) {
      const target = new MadeUpTarget(language, { vocab });
      const tokens = await tokensOf(target, prompt, { maxTokens: 40, draft, repetitionPenalty: 1.4 });
      assert.equal(tokens, path.slice(prompt.length), String(draft));
    }
  }
});

/** Plain sampling, written without the loop. */
function seededTokens(
  language: Language,
  vocab: number,
  prompt: readonly number[],
  count: number,
  options: { temperature: number; topK: number; topP: number; minP: number; repetitionPenalty: number; seed: number },
): number[] {
  const processor = new LogitsProcessor(vocab, options);
  const path = [...prompt];
  while (path.length < prompt.length + count) {
    path.push(processor.draw(language(path), path, uniform(options.seed, path.length)));
  }
  return path.slice(prompt.length);
}

test('drafts are accepted where there is something to guess: a language of order one is read in few passes', async () => {
  const language = madeUpLanguage(5, 12, { order: 1, wander: 0 });
  for (const draft of DRAFTS.slice(1)) {
    const target = new MadeUpTarget(language, { vocab: 12 });
    await tokensOf(target, [1, 2, 3], { maxTokens: 100, draft });
    assert.ok(target.passes.length < 50, `${draft}: ${target.passes.length} passes`);
  }
});

/** A target whose verification passes are wrong in one way; plain passes are right. */
function faulty(target: MadeUpTarget, fault: (rows: TargetRows, tree: DraftTree) => Partial<TargetRows>): Target {
  return new Proxy(target, {
    get(inner, name) {
      if (name === 'forward') {
        return (...[tree, logitRows]: Parameters<Target['forward']>) => {
          const rows = inner.forward(tree, logitRows);
          return tree.tokens.length > 1 && logitRows === 'all' ? { ...rows, ...fault(rows, tree) } : rows;
        };
      }
      const value = Reflect.get(inner, name, inner) as unknown;
      return typeof value === 'function' ? value.bind(inner) : value;
    },
  });
}

const FAULTS: Record<string, (rows: TargetRows, tree: DraftTree) => Partial<TargetRows>> = {
  'the first draft is taken unverified': (rows, tree) => ({
    argmax: (node) => (node === 0 ? tree.tokens[1]! : rows.argmax(node)),
  }),
  'the bonus token comes from the row of the parent': (rows, tree) => ({
    argmax: (node) => rows.argmax(tree.parents.includes(node) ? node : Math.max(0, tree.parents[node]!)),
  }),
  'ties go to the highest id': (rows) => ({
    argmax: (node) => {
      const logits = rows.logits(node);
      return logits.lastIndexOf(Math.max(...logits));
    },
  }),
};

for (const [title, fault] of Object.entries(FAULTS)) {
  test(`a planted fault is seen: ${title} (seed 6)`, async () => {
    let seen = 0;
    for (const { vocab, language, prompt } of situations(6, 6)) {
      // Rounded logits tie often.
      const rounded: Language = (path) => language(path).map(Math.round);
      const expected = greedyTokens(rounded, prompt, 60);
      const right = new MadeUpTarget(rounded, { vocab });
      assert.equal(await tokensOf(right, prompt, { maxTokens: 60, draft: ['lookup', 'recycle'] }), expected);
      const wrong = faulty(new MadeUpTarget(rounded, { vocab }), fault);
      const tokens = await tokensOf(wrong, prompt, { maxTokens: 60, draft: ['lookup', 'recycle'] });
      if (tokens.join() !== expected.join()) seen++;
    }
    assert.ok(seen > 0);
  });
}

test('the last positions of the context hold the same tokens as in plain decoding (seed 7)', async () => {
  for (const { vocab, language, prompt } of situations(7, 8)) {
    const context = prompt.length + 12;
    const expected = greedyTokens(language, prompt, 13);
    for (const draft of DRAFTS) {
      const target = new MadeUpTarget(language, { vocab, context });
      const generation = generate(hostOf(target), prompt, { draft, costTable });
      await generation.text();
      assert.equal(generation.tokens, expected, String(draft));
      assert.is(generation.finishReason, 'length');
      assert.is(target.length, context);
    }
  }
});

test('a prompt that fills the context gives one token', async () => {
  const target = new MadeUpTarget(madeUpLanguage(8, 5), { vocab: 5, context: 4 });
  const generation = generate(hostOf(target), [1, 2, 3, 4]);
  await generation.text();
  assert.is(generation.tokens.length, 1);
  assert.is(generation.finishReason, 'length');
});

test('plain decoding runs one node at a time and asks for no other row', async () => {
  const target = new MadeUpTarget(madeUpLanguage(9, 8), { vocab: 8 });
  await tokensOf(target, [1, 2, 1, 2], { maxTokens: 20, draft: 'none' });
  assert.equal(target.passes, Array(20).fill(1));
  assert.ok(target.events.every((event) => event.kind !== 'forward' || event.logitRows !== 'all'));
});

test('a second call keeps the common beginning of its prompt in the cache, and gives what a fresh model gives (seed 10)', async () => {
  for (const { vocab, language, prompt } of situations(10, 6)) {
    const host = hostOf(new MadeUpTarget(language, { vocab }));
    const first = generate(host, prompt, { maxTokens: 30 });
    await first.text();
    const longer = [...prompt, ...first.tokens, 1, 2];
    const second = generate(host, longer, { maxTokens: 30 });
    await second.text();
    assert.equal(second.tokens, greedyTokens(language, longer, 30));
    assert.is(second.stats.cachedTokens, prompt.length + 29);
    const other = generate(host, [prompt[0]! === 0 ? 1 : 0, 2], { maxTokens: 10 });
    await other.text();
    assert.is(other.stats.cachedTokens, 0);
    assert.equal(other.tokens, greedyTokens(language, [prompt[0]! === 0 ? 1 : 0, 2], 10));
  }
});

test('a text that failed fails again, and one that came comes again', async () => {
  const target = new MadeUpTarget(madeUpLanguage(3, 9), { vocab: 9 });
  const failing: Drafter = {
    name: 'failing',
    begin() {},
    observe() {},
    propose() {
      throw new Error('boom');
    },
  };
  const generation = generate(hostOf(target), [1, 2], { draft: failing, maxTokens: 4 });
  for (let call = 0; call < 2; call++) assert.is(await rejection(generation.text()), 'drafter.failed');
  const good = generate(hostOf(target, { texts: [...LETTERS] }), [1, 2], { draft: 'none', maxTokens: 4 });
  assert.is(await good.text(), await good.text());
});

test.run();
