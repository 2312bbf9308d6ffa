/**
 * Folders: where the files of a model are found by name, and the dispatch from what a caller gives to what can be read.
 * @module
 */
import { ForetokenError, quote } from '../errors.ts';
import { hasFiles } from '../runtime/builtin.ts';
import { baseUrl, openUrl, type UrlOptions } from '../runtime/web.ts';
import { type ByteSource, type Bytes, bytesSource } from './byte-source.ts';

/** Files by name. */
export interface Folder {
  /**
   * @param name a relative name such as `config.json` or `heads/one.safetensors`
   * @returns undefined when the folder has no such file
   * @throws {ForetokenError} `source.name` for a name that could lead out of the folder; `source.read`, `source.range`, `source.size`
   */
  file(name: string, signal?: AbortSignal): Promise<ByteSource | undefined>;
  /** Closes every file that this folder gave out. */
  close?(): void;
}

/** One file: a path (hosts with files), a URL, bytes, or a source of the caller's own. */
export type FileInput = string | URL | Bytes | ByteSource;

/** A folder's path or URL, the files of an upload, files by name, or a folder of the caller's own. */
export type FolderInput =
  | string
  | URL
  | Iterable<File>
  | ReadonlyMap<string, Bytes | ByteSource>
  | Readonly<Record<string, Bytes | ByteSource>>
  | Folder;

/**
 * Opens one file.
 * @throws {ForetokenError} `source.missing` when it does not exist; `source.kind` for something that cannot be a file here; and what reading throws
 */
export async function openSource(input: FileInput, options: UrlOptions = {}): Promise<ByteSource> {
  if (isSource(input)) return input;
  if (isBytes(input)) return bytesSource(input, input instanceof File ? input.name : 'the file');
  const place = locate(input);
  const name = lastPart(place);
  const source = await openPlace(place, name, options);
  if (!source) throw new ForetokenError('source.missing', `${name} does not exist`);
  return source;
}

/**
 * Opens a folder. Nothing but a path is looked at before the first file is asked for.
 * @throws {ForetokenError} `source.missing` when a path is no folder; `source.kind`; `source.duplicate` when two files share a name
 */
export async function openFolder(input: FolderInput, options: UrlOptions = {}): Promise<Folder> {
  if (typeof input === 'string' || input instanceof URL) return placeFolder(locate(input), options);
  if (typeof input !== 'object' || input === null) throw unknownKind(input);
  if ('file' in input && typeof input.file === 'function') return input as Folder;
  if (isBytes(input) || isSource(input)) throw unknownKind(input);
  if (Symbol.iterator in input && !(input instanceof Map)) return mapFolder(filesByName(input as Iterable<File>));
  return mapFolder(input instanceof Map ? input : new Map(Object.entries(input)));
}

/** A GGUF file by its name, path or URL. */
const GGUF = /\.gguf(?:[?#].*)?$/i;

/**
 * The one GGUF file that a caller gives instead of a folder: its path or URL, its bytes, or an upload of nothing else.
 * @returns undefined for a folder
 */
export function ggufFile(input: FolderInput | FileInput): FileInput | undefined {
  if (typeof input === 'string' || input instanceof URL) return GGUF.test(String(input)) ? input : undefined;
  if (isBytes(input) || isSource(input)) return input;
  if (typeof input !== 'object' || input === null) return undefined;
  const [first, more] = input instanceof Map ? input : Object.entries(input);
  if (!first || more) return undefined;
  const [name, file] = first;
  return GGUF.test(name) || (file instanceof File && GGUF.test(file.name)) ? file : undefined;
}

function isBytes(input: unknown): input is Bytes {
  return input instanceof Uint8Array || input instanceof ArrayBuffer || input instanceof Blob;
}

function isSource(input: unknown): input is ByteSource {
  return typeof input === 'object' && input !== null && 'read' in input && typeof input.read === 'function';
}

function unknownKind(input: unknown): ForetokenError {
  const got = input === null ? 'null' : input === '' ? 'an empty string' : typeof input;
  return new ForetokenError('source.kind', `expected a path, a URL or files by name, got ${got}`);
}

/** Where a file or folder lies. */
type Place = { readonly path: string | URL } | { readonly url: URL };

/** A URL's scheme has two letters or more: `C:\` is a path. */
const SCHEME = /^[a-z][a-z0-9+.-]+:/i;

function locate(input: string | URL): Place {
  if (input instanceof URL || (typeof input === 'string' && SCHEME.test(input))) {
    const url = parseUrl(input);
    return url.protocol === 'file:' ? { path: url } : { url };
  }
  if (typeof input !== 'string' || input === '') throw unknownKind(input);
  if (hasFiles()) return { path: input };
  return { url: parseUrl(input, baseUrl()) };
}

function parseUrl(input: string | URL, base?: string): URL {
  try {
    return new URL(input, base);
  } catch (cause) {
    throw new ForetokenError('source.kind', 'expected a whole URL, or a path on a host with files', { cause });
  }
}

/** The last part of a path or URL, for messages. */
function lastPart(place: Place): string {
  const address = 'url' in place ? place.url : place.path;
  const path = address instanceof URL ? address.pathname : address;
  return path.split(/[\\/]/).findLast((part) => part !== '') ?? 'the file';
}

async function openPlace(place: Place, name: string, options: UrlOptions): Promise<ByteSource | undefined> {
  return 'url' in place
    ? openUrl(place.url.href, name, options)
    : (await import('../runtime/node.ts')).openFile(place.path, name);
}

async function placeFolder(place: Place, options: UrlOptions): Promise<Folder> {
  if ('path' in place && !(await (await import('../runtime/node.ts')).isFolder(place.path))) {
    throw new ForetokenError('source.missing', `there is no folder ${quote(lastPart(place))}`);
  }
  const opened: ByteSource[] = [];
  return {
    async file(name, signal = options.signal) {
      const source = await openPlace(inside(place, checkName(name)), name, signal ? { ...options, signal } : options);
      if (source) opened.push(source);
      return source;
    },
    close() {
      for (const source of opened.splice(0)) source.close?.();
    },
  };
}

/** A file of a folder; a URL keeps its query, which may carry a signature. */
function inside(place: Place, name: string): Place {
  if ('path' in place && typeof place.path === 'string')
    return { path: `${place.path.replace(/[\\/]+$/, '')}/${name}` };
  const url = new URL('url' in place ? place.url : place.path);
  url.pathname = `${url.pathname.replace(/\/+$/, '')}/${name.split('/').map(encodeURIComponent).join('/')}`;
  return 'url' in place ? { url } : { path: url };
}

function mapFolder(files: ReadonlyMap<string, Bytes | ByteSource>): Folder {
  return {
    async file(name) {
      const input = files.get(checkName(name));
      if (input === undefined) return undefined;
      if (isBytes(input)) return bytesSource(input, name);
      if (isSource(input)) return input;
      throw unknownKind(input);
    },
  };
}

/** Files of an upload; those of a folder picker are named from that folder on. */
function filesByName(files: Iterable<File>): ReadonlyMap<string, File> {
  const byName = new Map<string, File>();
  for (const file of files) {
    if (!(file instanceof File)) throw unknownKind(file);
    const name = file.webkitRelativePath?.split('/').slice(1).join('/') || file.name;
    if (byName.has(name)) throw new ForetokenError('source.duplicate', `two files are named ${quote(name)}`);
    byName.set(name, file);
  }
  return byName;
}

/**
 * Refuses names that could mean a file outside the folder, on any host.
 * @throws {ForetokenError} `source.name`
 */
export function checkName(name: string): string {
  const safe = name.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused
  if (!safe || /[\\:\u0000-\u001f]/.test(name)) {
    throw new ForetokenError('source.name', `${quote(name)} is not the name of a file inside the folder`);
  }
  return name;
}
