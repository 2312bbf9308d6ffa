/**
 * Downloads kept by a page: in the Cache API, which workers have, too, and which the browser may empty when it needs the room.
 * @module
 */
import type { HubStore } from '../hub/options.ts';

/** Entries of a cache have addresses; nothing is ever fetched from these. */
const ADDRESS = 'https://foretoken.invalid/';

/** @returns undefined where a page has no caches: outside secure contexts, and with storage turned off */
export async function pageStore(name = 'foretoken'): Promise<HubStore | undefined> {
  let cache: Cache;
  try {
    cache = await caches.open(name);
  } catch {
    return undefined;
  }
  return {
    async get(key) {
      const found = await cache.match(ADDRESS + key);
      return found && new Uint8Array(await found.arrayBuffer());
    },
    async put(key, bytes) {
      await cache.put(ADDRESS + key, new Response(bytes as Uint8Array<ArrayBuffer>));
    },
  };
}
