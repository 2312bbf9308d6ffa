/** Sources over memory, blobs and files; folders of every kind. HTTP has a test of its own. */
import { appendFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type ByteSource, bytesSource, readAll } from '../../src/formats/byte-source.ts';
import { type FileInput, type FolderInput, openFolder, openSource } from '../../src/formats/folder.ts';
import { assert, test } from '../harness.ts';
import { rejection } from './rejection.ts';

const bytes = Uint8Array.from({ length: 1000 }, (_, i) => i * 7);
const code = async (action: () => unknown) => (await rejection(action)).code;

const folder = await mkdtemp(join(tmpdir(), 'foretoken-'));
await mkdir(join(folder, 'heads'));
await writeFile(join(folder, 'a b#c.bin'), bytes);
await writeFile(join(folder, 'heads', 'one.bin'), bytes.subarray(1));
test.after(() => rm(folder, { recursive: true }));

/** What every source promises. */
async function checkSource(source: ByteSource): Promise<void> {
  assert.is(source.size, bytes.length);
  for (const [offset, length] of [
    [0, 1000],
    [999, 1],
    [0, 0],
    [1000, 0],
    [300, 33],
    [10, 5],
  ] as const) {
    assert.equal([...(await source.read(offset, length))], [...bytes.subarray(offset, offset + length)]);
  }
  for (const [offset, length] of [
    [-1, 1],
    [0, 1001],
    [1000, 1],
    [0.5, 1],
    [0, -1],
    [NaN, 1],
    [0, Infinity],
    [2 ** 53, 1],
  ] as const) {
    assert.is(await code(() => source.read(offset, length)), 'source.bounds', `${length} at ${offset}`);
  }
  const reason = new Error('enough');
  const outcome = await source.read(0, 10, AbortSignal.abort(reason)).catch((error: unknown) => error);
  assert.is(outcome, reason);
}

test('bytes, buffers, blobs and files give the bytes asked for, and nothing outside them', async () => {
  const path = join(folder, 'a b#c.bin');
  for (const input of [
    bytes,
    bytes.buffer,
    new Blob([bytes]),
    new File([bytes], 'x.bin'),
    path,
    pathToFileURL(path),
    pathToFileURL(path).href,
    bytesSource(bytes, 'own'),
  ] satisfies FileInput[]) {
    await checkSource(await openSource(input));
  }
});

test('a file that is missing, a folder, or changed while it is read is told apart', async () => {
  assert.is(await code(() => openSource(join(folder, 'none'))), 'source.missing');
  assert.is(await code(() => openSource(join(folder, 'a b#c.bin', 'none'))), 'source.missing');
  assert.is(await code(() => openSource(folder)), 'source.read');
  assert.is(await code(() => openSource('a\0b')), 'source.read');
  const path = join(folder, 'growing');
  await writeFile(path, bytes);
  const source = await openSource(path);
  await appendFile(path, bytes);
  assert.is(await code(() => source.read(0, 10)), 'source.changed');
});

test('what is neither a path, a URL nor bytes is refused', async () => {
  for (const input of ['', null, undefined, 7, true, Symbol('x'), () => bytes]) {
    assert.is(await code(() => openSource(input as FileInput)), 'source.kind');
    assert.is(await code(() => openFolder(input as FolderInput)), 'source.kind');
  }
  assert.is(await code(() => openSource('http://[')), 'source.kind');
  assert.is(await code(async () => (await openFolder({ a: 7 } as never)).file('a')), 'source.kind');
  assert.is(await code(() => openFolder([bytes] as never)), 'source.kind');
});

test('a folder finds its files by name, whatever it is made of', async () => {
  const files = [new File([bytes], 'a b#c.bin')];
  const picked = new File([bytes.subarray(1)], 'one.bin');
  Object.defineProperty(picked, 'webkitRelativePath', { value: 'model/heads/one.bin' });
  const own = await openFolder({ 'a b#c.bin': bytes, 'heads/one.bin': bytes.subarray(1) });
  for (const input of [
    folder,
    `${folder}/`,
    pathToFileURL(folder),
    pathToFileURL(`${folder}/`).href,
    [...files, picked],
    new Set([...files, picked]),
    new Map([
      ['a b#c.bin', bytes],
      ['heads/one.bin', bytes.subarray(1)],
    ]),
    { 'a b#c.bin': new Blob([bytes]), 'heads/one.bin': bytesSource(bytes.subarray(1), 'x') },
    own,
  ] satisfies FolderInput[]) {
    const opened = await openFolder(input);
    await checkSource((await opened.file('a b#c.bin'))!);
    assert.is((await opened.file('heads/one.bin'))!.size, 999);
    assert.is(await opened.file('none'), undefined);
    assert.is(await opened.file('constructor'), undefined);
    opened.close?.();
  }
});

test('no name leads out of a folder', async () => {
  const names = [
    '',
    '.',
    '..',
    '../a',
    'heads/../../a',
    '/etc/passwd',
    'a//b',
    'heads/',
    'a\\b',
    'C:a',
    'a\0',
    'http://a/b',
    'a\nb',
  ];
  for (const opened of [await openFolder(folder), await openFolder({}), await openFolder('http://localhost:1')]) {
    for (const name of names) assert.is(await code(() => opened.file(name)), 'source.name', JSON.stringify(name));
  }
});

test('a folder that does not exist, and two files of one name, are refused', async () => {
  assert.is(await code(() => openFolder(join(folder, 'none'))), 'source.missing');
  assert.is(await code(() => openFolder(join(folder, 'a b#c.bin'))), 'source.missing');
  assert.is(await code(() => openFolder([new File([], 'a'), new File([], 'a')])), 'source.duplicate');
});

test('a small file is read whole, a large one is refused before it is read', async () => {
  let reads = 0;
  const inner = bytesSource(bytes, 'x');
  const source: ByteSource = {
    ...inner,
    read(...where) {
      reads++;
      return inner.read(...where);
    },
  };
  assert.equal([...(await readAll(source, 1000))], [...bytes]);
  assert.is(await code(() => readAll(source, 999)), 'source.size');
  assert.is(reads, 1);
});

test.run();
