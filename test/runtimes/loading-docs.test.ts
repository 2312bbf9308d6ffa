/**
 * The examples of docs/loading.md, "Load your model", on Deno and Bun word for word, and on Deno with the permissions that the page names. On Node:
 * test/cli/loading-docs.proof.test.ts.
 * @module
 */
import { type LoadingExample, LOADING_EXAMPLES, type LoadingWorld, loadingWorld } from '../cli/loading-examples.ts';
import { assert, test } from '../harness.ts';
import { startProcess } from './hosts.ts';

/** What the page asks for: a folder or a package is read, an address needs the network, and a hub a place to keep what it downloads. */
const FILES = ['--allow-read'];
const ADDRESSES = [...FILES, '--allow-net'];
const HUB = [...ADDRESSES, '--allow-env', '--allow-sys', '--allow-write'];
const allowFor = ({ code }: LoadingExample) => (/hf:/.test(code) ? HUB : /https:/.test(code) ? ADDRESSES : FILES);

let world: LoadingWorld;

test.before(async () => void (world = await loadingWorld()));
test.after(() => world.close());

for (const name of ['deno', 'bun'] as const) {
  for (const example of LOADING_EXAMPLES) {
    test(`${example.title} loads a model that generates, on ${name}`, async () => {
      const child = startProcess(name, world.program(example.code), [], { ...world, allow: allowFor(example) });
      assert.is(await child.ended, 0, child.output());
      assert.match(child.written(), /^tokens 2$/m);
    });
  }
}

test('a permission that is missing is seen (planted fault)', async () => {
  const { code } = LOADING_EXAMPLES.find((example) => allowFor(example) === ADDRESSES)!;
  const child = startProcess('deno', world.program(code), [], { ...world, allow: FILES });
  assert.is.not(await child.ended, 0, child.output());
});

test.run();
