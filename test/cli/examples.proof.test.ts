import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { assert, repositoryFile, test } from '../harness.ts';

const NODE_EXAMPLE = 'examples/node.mjs';

function run(script: string): Promise<{ code: number | null; stdout: string; stderr: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [repositoryFile(script)]);
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}

test('the example for Node generates text with the built package and the embedded model', async () => {
  const { code, stdout, stderr } = await run(NODE_EXAMPLE);
  assert.is(code, 0, stderr);
  assert.ok(stdout.length > 0);
  assert.match(stderr, /^\d+ tokens\/s$/m);
});

test('the README shows the example for Node as it stands in its file', () => {
  const readme = readFileSync(repositoryFile('README.md'), 'utf8');
  assert.ok(readme.includes(readFileSync(repositoryFile(NODE_EXAMPLE), 'utf8')));
});

test('every file that the README and the documentation link to exists', () => {
  for (const page of ['README.md', 'docs/architecture.md', 'docs/decoding.md', 'docs/performance.md']) {
    const text = readFileSync(repositoryFile(page), 'utf8');
    const links = [...text.matchAll(/\]\(([^)#:]+)\)/g)].map(([, link]) => link!);
    assert.ok(links.length > 0, page);
    for (const link of links) {
      const target = join(dirname(repositoryFile(page)), link);
      assert.ok(existsSync(target), `${page} links to ${link}`);
    }
  }
});

test.run();
