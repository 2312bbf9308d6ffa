/** The command line with models of a hub, and `foretoken cache`. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { foretoken } from './command.ts';
import { assert, repositoryFile, test } from '../harness.ts';
import { COMMIT, serveHub } from '../hub/hub-server.ts';

const files = Object.fromEntries(
  ['config.json', 'model.safetensors'].map((name) => [
    name,
    new Uint8Array(readFileSync(repositoryFile(`test/fixtures/models/grouped/${name}`))),
  ]),
);

test('inspect, generate and convert take ids; cache lists and removes what they kept', async () => {
  const hub = await serveHub({ [COMMIT]: files });
  const folder = mkdtempSync(join(tmpdir(), 'foretoken-cache-'));
  const env = { FORETOKEN_CACHE: join(folder, 'cache'), HF_ENDPOINT: hub.url, HF_TOKEN: 'hf_secret\n' };
  const run = (...parameters: string[]) => foretoken(parameters, { env });
  try {
    assert.match((await run('cache')).stdout, /^nothing is kept/);
    const inspected = await run('inspect', 'hf:owner/name', '--json');
    const expected = await foretoken(['inspect', repositoryFile('test/fixtures/models/grouped'), '--json']);
    assert.is(inspected.stderr, '');
    assert.equal(JSON.parse(inspected.stdout), JSON.parse(expected.stdout));
    assert.ok(hub.asked.some(({ at, token }) => at === 'hub' && token === 'Bearer hf_secret'));

    const generated = await run('generate', '--model', 'hf:owner/name', '--prompt-ids', '1,2', '--max-tokens', '4');
    assert.is(generated.code, 0, generated.stderr);
    const converted = await run('convert', `hf:owner/name@${COMMIT}`, join(folder, 'model.gguf'));
    assert.is(converted.code, 0, converted.stderr);

    const { kept } = JSON.parse((await run('cache', 'list', '--json')).stdout);
    assert.equal(
      kept.map(({ hub: at, id }: { hub: string; id: string }) => [at, id]),
      [[new URL(hub.url).host, 'hf:owner/name']],
    );
    assert.ok(kept[0].bytes > files['model.safetensors']!.length);
    assert.match((await run('cache')).stdout, /^hf:owner\/name /m);
    assert.match((await run('cache', 'remove', 'hf:owner/name')).stdout, /^removed /);
    assert.match((await run('cache')).stdout, /^nothing is kept/);
    const again = await run('cache', 'remove', 'hf:owner/name');
    assert.is(again.code, 1);
    assert.match(again.stderr, /^error\[source\.missing\]/);
    for (const bad of [['clear'], ['remove'], ['list', 'hf:owner/name']]) {
      assert.is((await run('cache', ...bad)).code, 2, bad.join(' '));
    }
  } finally {
    await hub.close();
    rmSync(folder, { recursive: true, force: true });
  }
});

test.run();
