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

const threadsOn = (name: string) => (name === 'node-26' ? [1, 2, 4] : [1, 2]);

for (const name of PROCESSES) {
  for (const threads of threadsOn(name)) {
    test(`every promise is kept on ${name} on ${threads} threads, with the committed bits`, async () => {
      assert.equal(brokenPromises(await runOnProcess(name, server, threads)), []);
    });
  }
}

for (const build of ['plain', 'relaxed'] as const) {
  test(`every promise is kept on workerd with ${build} kernels, which has one thread and says so, with the committed bits`, async () => {
    assert.equal(brokenPromises(await runOnWorkerd(server, build)), []);
  });
}

test.run();
