/** The list of planted faults in docs/testing.md is that of the tests: each title stands in the file that it is said to stand in. */
import { readFileSync } from 'node:fs';
import { assert, repositoryFile, test } from '../harness.ts';

const docs = readFileSync(repositoryFile('docs/testing.md'), 'utf8');
const rows = [...docs.matchAll(/^\| ([^|`]+) \| `(test\/[^`]+\.test\.ts)` \| ([^|]+) \|$/gm)].map(
  ([, fault, file, title]) => ({ fault: fault!, file: file!, title: title! }),
);

/** Whether a file has a test, or an entry in a table of tests, of this title. */
function hasTitle(file: string, title: string): boolean {
  const source = readFileSync(repositoryFile(file), 'utf8');
  return new RegExp(`['"\`](?:a planted fault is seen: )?${title.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}`).test(source);
}

test('fourteen faults are listed, each once, with a test that is there', () => {
  assert.is(rows.length, 14);
  assert.is(new Set(rows.map(({ fault }) => fault)).size, 14);
  for (const { file, title } of rows) assert.ok(hasTitle(file, title), `${file} has no test "${title}"`);
});

test('a title that no test has is seen', () => {
  const [first] = rows;
  assert.not(hasTitle(first!.file, `${first!.title} elsewhere`));
});

test.run();
