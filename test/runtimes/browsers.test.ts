/**
 * The promises in the pages of Chromium and Firefox.
 * @module
 */
import { assert, test } from '../harness.ts';
import { brokenPromises } from './expectation.ts';
import { bundleForPages, runOnChromium, runOnFirefox, servedFolders } from './hosts.ts';
import { startServer, type TestServer } from './server.ts';

let server: TestServer;

test.before(async () => {
  server = await startServer(servedFolders);
  await bundleForPages();
});

test.after(() => server.close());

test('every promise is kept on Chromium, with the committed bits', async () => {
  assert.equal(brokenPromises(await runOnChromium(server)), []);
});

test('every promise is kept on Firefox, with the committed bits', async () => {
  assert.equal(brokenPromises(await runOnFirefox(server)), []);
});

test.run();
