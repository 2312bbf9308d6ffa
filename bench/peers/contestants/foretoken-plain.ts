/**
 * Foretoken with the kernels for hosts without relaxed SIMD, as workerd and Node 20 have them. They come compiled, so there is one thread.
 * @module
 */
import { readFile } from 'node:fs/promises';
import { type Contestant, type Job, NotOffered } from './contestant.ts';
import { loadForetoken } from './foretoken.ts';

export async function load(job: Job): Promise<Contestant> {
  if (job.threads > 1) throw new NotOffered('compiled kernels have one thread');
  return loadForetoken(
    job,
    await WebAssembly.compile(await readFile(new URL('../../../build/kernels.wasm', import.meta.url))),
  );
}
