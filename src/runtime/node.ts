/**
 * Files by path, on the hosts that have `node:fs`: Node, Deno and Bun.
 * @module
 */
import { ForetokenError } from '../errors.ts';
import { type ByteSource, changed, checkRead, readTarget } from '../formats/byte-source.ts';
import { builtin } from './builtin.ts';

/** The part of `node:fs/promises` that is used here. */
interface FileSystem {
  open(path: string | URL, flags: 'r'): Promise<FileHandle>;
  stat(path: string | URL): Promise<Stats>;
}

/** The part of `node:fs` that is used here. */
interface SyncFileSystem {
  openSync(path: string | URL, flags: 'r'): number;
  fstatSync(file: number): Stats;
  readSync(file: number, target: Uint8Array, at: number, length: number, position: number): number;
  closeSync(file: number): void;
}

interface FileHandle {
  stat(): Promise<Stats>;
  read(target: Uint8Array, at: number, length: number, position: number): Promise<{ bytesRead: number }>;
  close(): Promise<void>;
}

interface Stats {
  readonly size: number;
  readonly mtimeMs: number;
  isFile(): boolean;
  isDirectory(): boolean;
}

interface Host {
  readonly process?: { cwd?(): string };
}

/** Whether a path is a folder that exists. */
export async function isFolder(path: string | URL): Promise<boolean> {
  try {
    return (await files().stat(path)).isDirectory();
  } catch (error) {
    if (isAbsent(error)) return false;
    throw failed('the folder', error);
  }
}

/** The part of `node:module` that is used here. */
interface ModuleSystem {
  createRequire(from: string): { resolve(request: string): string };
}

/**
 * The folder of an installed package, as this package or the program that runs would import it.
 * @returns undefined where no such package is installed, and where a folder of that name lies in the working directory
 * @throws {ForetokenError} `source.kind` on a host without files
 */
export async function packageFolder(name: string): Promise<string | undefined> {
  if (await isFolder(name)) return undefined;
  const modules = builtin<ModuleSystem>('node:module')!;
  // A working directory that was deleted has no name: asking for it throws.
  for (const from of [() => import.meta.url, () => `${(globalThis as Host).process!.cwd!()}/`]) {
    try {
      return modules
        .createRequire(from())
        .resolve(`${name}/package.json`)
        .replace(/[\\/]package\.json$/, '');
    } catch {
      // Not installed there.
    }
  }
  return undefined;
}

/**
 * A source over a file. The file is open only while it is read; one that is replaced in between is noticed. `readNow` keeps it open until `close`, and
 * notices what is written into it.
 *
 * @param path a path, or a file: URL
 * @returns undefined when there is no such file
 * @throws {ForetokenError} `source.read` when it cannot be opened or is no regular file; `source.kind` on a host without files
 */
export async function openFile(path: string | URL, name: string): Promise<ByteSource | undefined> {
  const system = files();
  let opened: Stats;
  try {
    opened = await system.stat(path);
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw failed(name, error);
  }
  if (!opened.isFile()) throw new ForetokenError('source.read', `${name} is not a regular file`);
  const check = ({ size, mtimeMs }: Stats) => {
    if (size !== opened.size || mtimeMs !== opened.mtimeMs) throw changed(name);
  };
  let kept: number | undefined;
  const source: ByteSource = {
    name,
    size: opened.size,
    async read(offset, length, signal, into) {
      checkRead(this, offset, length, signal);
      let handle: FileHandle | undefined;
      try {
        handle = await system.open(path, 'r');
        check(await handle.stat());
        const target = readTarget(length, into);
        for (let filled = 0; filled < length; ) {
          signal?.throwIfAborted();
          const { bytesRead } = await handle.read(target, filled, length - filled, offset + filled);
          if (bytesRead === 0) throw changed(name);
          filled += bytesRead;
        }
        return target;
      } catch (error) {
        signal?.throwIfAborted();
        throw error instanceof ForetokenError ? error : failed(name, error);
      } finally {
        await handle?.close();
      }
    },
    readNow(offset, into) {
      checkRead(this, offset, into.length, undefined);
      const { openSync, fstatSync, readSync } = builtin<SyncFileSystem>('node:fs')!;
      try {
        kept ??= openSync(path, 'r');
        check(fstatSync(kept));
        for (let filled = 0; filled < into.length; ) {
          const bytes = readSync(kept, into, filled, into.length - filled, offset + filled);
          if (bytes === 0) throw changed(name);
          filled += bytes;
        }
      } catch (error) {
        throw error instanceof ForetokenError ? error : failed(name, error);
      }
    },
    close() {
      if (kept !== undefined) builtin<SyncFileSystem>('node:fs')!.closeSync(kept);
      kept = undefined;
    },
  };
  return source;
}

function files(): FileSystem {
  const system = builtin<FileSystem>('node:fs/promises');
  if (!system) throw new ForetokenError('source.kind', 'this host has no files: give a URL, files or bytes');
  return system;
}

function isAbsent(error: unknown): boolean {
  const { code } = error as { code?: unknown };
  return code === 'ENOENT' || code === 'ENOTDIR';
}

function failed(name: string, cause: unknown): ForetokenError {
  const { code } = cause as { code?: unknown };
  const reason = typeof code === 'string' ? `: ${code}` : '';
  return new ForetokenError('source.read', `${name} could not be read${reason}`, { cause });
}
