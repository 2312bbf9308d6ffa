/**
 * The examples of the README that are programs, run as a reader would run them.
 * @module
 */
import { assert, repositoryFile, test } from '../harness.ts';
import { startProcess } from './hosts.ts';

const EXAMPLES = [
  ['node-20', 'examples/node.mjs'],
  ['node-26', 'examples/node.mjs'],
  ['deno', 'examples/deno.ts'],
  ['bun', 'examples/bun.ts'],
] as const;

let first: string | undefined;

for (const [host, example] of EXAMPLES) {
  test(`${example} writes the same text on ${host} as on the others`, async () => {
    const child = startProcess(host, repositoryFile(example));
    assert.is(await child.ended, 0, child.output());
    first ??= child.written();
    assert.ok(first.length > 40, first);
    assert.is(child.written(), first);
  });
}

test.run();
