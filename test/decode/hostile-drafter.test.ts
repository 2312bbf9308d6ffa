/** A drafter that misbehaves ends its own call with an error of its own, and the session stays usable. */
import { generate, type Host } from '../../src/decode/generate.ts';
import type { Drafter } from '../../src/draft/drafter.ts';
import { chain, rootOnly, type DraftTree } from '../../src/tree/draft-tree.ts';
import { rejection } from '../codes.ts';
import { assert, test } from '../harness.ts';
import { hostOf } from './hosts.ts';
import { greedyTokens, madeUpLanguage, MadeUpTarget } from './made-up-target.ts';

const VOCAB = 9;
const language = madeUpLanguage(1, VOCAB);
const PROMPT = [1, 2, 3];
const EXPECTED = greedyTokens(language, PROMPT, 20);

const newHost = (): Host => hostOf(new MadeUpTarget(language, { vocab: VOCAB }));

/** A drafter that behaves for some steps and then does something else. */
class Moody implements Drafter {
  readonly name = 'moody';
  #root = 0;
  #steps = 0;
  readonly #misbehave: (root: number, budget: number) => DraftTree | Promise<DraftTree>;

  constructor(misbehave: (root: number, budget: number) => unknown) {
    this.#misbehave = misbehave as (root: number, budget: number) => DraftTree | Promise<DraftTree>;
  }

  begin(prompt: Int32Array): void {
    this.#root = prompt.at(-1)!;
    this.#steps = 0;
  }

  propose(budget: number): DraftTree | Promise<DraftTree> {
    if (this.#steps >= 3) return this.#misbehave(this.#root, budget);
    return this.#steps % 2 === 0 ? chain([this.#root, 1, 2]) : Promise.resolve(chain([this.#root, 3]));
  }

  observe({ emitted }: { readonly emitted: Int32Array }): void {
    this.#root = emitted.at(-1)!;
    this.#steps++;
  }
}

async function assertUsable(host: Host): Promise<void> {
  for (const draft of ['none', 'auto', new Moody((root) => rootOnly(root))] as const) {
    const generation = generate(host, PROMPT, { maxTokens: 20, draft });
    await generation.text();
    assert.equal(generation.tokens, EXPECTED);
  }
}

const cut = (array: Int32Array, length: number) => array.slice(0, length);
const BAD: Record<string, [misbehave: (root: number, budget: number) => unknown, code: string]> = {
  'throws an error': [
    () => {
      throw new Error('boom');
    },
    'drafter.failed',
  ],
  'throws nothing at all': [
    () => {
      throw undefined;
    },
    'drafter.failed',
  ],
  'rejects late': [() => new Promise((_, reject) => setTimeout(reject, 3, 'boom')), 'drafter.failed'],
  'gives undefined': [() => undefined, 'drafter.tree'],
  'gives a promise of null': [async () => null, 'drafter.tree'],
  'gives plain arrays': [(root) => ({ tokens: [root], parents: [-1] }), 'drafter.tree'],
  'gives an empty tree': [() => ({ tokens: new Int32Array(0), parents: new Int32Array(0) }), 'drafter.tree'],
  'gives too many nodes': [(root, budget) => chain([root, ...Array<number>(budget).fill(1)]), 'drafter.tree'],
  'gives unequal lengths': [
    (root) => ({ ...chain([root, 1]), parents: cut(chain([1, 1]).parents, 1) }),
    'drafter.tree',
  ],
  'gives a cycle': [(root) => ({ ...chain([root, 1, 2]), parents: Int32Array.of(-1, 2, 1) }), 'drafter.tree'],
  'gives a forest': [(root) => ({ ...chain([root, 1, 2]), parents: Int32Array.of(-1, -1, 1) }), 'drafter.tree'],
  'gives tokens beyond the vocabulary': [(root) => chain([root, VOCAB]), 'drafter.tree'],
  'gives negative tokens': [(root) => chain([root, -1]), 'drafter.tree'],
  'gives another root': [(root) => chain([(root + 1) % VOCAB, 1]), 'drafter.tree'],
  'gives scores that are no numbers': [
    (root) => ({ ...chain([root, 1]), scores: Float32Array.of(1, NaN) }),
    'drafter.tree',
  ],
};
for (const [title, [misbehave, code]] of Object.entries(BAD)) {
  test(`a drafter that ${title} after three steps ends the call with ${code}, and the session stays usable`, async () => {
    const host = newHost();
    for (const draft of [new Moody(misbehave), ['lookup', new Moody(misbehave)] as const]) {
      const generation = generate(host, PROMPT, { maxTokens: 20, draft });
      assert.is(await rejection(generation.text()), code);
      // Nothing is lost of what was generated before.
      const { tokens } = generation;
      assert.ok(tokens.length >= 3);
      assert.equal(tokens, EXPECTED.slice(0, tokens.length));
      await assertUsable(host);
    }
  });
}

test('a drafter that fails in prefill, begin or observe ends the call as well', async () => {
  const host = newHost();
  const boom = () => {
    throw new Error('boom');
  };
  const steady: Drafter = { name: 'steady', begin() {}, propose: () => chain([0]), observe() {} };
  for (const draft of [
    { ...steady, prefill: boom },
    { ...steady, begin: boom },
    { ...steady, propose: () => chain([3]), observe: boom },
  ]) {
    assert.is(await rejection(generate(host, PROMPT, { maxTokens: 20, draft }).text()), 'drafter.failed');
    await assertUsable(host);
  }
});

test('a drafter is told what is read of a prompt, block by block: all but the last token, and nothing that is in the cache', async () => {
  const host = hostOf(new MadeUpTarget(language, { vocab: VOCAB, maxNodes: 3 }));
  const told: (number | string)[] = [];
  const draft: Drafter = {
    name: 'listening',
    prefill: ({ prompt, start, count }) => void told.push(prompt.length, start, count),
    begin: () => void told.push('begin'),
    propose: () => rootOnly(0),
    observe() {},
  };
  const run = async (prompt: number[]) => {
    told.length = 0;
    await generate(host, prompt, { maxTokens: 1, draft }).text();
    return [...told];
  };
  assert.equal(await run([1, 2, 3, 4, 5, 6, 7, 8]), [8, 0, 3, 8, 3, 3, 8, 6, 1, 'begin']);
  assert.equal(await run([1, 2, 3, 4, 5, 0, 7, 8]), [8, 5, 2, 'begin']);
  assert.equal(await run([1, 2, 3, 4, 5, 0, 7, 8]), ['begin']);
});

test('a drafter that never answers holds its call until it is aborted, and no longer', async () => {
  const host = newHost();
  const hanging = new Moody(() => new Promise(() => {}));
  const generation = generate(host, PROMPT, { maxTokens: 20, draft: hanging, signal: AbortSignal.timeout(20) });
  // A timeout signal alone does not keep a process waiting.
  const awake = setTimeout(() => {}, 1000);
  const error = await generation.text().catch((reason: unknown) => reason);
  clearTimeout(awake);
  assert.is((error as Error).name, 'TimeoutError');
  await assertUsable(host);
});

test('what a drafter brings after an abort is dropped, a tree as well as an error', async () => {
  for (const settle of ['resolve', 'reject'] as const) {
    const host = newHost();
    let late = (): void => {};
    const slow = new Moody(
      (root) =>
        new Promise((resolve, reject) => {
          late = () => (settle === 'resolve' ? resolve(chain([root, 1])) : reject(new Error('late')));
        }),
    );
    const controller = new AbortController();
    const generation = generate(host, PROMPT, { maxTokens: 20, draft: slow, signal: controller.signal });
    const ended = generation.text().catch((reason: unknown) => reason);
    await new Promise((resolve) => setTimeout(resolve, 5));
    controller.abort();
    assert.is(((await ended) as Error).name, 'AbortError');
    const { length } = host.cache.target;
    late();
    await new Promise((resolve) => setTimeout(resolve, 2));
    assert.is(host.cache.target.length, length);
    await assertUsable(host);
  }
});

test('a slow drafter is waited for, and its tree is used', async () => {
  const host = newHost();
  let asked = 0;
  const slow = new Moody(async (root) => {
    await new Promise((resolve) => setTimeout(resolve, 1));
    asked++;
    return rootOnly(root);
  });
  const generation = generate(host, PROMPT, { maxTokens: 20, draft: slow });
  await generation.text();
  assert.equal(generation.tokens, EXPECTED);
  assert.ok(asked > 0);
});

test('trees with equal siblings are verified as well: the first of them counts', async () => {
  const host = newHost();
  const twins = new Moody((root) => ({ tokens: Int32Array.of(root, 4, 4, 4), parents: Int32Array.of(-1, 0, 0, 2) }));
  const generation = generate(host, PROMPT, { maxTokens: 20, draft: twins });
  await generation.text();
  assert.equal(generation.tokens, EXPECTED);
});

test.run();
