/** `foretoken index` and `--store`: a store from files, and generations that draft from it, with the very same text. */
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openStore } from '../../src/drafters.ts';
import { load } from '../../src/index.ts';
import { assert, repositoryFile, test } from '../harness.ts';
import { foretoken } from './command.ts';

const MODEL = repositoryFile('weights/foretoken-code');
const folder = mkdtempSync(join(tmpdir(), 'foretoken-index-'));
const path = (name: string) => join(folder, name);
test.after(() => rmSync(folder, { recursive: true }));

const SOURCE = readFileSync(repositoryFile('src/tree/draft-tree.ts'), 'utf8');

test('a store holds the tokens of its files, documents apart', async () => {
  writeFileSync(path('one.ts'), SOURCE);
  writeFileSync(path('two.ts'), 'export const two = 2;\n');
  const { code, stdout, stderr } = await foretoken([
    'index',
    path('one.ts'),
    path('two.ts'),
    '--model',
    MODEL,
    '--out',
    path('text.store'),
  ]);
  assert.is(code, 0, stderr);
  const { tokenizer, config } = await load(MODEL);
  const ids = [SOURCE, 'export const two = 2;\n'].map((text) => [...tokenizer!.encode(text)]);
  const store = await openStore(path('text.store'));
  assert.is(store.vocab, config.vocab);
  assert.is(store.tokens, ids[0]!.length + ids[1]!.length + 2);
  assert.match(stdout, `${store.tokens} tokens of 2 files`);
  const drafter = store.drafter();
  drafter.begin(Int32Array.from(ids[0]!.slice(0, 40)));
  assert.equal([...(await drafter.propose(6)).tokens], ids[0]!.slice(39, 45));
});

test('what exists is not written over, and nothing is left of a run that failed', async () => {
  const again = await foretoken(['index', path('one.ts'), '--model', MODEL, '--out', path('text.store')]);
  assert.is(again.code, 2);
  assert.match(again.stderr, 'error[usage.argument]');
  writeFileSync(path('binary'), Uint8Array.of(0x61, 0xff, 0xfe));
  for (const [file, code] of [
    ['binary', 'store.text'],
    ['absent', 'source.read'],
  ] as const) {
    const failed = await foretoken(['index', path(file), '--model', MODEL, '--out', path('other.store')]);
    assert.match(failed.stderr, `error[${code}]`);
    assert.throws(() => statSync(path('other.store')), 'ENOENT');
  }
});

test('files and --out must be given', async () => {
  assert.match((await foretoken(['index', path('one.ts'), '--model', MODEL])).stderr, 'error[usage.option]');
  assert.match(
    (await foretoken(['index', '--out', path('x.store'), '--model', MODEL])).stderr,
    'error[usage.argument]',
  );
});

test('with a store and a prediction the text is the same, and tokens of both are accepted', async () => {
  const prompt = SOURCE.slice(0, 900);
  const run = async (...more: string[]) => {
    const { code, stdout, stderr } = await foretoken([
      'generate',
      prompt,
      '--model',
      MODEL,
      '--max-tokens',
      '48',
      '--json',
      ...more,
    ]);
    assert.is(code, 0, stderr);
    return JSON.parse(stdout);
  };
  const plain = await run('--draft', 'none');
  writeFileSync(path('expected.txt'), plain.text);
  const drafted = await run(
    '--draft',
    'automaton',
    '--store',
    path('text.store'),
    '--prediction',
    path('expected.txt'),
  );
  assert.equal(drafted.tokens, plain.tokens);
  assert.equal(Object.keys(drafted.stats.sources), ['reference', 'automaton', 'store', 'several']);
  assert.ok(drafted.stats.sources.reference.accepted + drafted.stats.sources.several.accepted > 20);
  const auto = await run('--store', path('text.store'));
  assert.equal(auto.tokens, plain.tokens);
  assert.ok('store' in auto.stats.sources);
});

test('a store needs somebody who drafts', async () => {
  const { code, stderr } = await foretoken([
    'generate',
    'x',
    '--model',
    MODEL,
    '--draft',
    'none',
    '--store',
    path('text.store'),
  ]);
  assert.is(code, 2);
  assert.match(stderr, 'error[usage.option]');
});

test.run();
