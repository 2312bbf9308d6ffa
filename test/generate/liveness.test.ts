/**
 * A host stays alive while the embedded model generates, a call can be stopped at any time, and what comes after it is untouched.
 * @module
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { load, type Model } from '../../src/index.ts';
import { assert, repositoryFile, test } from '../harness.ts';
import { rejection } from '../codes.ts';
import { embeddedModel } from './identical-outputs.ts';

const PROMPT = '/** Reads a file line by line. */\nexport function';
/** Enough for a second of work or more. So hot, all tokens are about as likely: whether the text ends early hangs on the seed, not on the weights. */
const LONG = { maxTokens: 1900, temperature: 100, seed: 3 } as const;
const SHORT = { maxTokens: 24 } as const;

const tokensOf = async (model: Model, prompt = PROMPT): Promise<readonly number[]> => {
  const generation = model.generate(prompt, SHORT);
  await generation.text();
  return generation.tokens;
};

const expected = await tokensOf(await embeddedModel('q8'));

/** The model answers as a fresh one does. */
async function assertUntouched(model: Model): Promise<void> {
  assert.equal(await tokensOf(model), expected);
}

for (const draft of ['none', 'auto'] as const) {
  test(`${draft}: AbortSignal.timeout(50) fires while tokens are generated, and throws its reason within a pass or two`, async () => {
    const model = await embeddedModel('q8');
    const generation = model.generate(PROMPT, { ...LONG, draft, signal: AbortSignal.timeout(50) });
    const started = performance.now();
    const error = await generation.text().catch((reason) => reason);
    assert.is(error.name, 'TimeoutError');
    assert.ok(performance.now() - started < 1000, `${performance.now() - started} ms`);
    assert.is(generation.finishReason, 'abort');
    assert.ok(generation.tokens.length < LONG.maxTokens);
    await assertUntouched(model);
  });

  test(`${draft}: a timer ticks all the while`, async () => {
    const model = await embeddedModel('q8');
    let [longest, last, ticks] = [0, performance.now(), 0];
    const timer = setInterval(() => {
      const now = performance.now();
      longest = Math.max(longest, now - last);
      last = now;
      ticks++;
    }, 5);
    const started = performance.now();
    await model.generate(PROMPT, { ...LONG, draft, maxTokens: 600 }).text();
    const elapsed = performance.now() - started;
    clearInterval(timer);
    // Without a macrotask between passes there would be no tick at all.
    assert.ok(ticks >= elapsed / 200, `${ticks} ticks in ${elapsed} ms, the longest wait ${longest} ms`);
  });

  test(`${draft}: a loop that is left stops at once`, async () => {
    const model = await embeddedModel('q8');
    const generation = model.generate(PROMPT, { ...LONG, draft });
    let pieces = 0;
    for await (const _ of generation) if (++pieces === 3) break;
    const passes = generation.stats.passes;
    await new Promise((resolve) => setTimeout(resolve, 30));
    assert.is(generation.stats.passes, passes);
    assert.is(generation.finishReason, 'abort');
    await assertUntouched(model);
  });
}

test('loading files that are in memory can be stopped, too', async () => {
  const folder = repositoryFile('weights/foretoken-code');
  const names = ['config.json', 'model.safetensors', 'tokenizer.json'];
  const files = new Map(names.map((name) => [name, new Uint8Array(readFileSync(join(folder, name)))]));
  const loading = load(files, { dtype: 'q8', signal: AbortSignal.timeout(1) });
  assert.is((await loading.catch((error) => error)).name, 'TimeoutError');
});

test('an abort during prefill stops it, and nothing of the prompt is lost or doubled', async () => {
  const model = await embeddedModel('q8');
  const prompt = 'const value = 1;\n'.repeat(150);
  const controller = new AbortController();
  const reason = new Error('enough');
  const generation = model.generate(prompt, {
    ...SHORT,
    signal: controller.signal,
    onProgress: ({ done }) => done >= 128 && controller.abort(reason),
  });
  assert.is(await generation.text().catch((error) => error), reason);
  assert.is(generation.tokens.length, 0);
  assert.equal(await tokensOf(model, prompt), await tokensOf(await embeddedModel('q8'), prompt));
  await assertUntouched(model);
});

test('two calls at once on one model take turns, and neither changes the other', async () => {
  const model = await embeddedModel('q8');
  const other = 'class Queue {';
  const [first, second] = await Promise.all([tokensOf(model), tokensOf(model, other)]);
  assert.equal(first, expected);
  assert.equal(second, await tokensOf(await embeddedModel('q8'), other));
});

test('two calls at once on different conversations of one model take turns, and neither changes the other', async () => {
  const model = await embeddedModel('q8', { sessions: 2 });
  const conversations = [model.conversation(), model.conversation()];
  const results = await Promise.all(
    conversations.map(async (conversation) => {
      const generation = conversation.generate(PROMPT, SHORT);
      await generation.text();
      return generation.tokens;
    }),
  );
  assert.equal(results, [expected, expected]);
  assert.is(await rejection((async () => model.conversation())()), 'session.full');
});

test('a second call is refused where calls are not queued, and the first is unharmed', async () => {
  const model = await embeddedModel('q8', { concurrency: 'error' });
  const first = tokensOf(model);
  assert.is(await rejection(tokensOf(model)), 'session.busy');
  assert.equal(await first, expected);
  await assertUntouched(model);
});

test('the last positions of the context give the same tokens with and without drafts', async () => {
  const model = await embeddedModel('q8', { context: 96 });
  const long = model.tokenizer!.encode('let total = 0;\ntotal = total + 1;\n'.repeat(30));
  for (let room = 1; room <= 8; room++) {
    const prompt = long.subarray(0, 96 - room);
    const outputs = [];
    for (const draft of ['none', 'lookup', 'recycle', 'auto'] as const) {
      const generation = model.generate(prompt, { draft });
      await generation.text();
      outputs.push([generation.finishReason, ...generation.tokens]);
    }
    for (const output of outputs) assert.equal(output, outputs[0], `${room} positions left`);
    assert.is(outputs[0]!.length, 1 + room + 1, 'every position is used, and one token more is known');
  }
});

test('a conversation goes on from a snapshot, and from a fork, with the bits of the original', async () => {
  const model = await embeddedModel('q8', { sessions: 3 });
  const conversation = model.conversation();
  const first = conversation.generate(PROMPT, SHORT);
  const longer = PROMPT + (await first.text());
  const copies = [conversation.fork(), model.conversation(conversation.save())];
  const outputs = [];
  for (const each of [conversation, ...copies]) {
    const generation = each.generate(longer, SHORT);
    await generation.text();
    outputs.push(generation.tokens);
    assert.ok(generation.stats.cachedTokens > 0, 'the text so far is not computed again');
  }
  assert.equal(outputs[1], outputs[0]);
  assert.equal(outputs[2], outputs[0]);
  copies[0]!.dispose();
  assert.is(await rejection(copies[0]!.generate(longer, SHORT).text()), 'session.disposed');
  await model.conversation().generate(PROMPT, SHORT).text();
});

test('a call that waits behind one that nobody iterates goes on once that is aborted, and ends when the model is disposed', async () => {
  const model = await embeddedModel('q8');
  const controller = new AbortController();
  const paused = model.generate(PROMPT, { ...LONG, signal: controller.signal });
  await paused[Symbol.asyncIterator]().next();
  const second = tokensOf(model);
  controller.abort();
  assert.equal(await second, expected);
  assert.is((await paused.text().catch((error) => error)).name, 'AbortError');
  await assertUntouched(model);

  await model.generate(PROMPT, LONG)[Symbol.asyncIterator]().next();
  const waiting = rejection(tokensOf(model));
  model.dispose();
  assert.is(await waiting, 'model.disposed');
});

test('a disposed model ends the call that runs and refuses later ones', async () => {
  const model = await embeddedModel('q8', { sessions: 2 });
  const conversation = model.conversation();
  const running = model.generate(PROMPT, LONG);
  await running[Symbol.asyncIterator]().next();
  model.dispose();
  model.dispose();
  assert.is(await rejection(running.text()), 'session.disposed');
  assert.is(await rejection(conversation.generate(PROMPT).text()), 'model.disposed');
  assert.is(await rejection((async () => model.generate(PROMPT))()), 'model.disposed');
});

test.run();
