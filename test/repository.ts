/**
 * Where the files of the repository are.
 * @module
 */
import { fileURLToPath } from 'node:url';

/** Path of a file of the repository, whether the test runs as written or from build/. */
export function repositoryFile(path: string): string {
  const here = import.meta.url;
  return fileURLToPath(new URL(path, new URL(here.includes('/build/test/') ? '../../' : '../', here)));
}
