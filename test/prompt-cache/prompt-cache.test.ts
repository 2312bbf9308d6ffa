/** The prompt cache: what it finds is the longest, has the bits of computing it, and outlives a process. */
import type { Model, Snapshot } from '../../src/index.ts';
import { PromptCache } from '../../src/prompt-cache.ts';
import { chatModel } from '../chat/chat-model.ts';
import { hasCode, rejection } from '../codes.ts';
import { assert, random, randomInt, test } from '../harness.ts';

const snapshot = (...tokens: number[]): Snapshot => ({ tokens, cache: new Uint8Array(4 * tokens.length) });
const ENTRY = 8; // bytes a token of these

function cacheOf(bytes: number, ...snapshots: Snapshot[]): PromptCache {
  const cache = new PromptCache({ bytes });
  for (const one of snapshots) cache.add(one);
  return cache;
}

test('the snapshot with the longest common beginning is found, also where it goes on otherwise', () => {
  const [long, short, branch] = [snapshot(1, 2, 3, 4, 5), snapshot(1, 7), snapshot(1, 2, 9, 9)];
  const cache = cacheOf(1e6, long, short, branch);
  assert.is(cache.find([1, 2, 9, 8]), branch);
  assert.is(cache.find([1, 2, 3]), long);
  assert.is(cache.find([1, 7, 7]), short);
  assert.is(cache.find([2, 1]), undefined);
  assert.is(cache.find([]), undefined);
});

test('a beginning is not kept beside what goes on from it, whichever comes first', () => {
  const [long, short] = [snapshot(1, 2, 3), snapshot(1, 2)];
  const grown = cacheOf(1e6, short, long);
  assert.is(grown.size, 1);
  assert.is(grown.find([1]), long);
  assert.is(grown.bytes, 3 * ENTRY);
  const known = cacheOf(1e6, long);
  assert.is(known.add(short), false);
  assert.is(known.add(snapshot(1, 2, 3)), false);
  assert.is(known.size, 1);
});

test('what was used longest ago goes first, and no more than the bytes are kept', () => {
  const [a, b, c] = [snapshot(1, 1), snapshot(2, 2), snapshot(3, 3)];
  const cache = cacheOf(2 * 2 * ENTRY, a, b);
  assert.is(cache.find([1]), a);
  assert.ok(cache.add(c));
  assert.is(cache.find([2]), undefined, 'b was used longest ago');
  assert.is(cache.find([1]), a);
  assert.is(cache.find([3]), c);
  assert.is(cache.add(snapshot(4, 4, 4, 4, 4)), false, 'more than all may take');
  assert.is(cache.bytes, 2 * 2 * ENTRY);
});

for (const seed of [1, 2, 3]) {
  test(`random snapshots and prompts: as searching all that may be there (seed ${seed})`, () => {
    const next = random(seed);
    const cache = new PromptCache({ bytes: 40 * ENTRY });
    const tokens = () => Array.from({ length: 1 + randomInt(next, 8) }, () => randomInt(next, 3));
    let kept: Snapshot[] = []; // the least recently used first
    const startsWith = (a: readonly number[], b: readonly number[]) => b.every((token, i) => a[i] === token);
    for (let step = 0; step < 300; step++) {
      if (next() < 0.5) {
        const added = snapshot(...tokens());
        const covered = kept.find((one) => startsWith(one.tokens, added.tokens));
        kept = kept.filter((one) => one !== covered && !startsWith(added.tokens, one.tokens));
        kept.push(covered ?? added);
        if (!covered) while (kept.reduce((sum, one) => sum + one.tokens.length, 0) > 40) kept.shift();
        assert.is(cache.add(added), !covered);
      } else {
        const prompt = tokens();
        const shared = (one: Snapshot) =>
          Math.max(...prompt.map((_, i) => (startsWith(one.tokens, prompt.slice(0, i + 1)) ? i + 1 : 0)));
        const best = Math.max(0, ...kept.map(shared));
        const found = cache.find(prompt);
        assert.is(found ? shared(found) : 0, best);
        if (found) kept = [...kept.filter((one) => one !== found), found];
      }
      assert.is(cache.size, kept.length);
    }
  });
}

const PROMPT = 'The quick brown fox jumps over the lazy dog, and then';

/** Tokens and log probabilities of a generation. */
async function bitsOf(generation: ReturnType<Model['generate']>): Promise<readonly number[]> {
  const bits: number[] = [];
  for await (const { tokens, logprobs } of generation) bits.push(...tokens, ...logprobs!.map(({ logprob }) => logprob));
  return bits;
}

const OPTIONS = { maxTokens: 10, logprobs: 1, draft: 'none' } as const;

test('what is loaded has the bits of computing it, for every prompt that shares a beginning, also from saved bytes', async () => {
  const model = await chatModel(undefined, { sessions: 2 });
  const cache = new PromptCache();
  const first = cache.conversation(model, PROMPT);
  await first.generate(PROMPT, OPTIONS).text();
  assert.ok(cache.add(first.save()));
  first.dispose();

  const loaded = new PromptCache();
  loaded.load(cache.save());
  assert.is(loaded.bytes, cache.bytes);
  for (const store of [cache, loaded]) {
    for (const prompt of [
      PROMPT,
      `${PROMPT} it sleeps`,
      PROMPT.slice(0, 20),
      `${PROMPT.slice(0, 20)}XYZ`,
      'T',
      'none',
    ]) {
      const [known, fresh] = [store.conversation(model, prompt), model.conversation()];
      const generation = known.generate(prompt, OPTIONS);
      assert.equal(await bitsOf(generation), await bitsOf(fresh.generate(prompt, OPTIONS)), prompt);
      const shared = [...prompt].findIndex((character, i) => character !== PROMPT[i]);
      const common = shared < 0 ? Math.min(prompt.length, PROMPT.length) : shared;
      assert.is(generation.stats.cachedTokens, Math.min(common, prompt.length - 1), prompt);
      known.dispose();
      fresh.dispose();
    }
  }
});

test('a fault in what is kept is seen by that comparison', async () => {
  const model = await chatModel();
  const conversation = model.conversation();
  const expected = await bitsOf(conversation.generate(PROMPT, OPTIONS));
  const { tokens, cache } = conversation.save();
  conversation.dispose();
  const changed = cache.slice();
  changed.fill(0x3f, 1000, 1004);
  const store = cacheOf(1e9, { tokens, cache: changed });
  assert.not.equal(await bitsOf(store.conversation(model, PROMPT).generate(PROMPT, OPTIONS)), expected);
});

test('snapshots of another model are refused when they are loaded, and the session stays free', async () => {
  const [q8, f32] = [await chatModel(undefined, { kv: 'q8' }), await chatModel()];
  const conversation = q8.conversation();
  await conversation.generate(PROMPT, OPTIONS).text();
  const store = cacheOf(1e9, conversation.save());
  assert.throws(() => store.conversation(f32, PROMPT), hasCode('session.snapshot'));
  assert.is(await rejection(f32.generate(PROMPT, OPTIONS).text()), 'no error');
});

test('bytes that are no prompt cache, or are damaged, are refused at every place, and nothing is added', () => {
  const bytes = cacheOf(1e6, snapshot(1, 2, 3), snapshot(4)).save();
  const cache = new PromptCache();
  const refused = (wrong: Uint8Array, why: string) => {
    assert.throws(() => cache.load(wrong), hasCode('cache.file'), why);
    assert.is(cache.size, 0);
  };
  for (let at = 0; at < bytes.length; at++) {
    const wrong = bytes.slice();
    wrong[at]! ^= 0x41;
    refused(wrong, `byte ${at}`);
    refused(bytes.slice(0, at), `${at} bytes`);
  }
  refused(Uint8Array.of(...bytes, 0, 0, 0, 0), 'a word more');
  refused('no' as unknown as Uint8Array, 'a text');
  // Whoever writes the check, too, still cannot make it read beyond the end.
  for (const [word, value] of [
    [3, 3],
    [3, 2 ** 31],
    [4, 2 ** 30],
    [4, 0],
    [5, 2 ** 31],
    [5, 3],
  ] as const) {
    const wrong = bytes.slice();
    const words = new Uint32Array(wrong.buffer);
    words[word] = value;
    words[2] = checkOf(words);
    refused(wrong, `word ${word} is ${value}`);
  }
  const shifted = new Uint8Array(bytes.length + 1);
  shifted.set(bytes, 1);
  cache.load(shifted.subarray(1));
  assert.is(cache.size, 2, 'at an odd address');
});

/** FNV-1a over the words after the third. */
function checkOf(words: Uint32Array): number {
  return words.subarray(3).reduce((hash, word) => Math.imul(hash ^ word, 0x01000193), 0x811c9dc5 | 0) >>> 0;
}

test('options are checked', () => {
  for (const [options, code] of [
    [{ bytes: 0 }, 'option.range'],
    [{ bytes: 1.5 }, 'option.range'],
    [{ bytes: '1' }, 'option.type'],
    [{ size: 1 }, 'option.unknown'],
  ] as const) {
    assert.throws(() => new PromptCache(options as object), hasCode(code));
  }
  for (const wrong of [
    undefined,
    {},
    { tokens: [1], cache: new Uint8Array(3) },
    { tokens: 'a', cache: new Uint8Array(4) },
  ]) {
    assert.throws(() => new PromptCache().add(wrong as Snapshot), hasCode('session.snapshot'));
  }
});

test.run();
