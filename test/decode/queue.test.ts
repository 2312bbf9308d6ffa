/** Turns on one model. */
import { ForetokenError } from '../../src/errors.ts';
import { Queue, type Release } from '../../src/decode/queue.ts';
import { rejection } from '../codes.ts';
import { assert, test } from '../harness.ts';

const settle = () => new Promise<void>((resolve) => setTimeout(resolve, 1));

test('calls take turns in order of asking', async () => {
  const queue = new Queue();
  const order: string[] = [];
  const call = async (name: string) => {
    const release = await queue.acquire();
    order.push(`${name} begins`);
    await settle();
    order.push(`${name} ends`);
    release();
  };
  await Promise.all(['a', 'b', 'c'].map(call));
  assert.equal(order, ['a begins', 'a ends', 'b begins', 'b ends', 'c begins', 'c ends']);
});

test('a newcomer cannot slip in between a release and the next in line', async () => {
  const queue = new Queue();
  const first = await queue.acquire();
  const order: string[] = [];
  const second = queue.acquire().then((release) => {
    order.push('second');
    release();
  });
  first();
  const third = queue.acquire().then((release) => {
    order.push('third');
    release();
  });
  await Promise.all([second, third]);
  assert.equal(order, ['second', 'third']);
});

test('with concurrency error the second call fails, and a later one succeeds', async () => {
  const queue = new Queue('error');
  const release = await queue.acquire();
  assert.is(await rejection(queue.acquire()), 'session.busy');
  release();
  (await queue.acquire())();
});

test('giving back twice does not give away the turn of another', async () => {
  const queue = new Queue();
  const first = await queue.acquire();
  const second = queue.acquire();
  const third = queue.acquire();
  first();
  first();
  const release = await second;
  let early = false;
  void third.then(() => (early = true));
  await settle();
  assert.not(early);
  release();
  (await third)();
});

test('an abort takes a waiting call out of the line', async () => {
  const queue = new Queue();
  const reason = new Error('enough');
  const controller = new AbortController();
  const release = await queue.acquire();
  const waiting = queue.acquire(controller.signal).catch((error: unknown) => error);
  const patient = queue.acquire();
  controller.abort(reason);
  assert.is(await waiting, reason);
  release();
  const turn: Release = await patient;
  turn();
  assert.is(await queue.acquire(AbortSignal.abort(reason)).catch((error: unknown) => error), reason);
});

test('an abort ends the turn of whoever holds it, once', async () => {
  const queue = new Queue();
  const controller = new AbortController();
  const release = await queue.acquire(controller.signal);
  const second = queue.acquire();
  const third = queue.acquire();
  controller.abort();
  release();
  const releaseSecond = await second;
  let early = false;
  void third.then(() => (early = true));
  await settle();
  assert.not(early);
  releaseSecond();
  (await third)();
});

test('a closed queue refuses everyone who waits and who comes later', async () => {
  const queue = new Queue();
  const error = new ForetokenError('model.disposed', 'closed');
  const release = await queue.acquire();
  const controller = new AbortController();
  const waiting = [queue.acquire(), queue.acquire(controller.signal)].map((call) => call.catch((caught) => caught));
  queue.close(error);
  assert.equal(await Promise.all(waiting), [error, error]);
  controller.abort();
  release();
  assert.is(await queue.acquire().catch((caught) => caught), error);
});

test.run();
