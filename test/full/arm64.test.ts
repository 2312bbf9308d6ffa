/**
 * The promises on another processor: Node for arm64 under emulation comes to the committed bits.
 * @module
 */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { assert, note, repositoryFile, test } from '../harness.ts';
import { startChild } from '../runtimes/child.ts';
import { brokenPromises } from '../runtimes/expectation.ts';
import { bundleForProcesses, packedFolder, servedFolders } from '../runtimes/hosts.ts';
import type { Report } from '../runtimes/outcome.ts';
import { startServer } from '../runtimes/server.ts';

/** Emulated vectors are some fifty times slower. */
const TIMEOUT_MS = 3_600_000;

test('every promise is kept on arm64, with the committed bits', async () => {
  const { arm64Node } = await import(pathToFileURL(repositoryFile('scripts/lib/arm64.mjs')).href);
  const [program, ...parameters]: [string, ...string[]] = await arm64Node();
  const server = await startServer(servedFolders);
  await bundleForProcesses();
  const script = join(packedFolder, 'runtimes/entry-process.js');
  const child = startChild(program, [...parameters, script, 'arm64', server.address, repositoryFile('.')]);
  const early = child.ended.then((code) => {
    throw new Error(`it ended with code ${code} and without a result:\n${child.output()}`);
  });
  try {
    const report = (await Promise.race([server.result('arm64', TIMEOUT_MS), early])) as Report;
    assert.equal(brokenPromises(report), []);
    if ('checks' in report) {
      note(`${Object.keys(report.checks).length} checks, ${Object.keys(report.digests).length} digests`);
    }
  } finally {
    early.catch(() => {});
    await child.stop();
    server.close();
  }
});

test.run();
