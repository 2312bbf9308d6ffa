/**
 * What test/packaging/page is asked, and must come to: the same call on Node, on the same packed package.
 * @module
 */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { repositoryFile } from '../repository.ts';
import { packedFolder } from '../runtimes/hosts.ts';

/** Folder of the model, from the repository and from the test server alike. */
export const MODEL = 'weights/foretoken-code/';
export const PROMPT = 'export function clamp(';

/** (8,) tokens of plain decoding on Node. */
export async function expectedTokens(): Promise<readonly number[]> {
  const entry = join(packedFolder, 'node_modules/foretoken/dist/index.js');
  const { load }: typeof import('foretoken') = await import(pathToFileURL(entry).href);
  const model = await load(repositoryFile(MODEL));
  const generation = model.generate(PROMPT, { maxTokens: 8, draft: 'none' });
  await generation.text();
  return generation.tokens;
}
