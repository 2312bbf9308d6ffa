/** docs/errors.md lists exactly the codes that the source throws. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { assert, repositoryFile, test } from '../harness.ts';

const listed = new Set(
  [...readFileSync(repositoryFile('docs/errors.md'), 'utf8').matchAll(/^\| `([a-z]+\.[a-zA-Z]+)`/gm)].map(
    ([, code]) => code!,
  ),
);
const areas = new Set([...listed].map((code) => code.split('.')[0]!));

/** Every string of the form area.reason in the TypeScript files of a folder, for the areas that the list has. */
function codesIn(folder: string): Set<string> {
  const codes = new Set<string>();
  for (const file of readdirSync(repositoryFile(folder), { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('.ts') || file.includes('node_modules')) continue;
    const source = readFileSync(join(repositoryFile(folder), file), 'utf8');
    for (const [, code, area] of source.matchAll(/'(([a-z]+)\.[a-zA-Z]+)'/g)) if (areas.has(area!)) codes.add(code!);
  }
  return codes;
}

/** Names of files and of options that have the form of a code. */
const otherStrings = new Set([
  ...['config.json', 'tokenizer.json', 'model.safetensors'],
  ...['hub.url', 'hub.token', 'hub.cache'],
]);

test('every code that the source throws is listed', () => {
  const missing = [...codesIn('src')].filter((code) => !listed.has(code) && !otherStrings.has(code));
  assert.equal(missing, []);
});

test('every listed code is thrown by the source or expected by a test', () => {
  const known = new Set([...codesIn('src'), ...codesIn('test')]);
  assert.equal(
    [...listed].filter((code) => !known.has(code)),
    [],
  );
  assert.ok(listed.size >= 27, `${listed.size} codes`);
});

test.run();
