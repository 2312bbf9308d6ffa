/**
 * What a page of test/packaging/page must come to: the same calls on Node, on the same packed package.
 * @module
 */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { repositoryFile } from '../harness.ts';
import { packedFolder } from '../runtimes/hosts.ts';

/** The part of the package that the page uses. */
interface Package {
  load(path: string): Promise<{
    generate(prompt: string, options: { maxTokens: number; draft: string }): AsyncIterable<{ token: number }>;
  }>;
}

let tokens: Promise<number[]> | undefined;

/** (8,) tokens after `export function`. */
export function expectedTokens(): Promise<number[]> {
  tokens ??= generate();
  return tokens;
}

async function generate(): Promise<number[]> {
  const entry = join(packedFolder, 'node_modules/foretoken/dist/index.js');
  const { load } = (await import(pathToFileURL(entry).href)) as Package;
  const model = await load(repositoryFile('weights/foretoken-code'));
  const result: number[] = [];
  for await (const piece of model.generate('export function', { maxTokens: 8, draft: 'none' }))
    result.push(piece.token);
  return result;
}
