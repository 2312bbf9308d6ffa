/**
 * Node, Deno and Bun: entry-process.js NAME SERVER REPOSITORY [THREADS]
 * @module
 */
import { runAndPost } from './outcome.ts';

const [name, base, folder, threads = '1'] = process.argv.slice(2) as [string, string, string, string?];
await runAndPost(name, { base, folder, threads: Number(threads), granted: Number(threads) });
