/**
 * The promises on Node, Deno, Bun and workerd.
 * @module
 */
import { assert, test } from '../harness.ts';
import { brokenPromises } from './expectation.ts';
import { bundleForProcesses, bundleForWorkerd, PROCESSES, runOnProcess, runOnWorkerd, servedFolders } from './hosts.ts';
import { startServer, type TestServer } from './server.ts';

let server: TestServer;

test.before(async () => {
  server = await startServer(servedFolders);
  await bundleForProcesses();
  await bundleForWorkerd();
});

test.after(() => server.close());

for (const name of PROCESSES) {
  test(`every promise is kept on ${name}, with the committed bits`, async () => {
    assert.equal(brokenPromises(await runOnProcess(name, server)), []);
  });
}

test('every promise is kept on workerd, with the committed bits', async () => {
  assert.equal(brokenPromises(await runOnWorkerd(server)), []);
});

test.run();
