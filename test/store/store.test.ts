/** A store of text finds what a scan of all its documents finds, and reads no more of the file than it needs. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { StoreBuilder } from '../../src/store/build.ts';
import { BlockMiss } from '../../src/store/block-cache.ts';
import { DEPTH, HEADER_BYTES, layoutOf } from '../../src/store/format.ts';
import { openStore, type TextStore } from '../../src/store/store.ts';
import { rejection } from '../codes.ts';
import { assert, random, randomInt, test } from '../harness.ts';
import { randomDocuments, scan, slowSource, storeOf } from './texts.ts';

/** What a store finds after a text: the length of the match and all continuations. */
function found(store: TextStore, text: readonly number[]): Promise<{ length: number; texts: string[] }> {
  return Promise.resolve(
    store.run(() => {
      const { length, from, to } = store.find(text);
      const texts = Array.from({ length: to - from }, (_, i) => {
        const tokens: number[] = [];
        for (let at = store.place(from + i); tokens.length < 10; at++) {
          const token = store.tokenAt(at);
          if (token < 0) break;
          tokens.push(token);
        }
        return tokens.join();
      });
      return { length, texts };
    }),
  );
}

for (const [vocab, part] of [
  [2, 1],
  [3, 5],
  [300, 4096],
  [70_000, 3],
] as const) {
  test(`what is found equals what a scan finds: vocabulary of ${vocab}, sorted in parts of ${part} (seed ${vocab})`, async () => {
    const letters = Math.min(vocab, 4);
    const documents = randomDocuments(vocab, 12, 60, letters).map((document) =>
      document.map((token) => vocab - 1 - token),
    );
    const store = await openStore(storeOf(documents, vocab, part));
    const next = random(vocab + 1);
    for (let round = 0; round < 60; round++) {
      // Half of them ends of documents, so that long matches come up.
      const document = documents[randomInt(next, documents.length)]!;
      const start = document.slice(0, randomInt(next, document.length + 1));
      const text = [
        ...start,
        ...Array.from(
          { length: randomInt(next, 3) + (start.length === 0 ? 1 : 0) },
          () => vocab - 1 - randomInt(next, letters),
        ),
      ];
      const expected = scan(documents, text);
      const { length, texts } = await found(store, text);
      assert.is(length, expected.length, `round ${round}`);
      assert.equal(texts.sort(), expected.texts.sort(), `round ${round}`);
    }
  });
}

test('places are ordered by the 16 tokens before them, read backwards, then by position (seed 1)', async () => {
  const documents = [...randomDocuments(1, 6, 50, 2), Array(60).fill(1), Array(60).fill(1)];
  const text = documents.flatMap((document) => [...document, -1]);
  const before = (place: number) => {
    const keys: number[] = [];
    for (let at = place - 1; at >= 0 && text[at] !== -1 && keys.length < DEPTH; at--) keys.push(text[at]!);
    return keys;
  };
  const expected = text
    .flatMap((token, place) => (token !== -1 && place > 0 && text[place - 1] !== -1 ? [place] : []))
    .sort((a, b) => {
      const [x, y] = [before(a), before(b)];
      for (let i = 0; i < DEPTH; i++) if ((x[i] ?? -1) !== (y[i] ?? -1)) return (x[i] ?? -1) - (y[i] ?? -1);
      return a - b;
    });
  const file = storeOf(documents, 2);
  const { placesAt, places } = layoutOf(2, text.length, expected.length);
  assert.equal([...new Uint32Array(file.buffer, placesAt, places)], expected);
});

test('the parts that places are sorted in do not show in the file (seed 2)', () => {
  const documents = randomDocuments(2, 20, 80, 9);
  const whole = storeOf(documents, 9);
  for (const part of [1, 7, 100]) assert.equal(storeOf(documents, 9, part), whole);
});

test('a wrong order is seen: with the places reversed a search finds something else than the scan', async () => {
  const documents = randomDocuments(3, 10, 60, 2);
  const file = storeOf(documents, 2);
  const { placesAt } = layoutOf(
    2,
    documents.reduce((sum, { length }) => sum + length + 1, 0),
    0,
  );
  new Uint32Array(file.buffer, placesAt).reverse();
  const store = await openStore(file);
  let different = 0;
  for (const document of documents) {
    const text = document.slice(0, 9);
    if (text.length > 0 && (await found(store, text)).length !== scan(documents, text).length) different++;
  }
  assert.ok(different > 0);
});

test('a text of one token alone takes no longer to sort than another, and is found', async () => {
  const store = await openStore(storeOf([Array(20_000).fill(1)], 2));
  const { length, from, to } = await store.run(() => store.find([1, 1, 1]));
  assert.equal([length, to - from], [3, 20_000 - 3]);
});

test('an empty store, and one of empty documents, find nothing', async () => {
  for (const documents of [[], [[]], [[1], [2]]]) {
    const store = await openStore(storeOf(documents, 9));
    assert.is((await store.run(() => store.find([1]))).length, 0);
  }
});

test('a search reads blocks, not the file, and reads each once; what is in memory is found at once', async () => {
  const documents = randomDocuments(4, 400, 400, 50);
  const file = storeOf(documents, 50);
  const source = slowSource(file);
  const store = await openStore(source);
  assert.equal(
    source.reads.map(({ offset }) => offset),
    [0, HEADER_BYTES],
  );
  const text = documents[7]!.slice(0, 30);
  const first = store.run(() => store.find(text));
  assert.ok(first instanceof Promise);
  const { length } = await first;
  assert.is(length, scan(documents, text).length);
  const blocks = source.reads.slice(2);
  assert.ok(blocks.length * 4096 < file.length / 2, `${blocks.length} blocks of ${file.length} bytes`);
  assert.is(new Set(blocks.map(({ offset }) => offset)).size, blocks.length);
  const again = store.attempt(() => store.find(text));
  assert.not.instance(again, BlockMiss);
  assert.is(source.reads.length, 2 + blocks.length);
});

test('a file of a disk is read at once, gives what a source that is waited for gives, and is noticed when it is written into', async () => {
  const documents = randomDocuments(6, 400, 400, 50);
  const file = storeOf(documents, 50);
  const folder = mkdtempSync(join(tmpdir(), 'store-'));
  const path = join(folder, 'a.store');
  try {
    writeFileSync(path, file);
    const store = await openStore(path);
    const waited = await openStore(slowSource(file));
    for (const document of documents.slice(0, 40)) {
      const text = document.slice(0, 12);
      const now = store.attempt(() => store.find(text));
      assert.not.instance(now, BlockMiss);
      assert.equal(now, await waited.run(() => waited.find(text)));
      assert.equal(await found(store, text), await found(waited, text));
    }
    const other = await openStore(path);
    writeFileSync(path, file.subarray(0, file.length - 4));
    assert.is(
      await rejection((async () => other.run(() => other.find(documents[0]!.slice(0, 9))))()),
      'source.changed',
    );
    store.close();
    other.close();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('memory is fixed: the table and the cache, whatever is searched', async () => {
  const store = await openStore(slowSource(storeOf(randomDocuments(5, 300, 400, 50), 50)), { cacheBytes: 2 ** 25 });
  const { bytes } = store;
  for (let token = 0; token < 50; token++) await store.run(() => store.find([token]));
  assert.is(store.bytes, bytes);
  assert.ok(bytes <= 2 ** 25 + 4 * 51);
});

test('a builder refuses what is no token, and a vocabulary that is none', async () => {
  const builder = new StoreBuilder(10);
  for (const token of [10, -1, 1.5, Number.NaN, undefined as unknown as number]) {
    assert.is(await rejection((async () => builder.add([1, token]))()), 'prompt.token');
  }
  for (const vocab of [0, -1, 1.5, 2 ** 24 + 1]) {
    assert.is(await rejection((async () => new StoreBuilder(vocab))()), 'option.range');
  }
});

test.run();
