/**
 * The packed tarball as others see it: what is in it and how it resolves.
 * @module
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { assert, repositoryFile, test } from '../harness.ts';
import { startChild } from '../runtimes/child.ts';
import { packedFolder } from '../runtimes/hosts.ts';

const installed = join(packedFolder, 'node_modules/foretoken');
const manifest = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'));
const tarball = join(packedFolder, `foretoken-${manifest.version}.tgz`);

/** Runs a checker of the private package. @throws {Error} with its output when it complains */
async function check(script: string, ...parameters: string[]): Promise<void> {
  const child = startChild(process.execPath, [repositoryFile(`test/runtimes/node_modules/${script}`), ...parameters]);
  const code = await child.ended;
  if (code !== 0) throw new Error(child.output());
}

test('the tarball has no dependencies and holds only dist and what npm adds', () => {
  assert.not(manifest.dependencies);
  assert.not(manifest.optionalDependencies);
  const expected = ['LICENSE', 'README.md', 'dist', 'package.json'];
  assert.equal(readdirSync(installed).sort(), expected);
  const entries = readdirSync(join(installed, 'dist'), { recursive: true }) as string[];
  const strange = entries.filter((path) => path.includes('.') && !/\.(js|d\.ts|wasm|d\.wasm\.ts)$/.test(path));
  assert.equal(strange, []);
});

test('every file that package.json names is in the tarball', () => {
  const named: string[] = [];
  const collect = (value: unknown): void => {
    if (typeof value === 'string') named.push(value);
    else for (const inner of Object.values(value as object)) collect(inner);
  };
  collect(manifest.exports);
  collect(manifest.bin);
  assert.equal(
    named.filter((path) => !existsSync(join(installed, path))),
    [],
  );
});

for (const [name, folder] of [
  ['foretoken', installed],
  ['foretoken-code', join(packedFolder, 'node_modules/foretoken-code')],
  ['foretoken-code-28m', repositoryFile('weights/foretoken-code-28m')],
] as const) {
  test(`publint has nothing to say of ${name}`, () => check('publint/src/cli.js', folder, '--strict'));
}

test('are the types wrong? no', () => check('@arethetypeswrong/cli/dist/index.js', tarball, '--profile', 'esm-only'));

test.run();
