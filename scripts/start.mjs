/**
 * `npm start`: installs and builds what is missing, then shows plain and speculative decoding of the same prompts.
 */
import { ensureInstalled } from './lib/install.mjs';
import { runNode } from './lib/repository.mjs';
import { build } from './lib/tasks.mjs';

await ensureInstalled('.');
await build();
const { code } = await runNode(['scripts/demo.mjs']);
process.exitCode = code;
