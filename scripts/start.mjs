/**
 * `npm start`: installs and builds what is missing, then shows plain and speculative decoding of one prompt side by side.
 * Parameters after `--` go to the demonstration.
 */
import { ensureInstalled } from './lib/install.mjs';
import { runNode } from './lib/repository.mjs';
import { build } from './lib/tasks.mjs';

await ensureInstalled('.');
await build();
const { code } = await runNode(['dist/cli/main.js', 'demo', ...process.argv.slice(2)]);
process.exitCode = code;
