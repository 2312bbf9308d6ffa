/**
 * Node, Deno and Bun: entry-hub-process.js NAME SERVER HUB BRANCH COMMIT TOKEN FOLDER; downloads are kept in FOLDER, or nowhere when it is empty.
 * @module
 */
import { loadAndPost, loadFromHub } from './hub-load.ts';

const [name, base, url, branch, commit, token, folder] = process.argv.slice(2) as [
  ...[string, string, string, string, string, string, string],
];
const cacheIn = (name: string) => (folder === '' ? false : `${folder}/${name}`);
const loading = loadFromHub({ branch, commit }, { url, token, cache: cacheIn('kept') }, cacheIn('empty'));
await loadAndPost(name, base, loading);
