/** `foretoken train head`: a head for the embedded model from files, ctrl-C and --resume, and what is refused before the start. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseHeadConfig } from '../../src/heads/format.ts';
import { assert, repositoryFile, test } from '../harness.ts';
import { foretoken } from './command.ts';

const folder = mkdtempSync(join(tmpdir(), 'foretoken-train-'));
const path = (name: string) => join(folder, name);
test.after(() => rmSync(folder, { recursive: true }));

const DATA = repositoryFile('src/tree');
const RECIPE = [
  ...['--model', repositoryFile('weights/foretoken-code'), '--heads', '2', '--draft-vocab', '64', '--steps', '6'],
  ...['--length', '16', '--batch', '2', '--held-out', '2', '--evaluate-every', '3'],
];
const train = (out: string, ...more: string[]) => [
  'train',
  'head',
  '--kind',
  'medusa',
  '--data',
  DATA,
  '--out',
  path(out),
  ...RECIPE,
  ...more,
];

test('a folder of texts becomes a head with its card and curves, and memory is told beforehand', async () => {
  const { code, stdout, stderr } = await foretoken(train('whole', '--cache', path('states')));
  assert.is(code, 0, stderr);
  assert.match(stdout, /whole: medusa heads, \d\.\d+ tokens a pass/);
  assert.match(stderr, /memory: .* for training, .* for the model\n.*texts/);
  assert.match(stderr, /step 3: held-out loss .*, accepted \d+% \d+%, /);
  assert.equal(readdirSync(path('whole')).sort(), [
    'README.md',
    'accuracy.svg',
    'config.json',
    'loss.svg',
    'model.safetensors',
  ]);
  const { kind, heads, draftVocab, accuracy } = parseHeadConfig(
    new Uint8Array(readFileSync(path('whole/config.json'))),
  );
  assert.equal(
    { kind, heads, draftVocab, rows: accuracy!.length },
    { kind: 'medusa', heads: 2, draftVocab: 64, rows: 2 },
  );
  const card = readFileSync(path('whole/README.md'), 'utf8');
  for (const part of [
    'Medusa heads for',
    '64 most frequent tokens',
    'were held out',
    'src/tree',
    '6 updates of 2 windows',
  ]) {
    assert.ok(card.includes(part), part);
  }
  assert.match(readFileSync(path('whole/loss.svg'), 'utf8'), /<svg .*<title>Loss of the heads/s);
  assert.ok(readdirSync(path('states')).length >= 8);
});

test('ctrl-C saves, and says how to go on', async () => {
  const broken = await foretoken(train('broken', '--steps', '2000', '--checkpoint-every', '1'), {
    onMessage: (child, text) => void (text.includes('step 3') && !child.killed && child.kill('SIGINT')),
  });
  assert.is(broken.code, 130, broken.stderr);
  assert.match(broken.stderr, /saved in .*: the same command with --resume goes on/);
  assert.ok(existsSync(path('broken/checkpoint.safetensors')));
});

test('a run that was killed is resumed to the bits of one that went through', async () => {
  const killed = await foretoken(train('killed', '--checkpoint-every', '2'), {
    onMessage: (child, text) => void (text.includes('step 3') && !child.killed && child.kill('SIGKILL')),
  });
  assert.is(killed.code, null);
  assert.equal(readdirSync(path('killed')), ['checkpoint.safetensors']);
  const { code, stderr } = await foretoken(train('killed', '--checkpoint-every', '2', '--resume'));
  assert.is(code, 0, stderr);
  assert.equal(readFileSync(path('killed/model.safetensors')), readFileSync(path('whole/model.safetensors')));
  assert.equal(readFileSync(path('killed/config.json')), readFileSync(path('whole/config.json')));
});

for (const [what, parameters, code] of [
  ['nothing to train', ['train', '--kind', 'medusa'], 'usage.command'],
  ['no kind', ['train', 'head', '--out', path('none'), DATA], 'usage.option'],
  ['no folder', ['train', 'head', '--kind', 'medusa', DATA], 'usage.option'],
  ['no texts', ['train', 'head', '--kind', 'medusa', '--out', path('none')], 'usage.option'],
  ['a kind that there is not', train('none', '--kind', 'eagle'), 'option.range'],
  ['a text that is not there', [...train('none'), path('nowhere.md')], 'source.missing'],
  ['a folder that exists', train('whole'), 'usage.argument'],
  ['a run that never was', train('none', '--resume'), 'source.missing'],
  ['too little text', [...train('none'), '--held-out', '1000'], 'train.data'],
  ['more memory than there is', train('none', '--length', '2048', '--batch', '4096'), 'memory.limit'],
] as const) {
  test(`${what}: refused with ${code}, and nothing is written`, async () => {
    const outcome = await foretoken(parameters);
    assert.match(outcome.stderr, `error[${code}]`);
    assert.is.not(outcome.code, 0);
    assert.not(existsSync(path('none')));
  });
}

test('a named file that is no text is refused; in a folder it is left out', async () => {
  mkdirSync(path('data'));
  writeFileSync(path('data/bytes.bin'), Uint8Array.of(0xff, 0xfe, 0xfd));
  writeFileSync(path('data/words.txt'), 'a few words');
  const place = (data: string) =>
    foretoken(['train', 'head', '--kind', 'medusa', '--out', path('none'), ...RECIPE, data]);
  assert.match((await place(path('data/bytes.bin'))).stderr, 'error[train.data]: ');
  assert.match((await place(path('data'))).stderr, '1 text, 11 bytes; without 1 file of no text\n');
});

test.run();
