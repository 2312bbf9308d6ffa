/**
 * Options of `load` for models of a hub.
 * @module
 */
import { checkNames, outOfRange, wrongType } from '../check-options.ts';

/** What is kept of files that were downloaded: bytes by name. Whoever calls copes with bytes that were lost or damaged, so an implementation need not. */
export interface HubStore {
  /**
   * @param key parts of letters, digits and `.-_%`, joined by `/`
   * @param into memory that the bytes may be put in, where it is large enough
   * @returns undefined when there is nothing of that name
   */
  get(key: string, into?: Uint8Array): Promise<Uint8Array | undefined>;
  /** The bytes are the caller's again once the promise is settled. */
  put(key: string, bytes: Uint8Array): Promise<void>;
}

export interface HubOptions {
  /** The hub's address. Default `https://huggingface.co`. */
  readonly url?: string | URL;
  /** An access token. It is sent to the hub's own origin, and to no other that the hub refers to. */
  readonly token?: string;
  /**
   * Where downloads are kept: a folder, or in a page the name of a cache; `false` for nowhere, which is the default on workerd; or a store of
   * your own. Default: where the host keeps such things.
   */
  readonly cache?: string | false | HubStore;
}

/** Options that are checked, with what they are by default. */
export interface Hub {
  /** Without a slash at its end. */
  readonly url: URL;
  readonly token: string | undefined;
  readonly cache: HubOptions['cache'];
}

const DEFAULT_URL = 'https://huggingface.co';

/** @throws {ForetokenError} `option.unknown`, `option.type`, `option.range` */
export function checkHub(options: HubOptions = {}): Hub {
  checkNames(options, ['url', 'token', 'cache']);
  const { url = DEFAULT_URL, token, cache } = options;
  if (typeof url !== 'string' && !(url instanceof URL)) throw wrongType('hub.url', 'a URL', url);
  if (token !== undefined && typeof token !== 'string') throw wrongType('hub.token', 'a string', token);
  // Never quoted: a token with a line break at its end is still a token.
  if (token !== undefined && !/^[\x21-\x7e]+$/.test(token)) {
    throw outOfRange('hub.token', 'visible ASCII characters', 'others');
  }
  const isStore = typeof cache === 'object' && typeof cache?.get === 'function' && typeof cache.put === 'function';
  if (cache !== undefined && cache !== false && !(typeof cache === 'string' && cache !== '') && !isStore) {
    throw wrongType('hub.cache', 'a folder, false or a store', cache);
  }
  return { url: parseUrl(url), token, cache };
}

function parseUrl(url: string | URL): URL {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (!parsed || !/^https?:$/.test(parsed.protocol)) {
    throw outOfRange('hub.url', 'an address that begins with https: or http:', 'another');
  }
  parsed.pathname = parsed.pathname.replace(/\/+$/, '');
  return parsed;
}
