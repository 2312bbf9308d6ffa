/**
 * Files of text that options name.
 * @module
 */
import { readFile } from 'node:fs/promises';
import { ForetokenError, quote } from '../errors.ts';

/** @param what it is, for the error @throws {ForetokenError} `source.read` */
export async function readText(what: string, path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new ForetokenError('source.read', `${what} ${quote(path)} could not be read: ${code}`, { cause });
  }
}
