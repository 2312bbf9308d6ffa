import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { load } from '../../src/index.ts';
import { assert, repositoryFile, test } from '../harness.ts';
import { fixturePath } from '../model/fixture-model.ts';
import { foretoken } from './command.ts';

const MODEL = fixturePath('test-300k');
const EMBEDDED = repositoryFile('weights/foretoken-code');

async function lines(parameters: string[], input?: string): Promise<{ tokens: number; embedding: number[] }[]> {
  const { code, stdout, stderr } = await foretoken(['embed', ...parameters], input === undefined ? {} : { input });
  assert.is(code, 0, stderr);
  assert.is(stderr, '');
  assert.is(stdout.at(-1), '\n');
  return stdout
    .slice(0, -1)
    .split('\n')
    .map((line) => JSON.parse(line));
}

test('token ids give one line: the vector of the library, to the bit', async () => {
  const model = await load(MODEL);
  for (const [parameters, options] of [
    [[], {}],
    [['--pooling', 'last', '--raw'], { pooling: 'last', normalise: false }],
  ] as const) {
    const [vector] = await model.embed([[1, 2, 3, 4]], options);
    assert.equal(await lines(['--model', MODEL, '--prompt-ids', '1,2,3,4', ...parameters]), [
      { tokens: 4, embedding: [...vector!] },
    ]);
  }
});

test('lines of stdin or of a file are texts, an argument is one text', async () => {
  const model = await load(EMBEDDED);
  const texts = ['const a = 1;', 'export function clamp('];
  const vectors = await model.embed(texts);
  const expected = texts.map((text, i) => ({ tokens: model.encode(text).length, embedding: [...vectors[i]!] }));
  assert.equal(await lines(['--model', EMBEDDED], `${texts.join('\r\n')}\n`), expected);
  assert.equal(await lines(['--model', EMBEDDED, texts[1]!]), [expected[1]]);
  const folder = mkdtempSync(join(tmpdir(), 'foretoken-'));
  writeFileSync(join(folder, 'texts.txt'), texts.join('\n'));
  assert.equal(await lines(['--model', EMBEDDED, '--file', join(folder, 'texts.txt')]), expected);
  rmSync(folder, { recursive: true });
});

test('bad usage is told: another pooling, an empty line, nothing at all', async () => {
  for (const [parameters, code, input] of [
    [['--prompt-ids', '1', '--pooling', 'cls'], 'option.range'],
    [['--model', EMBEDDED], 'prompt.length', 'a\n\nb\n'],
    [['--model', EMBEDDED, 'a', '--prompt-ids', '1'], 'usage.prompt'],
  ] as const) {
    const outcome = await foretoken(['embed', '--model', MODEL, ...parameters], input === undefined ? {} : { input });
    assert.is(outcome.code, 2);
    assert.match(outcome.stderr, new RegExp(`error\\[${code}\\]`));
  }
});

test.run();
