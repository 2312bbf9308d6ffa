/** The host stays alive while passes run; a generation can be aborted and broken off, and the next call is as after a fresh load. */
import { generate, type Host } from '../../src/decode/generate.ts';
import type { GenerateOptions } from '../../src/decode/options.ts';
import { rejection } from '../codes.ts';
import { assert, test } from '../harness.ts';
import { hostOf, LETTERS } from './hosts.ts';
import { greedyTokens, madeUpLanguage, MadeUpTarget } from './made-up-target.ts';

const VOCAB = 9;
const language = madeUpLanguage(1, VOCAB);
const PROMPT = [1, 2, 3, 1, 2, 3];

/** A host on a target whose passes keep the processor busy. */
function busyHost(passMs: number, context = 4096): { host: Host; target: MadeUpTarget } {
  const target = new MadeUpTarget(language, { vocab: VOCAB, context, maxNodes: 8, passMs });
  return { host: hostOf(target, { texts: LETTERS }), target };
}

async function outcome(call: Promise<unknown>): Promise<unknown> {
  return call.then(
    () => 'no error',
    (error: unknown) => error,
  );
}

/** The next call on a host gives what a fresh one gives. */
async function assertUsable(host: Host): Promise<void> {
  const generation = generate(host, PROMPT, { maxTokens: 20 });
  await generation.text();
  assert.equal(generation.tokens, greedyTokens(language, PROMPT, 20));
  assert.is(host.cache.target.length, PROMPT.length + 19);
}

test('AbortSignal.timeout(50) fires while passes of 5 ms run, and its reason is thrown', async () => {
  for (const draft of ['none', 'auto'] as const) {
    const { host } = busyHost(5);
    const started = performance.now();
    const generation = generate(host, PROMPT, { draft, signal: AbortSignal.timeout(50) });
    const error = await outcome(generation.text());
    assert.is((error as Error).name, 'TimeoutError');
    const took = performance.now() - started;
    assert.ok(took >= 45 && took < 500, `${took} ms`);
    assert.is(generation.finishReason, 'abort');
    assert.ok(generation.tokens.length > 0);
    await assertUsable(host);
  }
});

test('an interval of 10 ms keeps ticking, also during a long prefill', async () => {
  for (const [prompt, options] of [
    [PROMPT, { maxTokens: 60 }],
    [Array(480).fill(1) as number[], { maxTokens: 1 }],
  ] as const) {
    const { host } = busyHost(5);
    let ticks = 0;
    const interval = setInterval(() => ticks++, 10);
    const started = performance.now();
    await generate(host, prompt, { draft: 'none', ...options }).text();
    const took = performance.now() - started;
    clearInterval(interval);
    assert.ok(ticks >= took / 50, `${ticks} ticks in ${took} ms`);
  }
});

test('giving the host its turns costs under 1 percent', async () => {
  // Passes of 1 ms: the loop's whole own time, turns included, is what is left of the total.
  const { host } = busyHost(1);
  const generation = generate(host, PROMPT, { draft: 'none', maxTokens: 200 });
  const started = performance.now();
  await generation.text();
  const { passMs, prefillMs } = generation.stats;
  const rest = performance.now() - started - passMs - prefillMs;
  // Other work on the machine may take its share of the 200 ms; the bound is for the machine, not for the loop.
  assert.ok(rest < 100, `${rest} ms beside ${passMs} ms of passes`);
});

test('an abort between pieces stops the generation at the next one', async () => {
  const { host, target } = busyHost(0);
  const controller = new AbortController();
  const reason = new Error('enough');
  const generation = generate(host, PROMPT, { draft: 'none', signal: controller.signal });
  let pieces = 0;
  const error = await outcome(
    (async () => {
      for await (const _ of generation) if (++pieces === 3) controller.abort(reason);
    })(),
  );
  assert.is(error, reason);
  assert.is(pieces, 3);
  assert.is(target.passes.length, 3);
  await assertUsable(host);
});

test('an aborted signal stops a call before its first pass, also in the prefill', async () => {
  const reason = new Error('enough');
  const { host, target } = busyHost(0);
  assert.is(await outcome(generate(host, PROMPT, { signal: AbortSignal.abort(reason) }).text()), reason);
  assert.equal(target.events, []);

  const controller = new AbortController();
  const options: GenerateOptions = {
    signal: controller.signal,
    onProgress: ({ done }) => done >= 16 && controller.abort(reason),
  };
  assert.is(await outcome(generate(host, Array(100).fill(1) as number[], options).text()), reason);
  assert.is(target.length, 16);
  await assertUsable(host);
});

test('leaving the loop stops within one pass, wherever it is left', async () => {
  for (const draft of ['none', 'lookup', 'auto'] as const) {
    for (let leaveAt = 1; leaveAt <= 5; leaveAt++) {
      const { host, target } = busyHost(0);
      const generation = generate(host, PROMPT, { draft });
      let pieces = 0;
      for await (const _ of generation) if (++pieces === leaveAt) break;
      const { length } = target.passes;
      assert.is(length, leaveAt);
      await new Promise((resolve) => setTimeout(resolve, 2));
      assert.is(target.passes.length, length);
      assert.is(generation.finishReason, 'abort');
      await assertUsable(host);
    }
  }
});

test('what was iterated is part of the text, and the text can be asked for twice', async () => {
  const { host } = busyHost(0);
  const generation = generate(host, PROMPT, { maxTokens: 12 });
  for await (const { text } of generation) {
    assert.ok(text.length > 0);
    break;
  }
  const text = await generation.text();
  assert.is(text, await generation.text());
  assert.is(text, generation.tokens.map((token) => LETTERS[token]).join(''));
});

test('nothing runs before a generation is iterated', async () => {
  const { host, target } = busyHost(0);
  generate(host, PROMPT);
  await new Promise((resolve) => setTimeout(resolve, 2));
  assert.equal(target.events, []);
  await assertUsable(host);
});

test('two calls at once run one after the other, with the tokens of each alone', async () => {
  const { host, target } = busyHost(0);
  const other = [4, 5, 6, 4, 5];
  const first = generate(host, PROMPT, { maxTokens: 15 });
  const second = generate(host, other, { maxTokens: 15 });
  await Promise.all([first.text(), second.text()]);
  assert.equal(first.tokens, greedyTokens(language, PROMPT, 15));
  assert.equal(second.tokens, greedyTokens(language, other, 15));
  assert.is(target.length, other.length + 14);
});

test('two calls at once on two sessions share the turn, with the tokens of each alone', async () => {
  const { host } = busyHost(0);
  const session = { ...host, cache: busyHost(0).host.cache };
  const other = [4, 5, 6, 4, 5];
  const [first, second] = [generate(host, PROMPT, { maxTokens: 15 }), generate(session, other, { maxTokens: 15 })];
  const order: string[] = [];
  const read = async (name: string, generation: typeof first) => {
    for await (const _ of generation) order.push(name);
  };
  await Promise.all([read('first', first), read('second', second)]);
  assert.equal(order, [...order].sort());
  assert.equal(first.tokens, greedyTokens(language, PROMPT, 15));
  assert.equal(second.tokens, greedyTokens(language, other, 15));
});

test('where calls are refused, the second one fails with session.busy and the first one goes on', async () => {
  const target = new MadeUpTarget(language, { vocab: VOCAB });
  const host = hostOf(target, { concurrency: 'error' });
  const first = generate(host, PROMPT, { maxTokens: 15 });
  const second = generate(host, PROMPT, { maxTokens: 15 });
  const [, code] = await Promise.all([first.text(), rejection(second.text())]);
  assert.is(code, 'session.busy');
  assert.equal(first.tokens, greedyTokens(language, PROMPT, 15));
  await assertUsable(host);
});

test('whoever holds the last piece may begin the next call, even while calls are refused', async () => {
  const host = hostOf(new MadeUpTarget(language, { vocab: VOCAB }), { concurrency: 'error' });
  const generation = generate(host, PROMPT, { maxTokens: 6 });
  let seen = 0;
  for await (const _ of generation) {
    if (generation.finishReason) {
      await assertUsable(host);
      seen++;
    }
  }
  assert.is(seen, 1);
});

test('an error in a callback ends the call alone', async () => {
  const { host } = busyHost(0);
  const boom = new Error('boom');
  const onProgress = () => {
    throw boom;
  };
  assert.is(await outcome(generate(host, PROMPT, { onProgress }).text()), boom);
  await assertUsable(host);
});

test.run();
