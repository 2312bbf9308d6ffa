/**
 * The promises in the pages of Chromium and Firefox, isolated and not.
 * @module
 */
import { assert, test } from '../harness.ts';
import { brokenPromises } from './expectation.ts';
import { bundleForPages, ISOLATION, runOnPage, servedFolders } from './hosts.ts';
import { startServer, type TestServer } from './server.ts';

const BROWSERS = { Chromium: 'chromium', Firefox: 'firefox' } as const;

let isolated: TestServer;
let plain: TestServer;

test.before(async () => {
  isolated = await startServer(servedFolders, ISOLATION);
  plain = await startServer(servedFolders);
  await bundleForPages();
});

test.after(() => {
  isolated.close();
  plain.close();
});

for (const [name, browser] of Object.entries(BROWSERS)) {
  for (const threads of [1, 2]) {
    test(`every promise is kept on ${name} on ${threads} threads, with the committed bits`, async () => {
      assert.equal(brokenPromises(await runOnPage(browser, isolated, { threads, granted: threads })), []);
    });
  }

  test(`every promise is kept in a worker of a page on ${name}, on two threads, with the committed bits`, async () => {
    assert.equal(brokenPromises(await runOnPage(browser, isolated, { threads: 2, granted: 2, inWorker: true })), []);
  });

  test(`a page on ${name} that is not isolated has one thread and says so, and keeps every promise`, async () => {
    assert.equal(brokenPromises(await runOnPage(browser, plain, { threads: 2, granted: 1 })), []);
  });
}

test.run();
