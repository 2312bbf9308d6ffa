/**
 * The version of this package.
 * @module
 */
import { readFile } from 'node:fs/promises';
import { ForetokenError } from '../errors.ts';

/** From the nearest package.json of this name: beside dist/ in the package, above src/ and build/ in the repository. */
export async function packageVersion(): Promise<string> {
  for (const folder of ['../../', '../../../']) {
    const text = await readFile(new URL(`${folder}package.json`, import.meta.url), 'utf8').catch(() => '{}');
    const { name, version } = JSON.parse(text) as { name?: string; version?: string };
    if (name === 'foretoken' && version) return version;
  }
  throw new ForetokenError('source.read', 'the package.json of foretoken was not found');
}
