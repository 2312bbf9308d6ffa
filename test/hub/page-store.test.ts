/** The store of a page, over caches as a browser has them. */
import { Blocks } from '../../src/hub/blocks.ts';
import { type ByteSource, bytesSource } from '../../src/formats/byte-source.ts';
import { pageStore } from '../../src/runtime/page-store.ts';
import { assert, test } from '../harness.ts';

/** A cache that keeps responses by address, as the Cache API's description has it; with `room` for so many. */
function cachesWith(room: number) {
  const kept = new Map<string, Uint8Array>();
  const cache = {
    async match(address: string) {
      const bytes = kept.get(address);
      return bytes && new Response(bytes.slice());
    },
    async put(address: string, response: Response) {
      assert.is(new URL(address).protocol, 'https:', 'a cache takes no other addresses');
      if (kept.size >= room) throw new DOMException('full', 'QuotaExceededError');
      kept.set(address, new Uint8Array(await response.arrayBuffer()));
    },
  };
  return { kept, opened: [] as string[], cache };
}

async function withCaches(caches: unknown, use: () => Promise<void>): Promise<void> {
  const before = Object.getOwnPropertyDescriptor(globalThis, 'caches');
  Object.defineProperty(globalThis, 'caches', { value: caches, configurable: true });
  try {
    await use();
  } finally {
    if (before) Object.defineProperty(globalThis, 'caches', before);
    else Reflect.deleteProperty(globalThis, 'caches');
  }
}

const file = Uint8Array.from({ length: 5_000_000 }, (_, i) => Math.imul(i + 1, 0x9e3779b1) >>> 24);

/** Reads all of the file through a store. @returns how many reads went to the network */
async function readThrough(store: NonNullable<Awaited<ReturnType<typeof pageStore>>>): Promise<number> {
  let reads = 0;
  const network = bytesSource(file, 'file');
  const counted: ByteSource = {
    ...network,
    read(...range) {
      reads++;
      return network.read(...range);
    },
  };
  const source = new Blocks(store).source({
    name: 'file',
    size: file.length,
    key: 'a/b%2Fc',
    remote: async () => counted,
  });
  const bytes = await source.read(0, file.length);
  assert.is(Buffer.compare(bytes, file), 0);
  return reads;
}

test('what is kept in a page is read from its cache', async () => {
  const { kept, cache } = cachesWith(10);
  const names: string[] = [];
  await withCaches({ open: async (name: string) => names.push(name) && cache }, async () => {
    assert.is(await readThrough((await pageStore())!), 3);
    assert.is(await readThrough((await pageStore('mine'))!), 0);
    assert.equal(names, ['foretoken', 'mine']);
    const [address, bytes] = [...kept][1]!;
    kept.set(
      address,
      bytes.map((byte, i) => (i === 7 ? byte ^ 8 : byte)),
    );
    assert.is(await readThrough((await pageStore())!), 1, 'a damaged block is seen');
  });
});

test('a cache without room keeps what fits, and stops nothing', async () => {
  const { cache } = cachesWith(1);
  await withCaches({ open: async () => cache }, async () => {
    assert.is(await readThrough((await pageStore())!), 3);
    assert.is(await readThrough((await pageStore())!), 2);
  });
});

test('a page without caches has no store', () =>
  withCaches({ open: () => Promise.reject(new DOMException('no', 'SecurityError')) }, async () =>
    assert.is(await pageStore(), undefined),
  ));

test.run();
