/**
 * Models of the Hugging Face Hub, by their id: folders and files like any other, whose bytes are kept once they have been read. Imported only for such an id.
 *
 * What a store keeps of a repository, under HUB/OWNER/NAME:
 *
 *   revisions/REVISION      { "commit" }           which commit a branch was when it was last asked for
 *   files/COMMIT/PATH       { "etag", "size" }     or { "absent": true }
 *   content/ETAG-SIZE/I     block I of a file with this content, whatever its name and commit
 *
 * A branch is asked for once in each opening, and if the hub cannot be reached what it was last time holds. A commit never changes, so what is known
 * of it is not asked for again.
 * @module
 */
import { type ByteSource, changed } from '../formats/byte-source.ts';
import type { Folder } from '../formats/folder.ts';
import { ForetokenError } from '../errors.ts';
import { hasFiles } from '../runtime/builtin.ts';
import { openUrl } from '../runtime/web.ts';
import { Blocks } from './blocks.ts';
import { hubFetch, type Said } from './hub-fetch.ts';
import { type HubId, parseHubId } from './hub-id.ts';
import { checkHub, type Hub, type HubOptions, type HubStore } from './options.ts';

/**
 * @param id as `parseHubId` states
 * @returns the folder, or the GGUF file
 * @throws {ForetokenError} `hub.id`, `source.name`, `option.*`; for a file `source.missing` and what `Folder.file` throws
 */
export async function openHub(id: string, options?: HubOptions, signal?: AbortSignal): Promise<Folder | ByteSource> {
  const parsed = parseHubId(id);
  const hub = checkHub(options);
  const repository = new Repository(parsed, hub, await openStore(hub.cache));
  const { path } = parsed;
  if (!/\.gguf$/i.test(path)) return repository.folder(path);
  const file = await repository.file(path, signal);
  if (!file) throw new ForetokenError('source.missing', `${lastPart(path)} does not exist`);
  return file;
}

async function openStore(cache: HubOptions['cache']): Promise<HubStore | undefined> {
  if (cache === false) return undefined;
  if (typeof cache === 'object') return cache;
  if (hasFiles()) {
    const { cacheFolder, fileStore } = await import('../runtime/file-store.ts');
    const folder = cache ?? cacheFolder();
    return folder === undefined ? undefined : fileStore(folder);
  }
  if (!('caches' in globalThis)) return undefined;
  const { pageStore } = await import('../runtime/page-store.ts');
  return pageStore(cache);
}

/** What is known of a file of a commit. */
type FileRecord = { readonly etag: string; readonly size: number } | { readonly absent: true };

class Repository {
  readonly #id: HubId;
  readonly #hub: Hub;
  readonly #store: HubStore | undefined;
  readonly #blocks: Blocks | undefined;
  /** The commit that all files are taken from, once it is known; a branch, where the hub names no commits. */
  #commit: string | undefined;

  constructor(id: HubId, hub: Hub, store: HubStore | undefined) {
    this.#id = id;
    this.#hub = hub;
    this.#store = store;
    this.#blocks = store && new Blocks(store);
    if (/^[0-9a-f]{40}$/.test(id.revision)) this.#commit = id.revision;
  }

  /** @param path of the folder; empty for the repository's own */
  folder(path: string): Folder {
    const opened: ByteSource[] = [];
    return {
      file: async (name, signal) => {
        const source = await this.file(path === '' ? name : `${path}/${name}`, signal);
        if (source) opened.push(source);
        return source;
      },
      close() {
        for (const source of opened.splice(0)) source.close?.();
      },
    };
  }

  /**
   * @returns undefined when the repository has no such file
   * @throws {ForetokenError} `hub.missing`, `hub.access`, and what `openUrl` throws
   */
  async file(path: string, signal: AbortSignal | undefined): Promise<ByteSource | undefined> {
    const known = await this.#known(path);
    if (known) return this.#kept(path, known);
    const said: Said = {};
    let source: ByteSource | undefined;
    try {
      source = await this.#download(path, said, signal);
    } catch (error) {
      signal?.throwIfAborted();
      if (!said.away || this.#commit !== undefined) throw error;
      const { commit } = (await this.#read(this.#revisionKey)) ?? {};
      this.#commit = typeof commit === 'string' ? commit : this.#id.revision;
      const last = await this.#known(path);
      if (last) return this.#kept(path, last);
      this.#commit = undefined;
      throw error;
    }
    if (said.commit !== undefined && this.#commit === undefined) {
      this.#commit = said.commit;
      await this.#write(this.#revisionKey, { commit: said.commit });
    }
    if (!source) {
      if (said.absent) await this.#write(this.#fileKey(path), { absent: true });
      return undefined;
    }
    if (said.etag === undefined) return source;
    const record = { etag: said.etag, size: source.size };
    await this.#write(this.#fileKey(path), record);
    return this.#kept(path, record, source);
  }

  #download(path: string, said: Said, signal: AbortSignal | undefined): Promise<ByteSource | undefined> {
    const { owner, name, revision } = this.#id;
    const { origin, pathname } = this.#hub.url;
    const parts = [owner, name, 'resolve', this.#commit ?? revision, ...path.split('/')].map(encodeURIComponent);
    return openUrl(`${origin}${pathname.replace(/\/$/, '')}/${parts.join('/')}`, lastPart(path), {
      fetch: hubFetch(this.#hub, `${owner}/${name}`, said),
      ...(signal && { signal }),
    });
  }

  /** The file by what is known of it. @param opened where it has been opened already */
  #kept(path: string, record: FileRecord, opened?: ByteSource): ByteSource | undefined {
    if ('absent' in record) return undefined;
    if (!this.#blocks) return opened;
    const { etag, size } = record;
    const name = lastPart(path);
    const remote = async (signal: AbortSignal | undefined) => {
      if (opened) return opened;
      const said: Said = {};
      const source = await this.#download(path, said, signal);
      if (source?.size === size && said.etag === etag) return source;
      source?.close?.();
      throw changed(name);
    };
    return this.#blocks.source({ name, size, key: this.#key('content', `${etag}-${size}`), remote });
  }

  async #known(path: string): Promise<FileRecord | undefined> {
    if (this.#commit === undefined) return undefined;
    const { absent, etag, size } = (await this.#read(this.#fileKey(path))) ?? {};
    if (absent === true) return { absent };
    return typeof etag === 'string' && Number.isSafeInteger(size) ? { etag, size: size as number } : undefined;
  }

  get #revisionKey(): string {
    return this.#key('revisions', this.#id.revision);
  }

  #fileKey(path: string): string {
    return this.#key('files', this.#commit ?? this.#id.revision, path);
  }

  #key(...parts: readonly string[]): string {
    const { host, pathname } = this.#hub.url;
    return [`${host}${pathname.replace(/\/$/, '')}`, this.#id.owner, this.#id.name, ...parts].map(keyPart).join('/');
  }

  /** A record; what is damaged is not there. */
  async #read(key: string): Promise<Record<string, unknown> | undefined> {
    try {
      const bytes = await this.#store?.get(key);
      const value: unknown = bytes && JSON.parse(new TextDecoder().decode(bytes));
      return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
    } catch {
      return undefined;
    }
  }

  async #write(key: string, record: object): Promise<void> {
    await this.#store?.put(key, new TextEncoder().encode(JSON.stringify(record))).catch(() => {});
  }
}

const lastPart = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

/** Any text as one part of a key, fit for the name of a file on every system. */
function keyPart(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*~]|^\.+$/g, (some) =>
    Array.from(some, (letter) => `%${letter.charCodeAt(0).toString(16)}`).join(''),
  );
}
