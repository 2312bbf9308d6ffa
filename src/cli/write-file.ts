/**
 * Files that commands write.
 * @module
 */
import { createWriteStream } from 'node:fs';
import { rename, rm, stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ForetokenError, quote } from '../errors.ts';
import { bytesText } from './table.ts';
import type { Terminal } from './terminal.ts';

/** @throws {ForetokenError} `usage.argument` when there is something at `path` */
export async function expectNothing(path: string): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (found) throw new ForetokenError('usage.argument', `${quote(path)} exists, and is not written over`);
}

/** Writes a file under another name first, so that an interrupted run leaves nothing that looks whole. */
export async function writeFile(
  path: string,
  pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  terminal: Terminal,
): Promise<void> {
  await expectNothing(path);
  const part = `${path}.part`;
  let written = 0;
  async function* counted() {
    for await (const piece of pieces) {
      written += piece.length;
      terminal.status(() => `writing, ${bytesText(written)}`);
      // The stream keeps pieces for a while, and reading uses their memory again.
      yield piece.slice();
    }
  }
  try {
    await pipeline(Readable.from(counted(), { objectMode: false }), createWriteStream(part), {
      signal: terminal.signal,
    });
    await rename(part, path);
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  }
}
