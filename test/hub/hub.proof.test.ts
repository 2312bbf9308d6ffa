/** Models by their id, from a hub on this machine: what is asked of it, what is kept, what it may answer. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ByteSource } from '../../src/formats/byte-source.ts';
import type { Folder } from '../../src/formats/folder.ts';
import { BLOCK_BYTES } from '../../src/hub/blocks.ts';
import { openHub } from '../../src/hub/open-hub.ts';
import type { HubOptions } from '../../src/hub/options.ts';
import { estimate, load } from '../../src/load.ts';
import { rejection } from '../formats/rejection.ts';
import { rangedAnswer, rangeOf } from '../formats/http-server.ts';
import { assert, random, randomInt, repositoryFile, test } from '../harness.ts';
import { COMMIT, etagOf, LATER, serveHub, type TestHub } from './hub-server.ts';

const next = random(3);
/** Three blocks and a piece of one. */
const large = Uint8Array.from({ length: 3 * BLOCK_BYTES + 12_345 }, () => randomInt(next, 256));
const fixture = (name: string) => new Uint8Array(readFileSync(repositoryFile(`test/fixtures/${name}`)));
const MODEL = 'models/sharded';
const model = Object.fromEntries(
  readdirSync(repositoryFile(`test/fixtures/${MODEL}`)).map((name) => [name, fixture(`${MODEL}/${name}`)]),
);
const text = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

interface Scene {
  readonly hub: TestHub;
  readonly options: Required<Pick<HubOptions, 'url'>> & { cache: string };
}

/** A hub and an empty cache. */
async function scene(files: Record<string, Uint8Array>, use: (scene: Scene) => Promise<void>): Promise<void> {
  const hub = await serveHub({ [COMMIT]: files, [LATER]: { ...files, 'config.json': text({ later: true }) } });
  const cache = mkdtempSync(join(tmpdir(), 'foretoken-hub-'));
  try {
    await use({ hub, options: { url: hub.url, cache } });
  } finally {
    await hub.close();
    rmSync(cache, { recursive: true, force: true });
  }
}

const folderOf = async (options: HubOptions, id = 'hf:owner/name') => (await openHub(id, options)) as Folder;

async function readFile(folder: Folder, name: string): Promise<Uint8Array> {
  const source = (await folder.file(name))!;
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < source.size; at += 700_001) {
    pieces.push((await source.read(at, Math.min(700_001, source.size - at))).slice());
  }
  folder.close?.();
  return Buffer.concat(pieces);
}

const same = (a: Uint8Array, b: Uint8Array) => Buffer.compare(a, b) === 0;

/** Every file below a folder. */
const filesBelow = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
const blocksBelow = (folder: string) => filesBelow(folder).filter((path) => path.includes('content'));

test('a model of several files loads by its id, and gives the tokens that it gives from its folder', () =>
  scene(model, async ({ hub, options }) => {
    const prompt = [1, 2, 3];
    const tokensOf = async (source: string) => {
      const loaded = await load(source, { hub: options, context: 64 });
      const generation = loaded.generate(prompt, { maxTokens: 8 });
      await generation.text();
      loaded.dispose();
      return generation.tokens;
    };
    const expected = await tokensOf(repositoryFile(`test/fixtures/${MODEL}`));
    assert.equal(await tokensOf('hf:owner/name'), expected);
    const first = hub.asked.splice(0);
    assert.ok(first.some(({ path }) => path === 'model-00002-of-00003.safetensors'));

    assert.equal(await tokensOf('hf:owner/name@main'), expected);
    // The branch is asked for once, nothing else is: the commit is known.
    assert.equal(
      hub.asked.splice(0).map(({ path }) => path),
      ['config.json'],
    );

    assert.equal(await tokensOf(`hf:owner/name@${COMMIT}`), expected);
    assert.equal(hub.asked, []);

    await hub.close();
    assert.equal(await tokensOf('hf:owner/name'), expected);
    const elsewhere = await rejection(() => tokensOf('hf:owner/name@other'));
    assert.is(elsewhere.code, 'source.read');
  }));

test('a GGUF file loads by its name, and its estimate reads no more than the header', () =>
  scene({ 'q/model.gguf': Buffer.concat([fixture('gguf/grouped-f16.gguf')]) }, async ({ options, hub }) => {
    const id = 'hf:owner/name/q/model.gguf@main';
    const expected = await estimate(repositoryFile('test/fixtures/gguf/grouped-f16.gguf'), { context: 64 });
    assert.equal(await estimate(id, { hub: options, context: 64 }), expected);
    const loaded = await load(id, { hub: options, context: 64 });
    assert.is(loaded.memory.total, expected.total);
    assert.ok(hub.asked.length > 0);
    const absent = await rejection(() => load('hf:owner/name/other.gguf', { hub: options }));
    assert.is(absent.code, 'source.missing');
  }));

test('progress and abort go through', () =>
  scene(model, async ({ options }) => {
    const loadedBytes: number[] = [];
    await load('hf:owner/name', { hub: options, context: 64, onProgress: (at) => loadedBytes.push(at.loadedBytes) });
    assert.ok(loadedBytes.length > 3);
    const reason = new Error('enough');
    const controller = new AbortController();
    const onProgress = () => controller.abort(reason);
    const loading = load('hf:owner/name', { hub: options, context: 64, signal: controller.signal, onProgress });
    assert.is(await loading.catch((error: unknown) => error), reason);
    const early = load('hf:owner/name', { hub: options, signal: AbortSignal.abort(reason) });
    assert.is(await early.catch((error: unknown) => error), reason);
  }));

test('the token goes to the hub and to nobody that it refers to', () =>
  scene({ 'large.bin': large, 'small.json': text({}) }, async ({ hub, options }) => {
    const token = 'hf_secret';
    const folder = await folderOf({ ...options, token });
    await readFile(folder, 'small.json');
    await readFile(folder, 'large.bin');
    const at = (place: 'hub' | 'store') => hub.asked.filter((request) => request.at === place).map(({ token: t }) => t);
    assert.equal([...new Set(at('hub'))], [`Bearer ${token}`]);
    assert.equal([...new Set(at('store'))], ['']);
    const kept = filesBelow(options.cache).filter((path) => readFileSync(path).includes(token));
    assert.equal(kept, [], 'nor to the disk');
  }));

test('a token that left the hub does not come back with a second redirect, and is kept by one inside the hub', () =>
  scene({ 'a.bin': large, 'b.json': text({}) }, async ({ hub, options }) => {
    let hops = 0;
    hub.store = ({ response }) => {
      if (hops++ > 0) return false;
      response.writeHead(302, { location: `${hub.url}/owner/name/resolve/main/a.bin` }).end();
      return true;
    };
    await readFile(await folderOf({ ...options, token: 'hf_secret' }), 'a.bin');
    assert.equal(
      hub.asked.slice(0, 3).map(({ at, token }) => `${at} ${token}`),
      ['hub Bearer hf_secret', 'store ', 'hub '],
    );
    hub.asked.splice(0);
    hub.hub = ({ request, response }) => {
      if (!request.url!.startsWith('/old/')) return false;
      response.writeHead(307, { location: request.url!.replace('/old/', '/owner/') }).end();
      return true;
    };
    await readFile(await folderOf({ ...options, token: 'hf_secret' }, 'hf:old/name'), 'b.json');
    assert.equal(
      hub.asked.map(({ token }) => token),
      ['Bearer hf_secret', 'Bearer hf_secret'],
    );
  }));

test('a hub that refers to itself without end is given up', () =>
  scene({}, async ({ hub, options }) => {
    hub.hub = ({ request, response }) => !!response.writeHead(302, { location: request.url! }).end();
    assert.is((await rejection(async () => (await folderOf(options)).file('x'))).code, 'source.read');
    assert.ok(hub.asked.length <= 10);
  }));

for (const [title, id, status, reason, token, code] of [
  ['an unknown repository', 'hf:owner/other', 0, '', '', 'hub.missing'],
  ['an unknown revision', 'hf:owner/name@v9', 0, '', '', 'hub.missing'],
  ['a gated repository', 'hf:owner/name', 403, 'GatedRepo', '', 'hub.access'],
  ['a refused token', 'hf:owner/name', 401, '', 'hf_secret', 'hub.access'],
  ['no token where one is needed', 'hf:owner/name', 401, '', '', 'hub.access'],
  ['a folder without a model', 'hf:owner/name', 404, 'EntryNotFound', '', 'file.missing'],
  ['a hub that is out of order', 'hf:owner/name', 503, '', '', 'source.read'],
] as const) {
  test(`${title}: ${code}, by a message without token and address`, () =>
    scene({ 'config.json': text({}) }, async ({ hub, options }) => {
      if (status) hub.hub = ({ response }) => !!response.writeHead(status, { 'x-error-code': reason }).end('<html>');
      const error = await rejection(() => load(id, { hub: { ...options, ...(token && { token }) } }));
      assert.is(error.code, code);
      assert.not.match(error.message, /127\.0\.0\.1|secret/);
    }));
}

for (const [title, hub, code] of [
  ['an unknown name', { tokens: 'x' }, 'option.unknown'],
  ['a token that is no text', { token: 1 }, 'option.type'],
  ['a token with a line break', { token: 'hf_secret\n' }, 'option.range'],
  ['an address of another kind', { url: 'ftp://host' }, 'option.range'],
  ['an address that is none', { url: 'host' }, 'option.range'],
  ['a cache that is none', { cache: 1 }, 'option.type'],
  ['null', null, 'option.type'],
] as const) {
  test(`hub options are checked: ${title}`, async () => {
    const error = await rejection(() => load('hf:owner/name', { hub: hub as HubOptions }));
    assert.is(error.code, code);
    assert.not.match(error.message, /secret/);
  });
}

test('damaged, cut short and lost blocks are downloaded again, and no others', () =>
  scene({ 'large.bin': large }, async ({ hub, options }) => {
    await readFile(await folderOf(options), 'large.bin');
    const blocks = blocksBelow(options.cache);
    assert.is(blocks.length, 4);
    const pinned = `hf:owner/name@${COMMIT}`;
    const again = async (damage: () => void) => {
      hub.asked.splice(0);
      damage();
      assert.ok(same(await readFile(await folderOf(options, pinned), 'large.bin'), large));
      return hub.asked.filter(({ at }) => at === 'store').map(({ from }) => from);
    };
    assert.equal(await again(() => {}), []);
    const flip = (path: string, at: number) => {
      const bytes = readFileSync(path);
      bytes[at] = bytes[at]! ^ 1;
      writeFileSync(path, bytes);
    };
    for (const at of [0, 1, 4097, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 15]) {
      // The network is opened at the file's start, and jumps from there.
      assert.is((await again(() => flip(blocks[2]!, at))).at(-1), 2 * BLOCK_BYTES, `byte ${at}`);
    }
    assert.is((await again(() => truncateSync(blocks[1]!, 1000))).at(-1), BLOCK_BYTES);
    assert.is((await again(() => rmSync(blocks[3]!))).at(-1), 3 * BLOCK_BYTES);
    assert.is((await again(() => writeFileSync(blocks[1]!, readFileSync(blocks[2]!)))).at(-1), BLOCK_BYTES);
    assert.equal(await again(() => {}), []);
  }));

test('a download that broke off goes on at the block that it had reached', () =>
  scene({ 'large.bin': large }, async ({ hub, options }) => {
    const reached = 2 * BLOCK_BYTES + 1000;
    let broken = true;
    hub.store = ({ request, response }) => {
      if (!broken) return false;
      const { first } = rangeOf(request, large)!;
      response.writeHead(206, { 'content-range': `bytes ${first}-${large.length - 1}/${large.length}` });
      response.write(large.subarray(first, Math.max(first, reached)), () => response.destroy());
      return true;
    };
    const reading = readFile(await folderOf(options), 'large.bin');
    assert.is((await rejection(() => reading)).code, 'source.read');
    assert.is(blocksBelow(options.cache).length, 2);
    broken = false;
    hub.asked.splice(0);
    assert.ok(same(await readFile(await folderOf(options), 'large.bin'), large));
    assert.is(hub.asked.at(-1)!.from, 2 * BLOCK_BYTES);
  }));

test('several downloads of one file at once do each other no harm', () =>
  scene({ 'large.bin': large }, async ({ options }) => {
    const all = await Promise.all(
      Array.from({ length: 4 }, async () => readFile(await folderOf(options), 'large.bin')),
    );
    for (const bytes of all) assert.ok(same(bytes, large));
    assert.is(blocksBelow(options.cache).length, 4, 'and leave nothing unfinished');
    assert.equal(
      filesBelow(options.cache).filter((path) => path.endsWith('.part')),
      [],
    );
  }));

test('when a branch moves on, what has changed is downloaded, and the rest is not', () =>
  scene({ 'config.json': text({ first: true }), 'large.bin': large }, async ({ hub, options }) => {
    const folder = await folderOf(options);
    assert.equal([...(await readFile(folder, 'config.json'))], [...text({ first: true })]);
    await readFile(folder, 'large.bin');
    hub.repository.main = LATER;
    hub.asked.splice(0);
    const later = await folderOf(options);
    assert.equal([...(await readFile(later, 'config.json'))], [...text({ later: true })]);
    hub.repository.main = COMMIT; // moved again in between: all files are of one commit
    assert.ok(same(await readFile(later, 'large.bin'), large));
    assert.is(blocksBelow(options.cache).length, 1 + 1 + 4);
    assert.is(hub.asked.filter(({ at, from }) => at === 'store' && from > 0).length, 0);
  }));

test('another content under the same commit is a change, not a mixture', () =>
  scene({ 'large.bin': large }, async ({ hub, options }) => {
    await (await (await folderOf(options)).file('large.bin'))!.read(0, 10);
    hub.hub = (exchange) => {
      const bytes = large.slice().fill(1, BLOCK_BYTES);
      exchange.response.setHeader('etag', `"${etagOf(bytes)}"`);
      rangedAnswer({ ...exchange, bytes, range: rangeOf(exchange.request, bytes) });
      return true;
    };
    const source = (await (await folderOf(options, `hf:owner/name@${COMMIT}`)).file('large.bin'))!;
    assert.ok(same(await source.read(0, 1000), large.subarray(0, 1000)), 'kept');
    assert.is((await rejection(() => source.read(BLOCK_BYTES, 10))).code, 'source.changed');
  }));

test('without a cache, or where none can be written, files come from the hub', () =>
  scene({ 'large.bin': large }, async ({ hub, options }) => {
    assert.ok(same(await readFile(await folderOf({ ...options, cache: false }), 'large.bin'), large));
    assert.equal(readdirSync(options.cache), []);
    const file = join(options.cache, 'a file');
    writeFileSync(file, '');
    for (let time = 0; time < 2; time++) {
      hub.asked.splice(0);
      assert.ok(same(await readFile(await folderOf({ ...options, cache: file }), 'large.bin'), large));
      assert.ok(hub.asked.length > 0);
    }
  }));

test('a server of plain files will do for a hub, and is asked for each of them', () =>
  scene({ 'small.json': text({ small: 1 }) }, async ({ hub, options }) => {
    const bytes = text({ plain: 1 });
    hub.hub = (exchange) => {
      if (exchange.request.url!.endsWith('absent.json')) exchange.response.writeHead(404).end();
      else rangedAnswer({ ...exchange, bytes, range: rangeOf(exchange.request, bytes) });
      return true;
    };
    for (let time = 1; time <= 2; time++) {
      const folder: Folder = await folderOf(options);
      assert.is(await folder.file('absent.json'), undefined);
      assert.ok(same(await readFile(folder, 'small.json'), bytes));
      assert.is(hub.asked.length, 2 * time);
    }
  }));

test('reads of several files at once, in any order, are answered rightly (seed 5)', () =>
  scene({ 'large.bin': large, 'other.bin': large.slice().reverse() }, async ({ options }) => {
    const folder = await folderOf(options);
    const sources = [await folder.file('large.bin'), await folder.file('other.bin')] as ByteSource[];
    const contents = [large, large.slice().reverse()];
    const order = random(5);
    const reads = Array.from({ length: 24 }, (_, i) => ({ of: i % 2, at: randomInt(order, large.length - 5000) }));
    const all = await Promise.all(reads.map(({ of, at }) => sources[of]!.read(at, 5000)));
    for (const [i, { of, at }] of reads.entries()) {
      assert.ok(same(all[i]!, contents[of]!.subarray(at, at + 5000)), `read ${i}`);
    }
    folder.close?.();
  }));

test.run();
