/** The examples of docs/loading.md, "Load your model", run word for word: each as a program of its own. On Deno and Bun: test/runtimes. */
import process from 'node:process';
import { assert, test } from '../harness.ts';
import { startChild } from '../runtimes/child.ts';
import { LOADING_EXAMPLES, type LoadingWorld, loadingWorld } from './loading-examples.ts';

let world: LoadingWorld;

test.before(async () => void (world = await loadingWorld()));
test.after(() => world.close());

async function run(code: string) {
  const child = startChild(process.execPath, [world.program(code)], world);
  return { code: await child.ended, output: child.output() };
}

test('there is an example for each source', () => assert.is(LOADING_EXAMPLES.length, 7));

for (const { title, code } of LOADING_EXAMPLES) {
  test(`${title} loads a model that generates`, async () => {
    const { code: status, output } = await run(code);
    assert.is(status, 0, output);
    assert.match(output, /^tokens 2$/m);
  });
}

test('an example that does not work is seen', async () => {
  const { code, output } = await run("import { load } from 'foretoken';\nconst model = await load('hf:owner/other');");
  assert.is(code, 1);
  assert.match(output, /hub\.missing/);
});

test.run();
