/**
 * Texts to train on: files, and all files of folders.
 * @module
 */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ForetokenError, quote } from '../errors.ts';

export interface TrainingData {
  readonly texts: readonly string[];
  readonly bytes: number;
  /** Files of folders that are no UTF-8, or empty, and were left out. */
  readonly skipped: number;
}

/**
 * Reads files in the order given, those of a folder by their names. A file that is named must be text; of a folder what is no text is left out.
 * @throws {ForetokenError} `source.missing`, `source.read`; `train.data` for a named file that is not UTF-8
 */
export async function readTrainingData(places: readonly string[], signal: AbortSignal): Promise<TrainingData> {
  const texts: string[] = [];
  let [bytes, skipped] = [0, 0];
  for (const place of places) {
    const isFolder = await isDirectory(place);
    for (const path of isFolder ? await filesBelow(place) : [place]) {
      signal.throwIfAborted();
      const file = await reading(path, () => readFile(path));
      const text = decoded(file);
      if (text === undefined && !isFolder) throw new ForetokenError('train.data', `${quote(path)} is not UTF-8`);
      if (!text) {
        skipped++;
        continue;
      }
      texts.push(text);
      bytes += file.length;
    }
  }
  return { texts, bytes, skipped };
}

const isDirectory = async (path: string) => (await reading(path, () => stat(path))).isDirectory();

/** Paths of all files, sorted by their names in the folder, whatever order the disk has. */
async function filesBelow(folder: string): Promise<string[]> {
  const entries = await reading(folder, () => readdir(folder, { withFileTypes: true, recursive: true }));
  return entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name))
    .sort((a, b) => (a < b ? -1 : 1));
}

function decoded(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

async function reading<T>(path: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT') throw new ForetokenError('source.missing', `${quote(path)} does not exist`, { cause });
    throw new ForetokenError('source.read', `${quote(path)} could not be read: ${code}`, { cause });
  }
}
