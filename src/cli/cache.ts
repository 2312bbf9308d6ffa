/// <reference types="node" />
/**
 * `foretoken cache`: what has been kept of models of a hub, and letting go of it.
 * @module
 */
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ForetokenError, quote } from '../errors.ts';
import { parseHubId } from '../hub/hub-id.ts';
import { cacheFolder } from '../runtime/file-store.ts';
import { command } from './command.ts';
import { bytesText, table } from './table.ts';

/** A repository's folder, HUB/OWNER/NAME below the cache. */
interface Kept {
  readonly hub: string;
  readonly id: string;
  readonly path: string;
  readonly bytes: number;
}

export const cacheCommand = command({
  name: 'cache',
  summary: 'lists the models of hubs that are kept, or removes one',
  usage: '[list | remove hf:OWNER/NAME] [OPTIONS]',
  options: { json: { kind: 'flag', help: 'print one JSON object' } },
  positionals: 2,
  notes: `Models are kept in the folder that FORETOKEN_CACHE names, or else where the system keeps what can be had again. What a removed model had is
downloaded again when it is next loaded.

  foretoken cache
  foretoken cache remove hf:owner/name`,
  async run({ options, positionals: [action = 'list', id] }, terminal) {
    const folder = cacheFolder();
    if (folder === undefined) throw new ForetokenError('source.missing', 'this host has no folder for downloads');
    if (action === 'list' && id === undefined) {
      const kept = await listKept(folder);
      return terminal.write(`${options.json ? JSON.stringify({ folder, kept }) : describe(folder, kept)}\n`);
    }
    if (action !== 'remove' || id === undefined) {
      throw new ForetokenError('usage.argument', `${quote(action)}: expected list, or remove and the id of a model`);
    }
    const { owner, name } = parseHubId(id);
    const found = (await listKept(folder)).filter((each) => each.id === `hf:${owner}/${name}`);
    if (found.length === 0)
      throw new ForetokenError('source.missing', `nothing is kept of ${quote(`${owner}/${name}`)}`);
    for (const { path } of found) await rm(path, { recursive: true });
    const bytes = found.reduce((sum, each) => sum + each.bytes, 0);
    await terminal.write(`${options.json ? JSON.stringify({ removed: found }) : `removed ${bytesText(bytes)}`}\n`);
  },
});

async function listKept(folder: string): Promise<Kept[]> {
  const kept: Kept[] = [];
  for (const hub of await foldersIn(folder)) {
    for (const owner of await foldersIn(join(folder, hub))) {
      for (const name of await foldersIn(join(folder, hub, owner))) {
        const path = join(folder, hub, owner, name);
        kept.push({ hub: decodeURIComponent(hub), id: `hf:${owner}/${name}`, path, bytes: await bytesBelow(path) });
      }
    }
  }
  return kept;
}

/** Names of the folders in a folder, sorted; none where there is no such folder. */
async function foldersIn(path: string): Promise<string[]> {
  const entries = await readdir(path, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw new ForetokenError('source.read', `the cache could not be read: ${error.code}`, { cause: error });
  });
  return entries
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .sort();
}

async function bytesBelow(folder: string): Promise<number> {
  let bytes = 0;
  for (const name of await readdir(folder, { recursive: true })) {
    const found = await stat(join(folder, name)).catch(() => undefined); // another process may be writing
    if (found?.isFile()) bytes += found.size;
  }
  return bytes;
}

function describe(folder: string, kept: readonly Kept[]): string {
  if (kept.length === 0) return `nothing is kept in ${folder}`;
  const rows = kept.map(({ id, hub, bytes }) => [id, hub, bytesText(bytes)]);
  return `${table([['model', 'hub', 'bytes'], ...rows])}\n\nin ${folder}`;
}
