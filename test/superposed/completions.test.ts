/** Mixtures of tokens in the engine, to the bit; `completions` of a whole model; what both leave behind. */
import { type CompletionsOptions, load } from '../../src/index.ts';
import { openStore } from '../../src/drafters.ts';
import { PANEL } from '../../src/engine/opcodes.ts';
import { hasCode, rejection } from '../codes.ts';
import { assert, firstDifference, test } from '../harness.ts';
import { fixtureModel, fixturePath, prefill } from '../model/fixture-model.ts';
import { slowSource, storeOf } from '../store/texts.ts';

const ids = (...tokens: number[]) => Int32Array.from(tokens);
const PROMPT = [17, 4, 99, 300, 8, 17, 4];

test('a mixture of one token has the bits of the token, and so have two halves of it', async () => {
  for (const dtype of ['f32', 'q8'] as const) {
    const session = (await fixtureModel('test-300k', { dtype })).session();
    const alone = prefill(session, [...PROMPT, 42]).slice();
    session.truncate(PROMPT.length);
    for (const [tokens, weights] of [
      [ids(42), [1]],
      [ids(42, 42), [0.5, 0.5]],
      [ids(42, 42, 42, 42, 42, 42, 42, 42), Array(8).fill(0.125)],
    ] as const) {
      const rows = session.superpose(tokens, weights);
      assert.is(firstDifference(rows.logits(0), alone), -1, `${dtype}, ${tokens}`);
      session.commit(ids(0));
      assert.is(session.length, PROMPT.length + 1);
      session.truncate(PROMPT.length);
    }
  }
});

test('a mixture has the bits of a token whose embedding it is, also in the passes after it; other weights have not', async () => {
  const [mixed, written] = await Promise.all([
    fixtureModel('test-300k', { dtype: 'f32' }),
    fixtureModel('test-300k', { dtype: 'f32' }),
  ]);
  const { hidden } = written.config;
  const { address } = written.plan.weights.embedding;
  const table = new Float32Array(written.machines[0]!.memory.buffer, address);
  const place = (token: number, i: number) => (Math.floor(token / PANEL) * hidden + i) * PANEL + (token % PANEL);
  const [tokens, weights] = [
    [42, 7, 301],
    [0.5, 0.3, 0.2],
  ];
  const CHANGED = 500;
  const mean = Float32Array.from({ length: hidden }, (_, i) =>
    tokens
      .map((token, t) => Math.fround(table[place(token, i)]! * Math.fround(weights[t]!)))
      .reduce((sum, part) => Math.fround(sum + part)),
  );
  mean.forEach((value, i) => {
    table[place(CHANGED, i)] = value;
  });
  const [session, other] = [mixed.session(), written.session()];
  prefill(session, PROMPT);
  prefill(other, PROMPT);
  const known = (logits: Float32Array) => logits.filter((_, id) => id !== CHANGED); // the head is the embedding
  const rows = session.superpose(ids(...tokens), weights);
  const expected = prefill(other, [CHANGED]);
  assert.is(firstDifference(known(rows.logits(0)), known(expected)), -1);
  session.commit(ids(0));
  assert.is(firstDifference(known(prefill(session, [3, 9])), known(prefill(other, [3, 9]))), -1);
  session.truncate(PROMPT.length);
  const wrong = session.superpose(ids(...tokens), [0.5, 0.2, 0.3]);
  assert.is.not(firstDifference(known(wrong.logits(0)), known(expected)), -1);
});

test('mixtures that are none are refused, and the session works on', async () => {
  const session = (await fixtureModel('test-300k', { maxNodes: 4, context: 8 })).session();
  prefill(session, PROMPT);
  assert.throws(() => session.superpose(ids(), []), hasCode('tree.size'));
  assert.throws(() => session.superpose(ids(1, 2, 3, 4, 5), [1, 1, 1, 1, 1]), hasCode('tree.size'));
  assert.throws(() => session.superpose(ids(1, 2), [1]), hasCode('tree.size'));
  assert.throws(() => session.superpose(ids(1, 512), [0.5, 0.5]), hasCode('tree.token'));
  session.superpose(ids(1, 2), [0.5, 0.5]);
  session.commit(ids(0));
  assert.throws(() => session.superpose(ids(1), [1]), hasCode('context.full'));
});

const model = await load(fixturePath('test-300k'), { context: 128, sessions: 2 });
const { vocab } = model.config;
const plain = async (prompt: readonly number[], maxTokens: number) => {
  const generation = model.generate(prompt, { maxTokens, draft: 'none' });
  await generation.text();
  return generation.tokens;
};

test('one completion is the greedy text', async () => {
  const [only] = await model.completions(PROMPT, { n: 1, maxTokens: 12 });
  assert.equal(only!.tokens, await plain(PROMPT, 12));
  assert.is(only!.finishReason, 'length');
  assert.is(only!.score, 0);
});

test('completions are different, best first, the same again, and of as many tokens as asked for', async () => {
  for (const n of [2, 3, 8]) {
    const found = await model.completions(PROMPT, { n, maxTokens: 6 });
    assert.is(found.length, n);
    assert.is(new Set(found.map(({ tokens }) => tokens.join())).size, n);
    assert.ok(found.every(({ tokens }) => tokens.length === 6));
    assert.ok(found.every(({ score }, i) => score <= 0 && score <= (found[i - 1]?.score ?? 0)));
    assert.equal(await model.completions(PROMPT, { n, maxTokens: 6 }), found);
  }
});

test('after completions the next generation has the bits of a fresh session, and takes the prompt from the cache', async () => {
  const fresh = await plain([...PROMPT, 5], 8);
  await model.completions([...PROMPT, 5]);
  const generation = model.generate([...PROMPT, 5], { maxTokens: 8, draft: 'none' });
  await generation.text();
  assert.equal(generation.tokens, fresh);
  assert.is(generation.stats.cachedTokens, PROMPT.length);
});

test('a store decides which continuation goes on how, read from memory or slowly', async () => {
  const sentence = [8, 17, 4, 211, 212, 213, 214, 215, 216];
  const without = await model.completions(PROMPT, { maxTokens: 4 });
  // What the model likes best of all goes on as in the store, where the store has it.
  const first = without.map(({ tokens }) => tokens[0]!);
  const documents = first.map((token) => [...sentence.slice(0, 3), token, ...without[0]!.tokens.slice(1)]);
  const file = storeOf(documents, vocab);
  const fast = await model.completions(PROMPT, { maxTokens: 4, store: await openStore(file) });
  const slow = await model.completions(PROMPT, { maxTokens: 4, store: await openStore(slowSource(file)) });
  assert.equal(slow, fast);
  assert.not.equal(
    fast.map(({ score }) => score),
    without.map(({ score }) => score),
  );
  const none = await model.completions(PROMPT, { maxTokens: 4, store: await openStore(file), storeShare: 0 });
  assert.not.equal(none, fast);
});

test('an abort between two passes throws its reason, and leaves no mixture behind', async () => {
  const conversation = model.conversation();
  const abort = new AbortController();
  // As if each pass took longer than others may wait: real ones are done with 100 tokens before anybody gets a turn.
  const { now } = performance;
  let time = now.call(performance);
  performance.now = () => (time += 20);
  try {
    const call = conversation.completions(PROMPT, { maxTokens: 100, signal: abort.signal });
    setImmediate(() => abort.abort(new Error('enough')));
    assert.is(await rejection(call), 'Error: enough');
  } finally {
    performance.now = now;
  }
  assert.is(conversation.target.length, conversation.save().tokens.length);
  const generation = conversation.generate(PROMPT, { maxTokens: 8, draft: 'none' });
  await generation.text();
  assert.equal(generation.tokens, await plain(PROMPT, 8));
  conversation.dispose();
});

test('options are checked, and prompts', async () => {
  const wrong: readonly (readonly [options: object, code: string])[] = [
    [{ n: 0 }, 'option.range'],
    [{ n: 9 }, 'option.range'],
    [{ n: 1.5 }, 'option.range'],
    [{ n: '3' }, 'option.type'],
    [{ maxTokens: 0 }, 'option.range'],
    [{ temperature: 0 }, 'option.range'],
    [{ storeShare: 2 }, 'option.range'],
    [{ store: {} }, 'option.type'],
    [{ signal: 1 }, 'option.type'],
    [{ draft: 'none' }, 'option.unknown'],
  ];
  for (const [options, code] of wrong) {
    assert.is(await rejection(model.completions(PROMPT, options as CompletionsOptions)), code, JSON.stringify(options));
  }
  assert.is(await rejection(model.completions([])), 'prompt.length');
  assert.is(await rejection(model.completions('text')), 'prompt.tokenizer');
});

test.run();
