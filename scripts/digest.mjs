/**
 * `npm run test:digest`: writes test/runtimes/digest.json anew, from Node 20. For a commit that means to change bits; every other
 * runtime is then compared with it.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensureInstalled } from './lib/install.mjs';
import { root } from './lib/repository.mjs';
import { build, buildTests, pack } from './lib/tasks.mjs';

await ensureInstalled('.');
await ensureInstalled('test/runtimes');
await build();
await buildTests();
await pack();

const { bundleForProcesses, runOnProcess, servedFolders } = await import('../build/test/runtimes/hosts.js');
const { startServer } = await import('../build/test/runtimes/server.js');
const server = await startServer(servedFolders);
try {
  await bundleForProcesses();
  const { error, digests } = await runOnProcess('node-20', server);
  if (error) throw new Error(error);
  writeFileSync(join(root, 'test/runtimes/digest.json'), `${JSON.stringify(digests, null, 2)}\n`);
  console.log(digests);
} finally {
  server.close();
}
