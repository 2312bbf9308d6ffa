/**
 * Models by their id on Node, Deno, Bun, Chromium and Firefox: the tokens that the model's folder gives, one download however often it is loaded, the
 * token for the hub alone, progress and abort. What else a hub may answer is in test/hub, on Node.
 * @module
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { load } from '../../src/load.ts';
import { assert, repositoryFile, test } from '../harness.ts';
import { COMMIT, serveHub, type TestHub } from '../hub/hub-server.ts';
import { bundleForHub, PROCESSES, runHubOnProcess, runOnBrowser, servedFolders } from './hosts.ts';
import { HUB_CONTEXT, HUB_PROMPT, HUB_TOKENS, type HubOutcome, type HubPhase } from './hub-outcome.ts';
import { startServer, type TestServer } from './server.ts';

const MODEL = repositoryFile('test/fixtures/models/sharded');
const TOKEN = 'hf_secret';
const files = Object.fromEntries(
  readdirSync(MODEL).map((name) => [name, new Uint8Array(readFileSync(join(MODEL, name)))]),
);
const parameters = { branch: 'hf:owner/name@main', commit: `hf:owner/name@${COMMIT}`, token: TOKEN };

let server: TestServer;
let expected: readonly number[];

test.before(async () => {
  server = await startServer(servedFolders);
  await bundleForHub();
  const model = await load(MODEL, { context: HUB_CONTEXT });
  const generation = model.generate(HUB_PROMPT, { maxTokens: HUB_TOKENS });
  await generation.text();
  expected = [...generation.tokens];
  model.dispose();
});

test.after(() => server.close());

type Report = HubOutcome | { readonly error: string };

/** A hub that sends the configuration by itself and refers to another origin for the weights. */
async function faultsOf(run: (hub: TestHub) => Promise<unknown>): Promise<string[]> {
  const hub = await serveHub({ [COMMIT]: files }, files['config.json']!.length);
  try {
    return faults((await run(hub)) as Report, hub.asked);
  } finally {
    await hub.close();
  }
}

/** What is wrong, one line each. */
function faults(report: Report, asked: TestHub['asked']): string[] {
  if ('error' in report) return [report.error];
  const during = (phase: HubPhase) => {
    const start = asked.findIndex(({ path }) => path === `/phase/${phase}`) + 1;
    const length = asked.slice(start).findIndex(({ path }) => path.startsWith('/phase/'));
    return asked.slice(start, length === -1 ? undefined : start + length);
  };
  const files = asked.filter(({ path }) => !path.startsWith('/phase/'));
  const tokensAt = (place: 'hub' | 'store') =>
    [...new Set(files.filter(({ at }) => at === place).map(({ token }) => token))].join();
  const { first, again, byCommit, progress, aborted } = report;
  const claims: Record<string, boolean> = {
    'the first loading gives the tokens of the folder': first.join() === expected.join(),
    'the second one, too': again.join() === expected.join(),
    'and that by the commit': byCommit.join() === expected.join(),
    'the first loading reads from hub and store': new Set(during('first').map(({ at }) => at)).size === 2,
    'the second one asks for the branch, and nothing else':
      during('again').map(({ path }) => path).join() === 'config.json', // biome-ignore format: one line each
    'a commit that is known is not asked for': during('commit').length === 0,
    'the token goes to the hub': tokensAt('hub') === `Bearer ${TOKEN}`,
    'and not to the store': tokensAt('store') === '',
    'progress comes to an end': progress.calls > 3 && progress.loadedBytes === progress.totalBytes,
    'an abort throws its reason': aborted,
  };
  return Object.keys(claims).filter((claim) => !claims[claim]);
}

for (const name of PROCESSES) {
  test(`a model by its id is downloaded once on ${name}, and its token stays with the hub`, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'foretoken-hub-'));
    try {
      assert.equal(await faultsOf((hub) => runHubOnProcess(name, server, { hub: hub.url, ...parameters, folder })), []);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
}

for (const name of ['chromium', 'firefox'] as const) {
  test(`a model by its id is downloaded once by a page on ${name}, and its token stays with the hub`, async () => {
    assert.equal(await faultsOf((hub) => runOnBrowser(name, server, 'hub', { hub: hub.url, ...parameters })), []);
  });
}

test('a loading that keeps nothing is seen (planted fault)', async () => {
  const found = await faultsOf((hub) =>
    runHubOnProcess('node-26', server, { hub: hub.url, ...parameters, folder: '' }),
  );
  assert.equal(found, [
    'the second one asks for the branch, and nothing else',
    'a commit that is known is not asked for',
  ]);
});

test.run();
