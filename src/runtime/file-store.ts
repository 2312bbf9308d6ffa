/**
 * Downloads kept as files, on the hosts that have them: Node, Deno and Bun. Imported late, and only there.
 *
 * A file is written under another name and then renamed, so that nobody ever reads half of one, whoever else writes.
 * @module
 */
import type { HubStore } from '../hub/options.ts';
import { builtin } from './builtin.ts';

/** The parts of `node:process` and `node:fs/promises` that are used here. */
interface Process {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly platform: string;
}
interface FileSystem {
  open(path: string, flags: 'r'): Promise<FileHandle>;
  writeFile(path: string, bytes: Uint8Array): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  rm(path: string, options: { force: boolean }): Promise<void>;
  mkdir(path: string, options: { recursive: boolean }): Promise<unknown>;
}
interface FileHandle {
  stat(): Promise<{ size: number }>;
  read(target: Uint8Array, at: number, length: number, position: number): Promise<{ bytesRead: number }>;
  close(): Promise<void>;
}

/** Names the folder of downloads. */
const VARIABLE = 'FORETOKEN_CACHE';

/**
 * The folder of downloads: what the variable FORETOKEN_CACHE says, else `foretoken` where the platform keeps what can be had again: XDG_CACHE_HOME or
 * ~/.cache, ~/Library/Caches, LOCALAPPDATA.
 * @returns undefined where the host does not tell: Deno without permission to read the environment
 */
export function cacheFolder(): string | undefined {
  try {
    const { env, platform } = builtin<Process>('node:process')!;
    if (env[VARIABLE]) return env[VARIABLE];
    const { join } = builtin<{ join(...parts: string[]): string }>('node:path')!;
    const home = () => builtin<{ homedir(): string }>('node:os')!.homedir();
    switch (platform) {
      case 'win32':
        return join(env.LOCALAPPDATA || join(home(), 'AppData', 'Local'), 'foretoken', 'cache');
      case 'darwin':
        return join(home(), 'Library', 'Caches', 'foretoken');
      default:
        return join(env.XDG_CACHE_HOME || join(home(), '.cache'), 'foretoken');
    }
  } catch {
    return undefined;
  }
}

/** @param folder made when something is first kept there */
export function fileStore(folder: string): HubStore {
  const system = builtin<FileSystem>('node:fs/promises')!;
  let written = 0;
  return {
    async get(key, into) {
      let handle: FileHandle | undefined;
      try {
        handle = await system.open(`${folder}/${key}`, 'r');
        const { size } = await handle.stat();
        const target = into && into.length >= size ? into.subarray(0, size) : new Uint8Array(size);
        const { bytesRead } = await handle.read(target, 0, size, 0);
        return target.subarray(0, bytesRead);
      } catch {
        return undefined;
      } finally {
        await handle?.close();
      }
    },
    async put(key, bytes) {
      const path = `${folder}/${key}`;
      const unique = `${Date.now().toString(36)}-${Math.random().toString(36).slice(2)}-${written++}`;
      const unfinished = `${path}.${unique}.part`;
      await system.mkdir(path.slice(0, path.lastIndexOf('/')), { recursive: true });
      try {
        await system.writeFile(unfinished, bytes);
        await system.rename(unfinished, path);
      } catch (error) {
        await system.rm(unfinished, { force: true }).catch(() => {});
        throw error;
      }
    },
  };
}
