/** Stores that are no stores, or damaged ones: each has its code, before memory is reserved, and no search runs away. */
import type { ByteSource } from '../../src/formats/byte-source.ts';
import { HEADER_BYTES, layoutOf } from '../../src/store/format.ts';
import { openStore, type TextStore } from '../../src/store/store.ts';
import { rejection } from '../codes.ts';
import { assert, random, randomInt, test } from '../harness.ts';
import { randomDocuments, storeOf } from './texts.ts';

const VOCAB = 9;
const documents = randomDocuments(1, 8, 40, VOCAB);
const good = storeOf(documents, VOCAB);
const tokens = documents.reduce((sum, { length }) => sum + length + 1, 0);
const { tokensAt, placesAt } = layoutOf(VOCAB, tokens, 0);

/** The good store with a 32-bit number replaced. */
function withWord(offset: number, value: number): Uint8Array {
  const file = good.slice();
  new DataView(file.buffer).setUint32(offset, value, true);
  return file;
}

const opening = (file: Uint8Array | ByteSource, options = {}) => rejection(openStore(file, options));

test('the store that is damaged below is a good one', async () => {
  assert.is(await opening(good), 'no error');
});

test('every beginning of a store is refused, and every longer file', async () => {
  for (let length = 0; length < good.length; length += length < 140 ? 1 : 37) {
    const code = await opening(good.slice(0, length));
    assert.is(code, length < HEADER_BYTES ? 'store.format' : 'store.size', `${length} bytes`);
  }
  assert.is(await opening(Uint8Array.from([...good, 0, 0, 0, 0])), 'store.size');
});

const HEADERS: readonly (readonly [what: string, offset: number, value: number, code: string])[] = [
  ['another kind of file', 0, 0x46554747, 'store.format'],
  ['version 0', 8, 0, 'store.version'],
  ['version 2', 8, 2, 'store.version'],
  ['tokens of 3 bytes', 12, 3, 'store.header'],
  ['tokens of 4 bytes where 2 do', 12, 4, 'store.header'],
  ['no vocabulary', 16, 0, 'store.header'],
  ['a vocabulary beyond all', 16, 0xffffffff, 'store.header'],
  ['a larger vocabulary than the file has room for', 16, VOCAB + 1, 'store.size'],
  ['another depth', 20, 15, 'store.header'],
  ['more tokens', 24, tokens + 4, 'store.size'],
  ['tokens beyond all', 24, 0xffffffff, 'store.size'],
  ['more places than tokens', 28, tokens + 1, 'store.header'],
  ['no places', 28, 0, 'store.size'],
  ['a word that must be zero', 60, 1, 'store.header'],
  ['a table that does not begin at 0', HEADER_BYTES, 1, 'store.table'],
  ['a table that falls', HEADER_BYTES + 4, 0xffffffff, 'store.table'],
  ['a table that ends elsewhere', HEADER_BYTES + 4 * VOCAB, 1, 'store.table'],
];
for (const [what, offset, value, code] of HEADERS) {
  test(`${what}: ${code}`, async () => {
    assert.is(await opening(withWord(offset, value)), code);
  });
}

test('a header that promises a table of 64 MB is refused before anything of that size is read', async () => {
  const file = withWord(16, 2 ** 24);
  new DataView(file.buffer).setUint32(12, 4, true);
  const asked: number[] = [];
  const source: ByteSource = {
    name: 'promises',
    size: file.length,
    async read(offset, length) {
      asked.push(length);
      return file.slice(offset, offset + length);
    },
  };
  assert.is(await opening(source), 'store.size');
  assert.equal(asked, [HEADER_BYTES]);
});

/** Reads everything that a drafter may read. */
function readAll(store: TextStore): Promise<void> {
  return Promise.resolve(
    store.run(() => {
      for (let token = 0; token < VOCAB; token++) {
        const { from, to } = store.find([token, token]);
        for (let number = from; number < to; number++) store.tokenAt(store.place(number));
      }
    }),
  );
}

for (const position of [0, tokens, 0xffffffff]) {
  test(`a place at ${position} is refused when it is read`, async () => {
    const file = good.slice();
    new Uint32Array(file.buffer, placesAt).fill(position);
    assert.is(await rejection(readAll(await openStore(file))), 'store.offset');
  });
}

test('a token beyond the vocabulary is refused when it is read', async () => {
  const file = good.slice();
  new Uint16Array(file.buffer, tokensAt, tokens).fill(VOCAB);
  assert.is(await rejection(readAll(await openStore(file))), 'store.token');
});

test('whatever is damaged behind the header, a search ends: with an answer, or with a code of stores (seed 2)', async () => {
  const next = random(2);
  const codes = new Set<string>();
  for (let round = 0; round < 200; round++) {
    const file = good.slice();
    const from = round % 2 === 0 ? tokensAt : placesAt;
    for (let i = 0; i < 1 + randomInt(next, 30); i++)
      file[from + randomInt(next, file.length - from)] = randomInt(next, 256);
    codes.add(await rejection(readAll(await openStore(file))));
  }
  for (const code of codes) assert.ok(['no error', 'store.offset', 'store.token'].includes(code), code);
  assert.ok(codes.size === 3, [...codes].join());
});

test('a source that gives too few bytes, or fails, ends the search with its code, and the next one may succeed', async () => {
  let fault: 'none' | 'short' | 'fails' = 'none';
  const source: ByteSource = {
    name: 'moody',
    size: good.length,
    async read(offset, length) {
      if (fault === 'fails') throw new Error('the disk is gone');
      return good.slice(offset, offset + length - (fault === 'short' ? 1 : 0));
    },
  };
  const store = await openStore(source);
  fault = 'short';
  assert.is(await rejection(readAll(store)), 'source.read');
  fault = 'fails';
  assert.is(await rejection(readAll(store)), 'Error: the disk is gone');
  fault = 'none';
  assert.is(await rejection(readAll(store)), 'no error');
});

test('options that cannot be have codes', async () => {
  assert.is(await opening(good, { cacheBytes: '16' }), 'option.type');
  assert.is(await opening(good, { cacheBytes: 4096 }), 'option.range');
  assert.is(await opening(good, { cache: 1 }), 'option.unknown');
  assert.is(await opening(good, { signal: AbortSignal.abort(new Error('enough')) }), 'Error: enough');
  assert.is(await rejection(openStore('/nowhere/at/all.store')), 'source.missing');
});

test.run();
