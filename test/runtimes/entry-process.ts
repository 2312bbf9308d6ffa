/**
 * Node, Deno and Bun: entry-process.js NAME SERVER REPOSITORY
 * @module
 */
import { runAndPost } from './outcome.ts';

const [name, base, folder] = process.argv.slice(2) as [string, string, string];
await runAndPost(name, { base, folder });
