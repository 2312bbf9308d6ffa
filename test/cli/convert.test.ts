import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bytesSource } from '../../src/formats/byte-source.ts';
import { readGguf } from '../../src/formats/gguf.ts';
import { assert, repositoryFile, test } from '../harness.ts';
import { fixturePath } from '../model/fixture-model.ts';
import { foretoken } from './command.ts';

const MODEL = repositoryFile('weights/foretoken-code');
let folder: string;

test.before.each(() => {
  folder = mkdtempSync(join(tmpdir(), 'foretoken-convert-'));
});
test.after.each(() => rmSync(folder, { recursive: true }));

const done = { code: 0, stdout: '', stderr: '' };

test('convert writes a GGUF file that generates the text of its folder, and a folder that does, too', async () => {
  const [file, back] = [join(folder, 'model.gguf'), join(folder, 'back/again')];
  assert.equal(await foretoken(['convert', MODEL, file, '--dtype', 'q8']), done);
  assert.equal(await foretoken(['convert', file, back]), done);
  assert.equal(readdirSync(back).sort(), ['config.json', 'model.safetensors', 'tokenizer.json']);
  const texts = await Promise.all(
    [MODEL, file, back].map((model) =>
      foretoken(['generate', 'export function', '--model', model, '--max-tokens', '12', '--dtype', 'q8']),
    ),
  );
  assert.is(texts[0]!.code, 0, texts[0]!.stderr);
  assert.ok(texts[0]!.stdout.length > 0);
  for (const text of texts) assert.equal(text, texts[0]);
});

test('nothing is written over, and a failure leaves nothing behind', async () => {
  const file = join(folder, 'model.gguf');
  writeFileSync(file, 'mine');
  const existing = await foretoken(['convert', fixturePath('grouped'), file]);
  assert.is(existing.code, 2);
  assert.match(existing.stderr, /^error\[usage\.argument\]: [^\n]*model\.gguf[^\n]*\n$/);
  assert.is(readFileSync(file, 'utf8'), 'mine');
  writeFileSync(join(folder, 'config.json'), '{}');
  assert.is((await foretoken(['convert', fixturePath('grouped'), folder])).code, 2);
  rmSync(join(folder, 'config.json'));

  const cut = join(folder, 'cut.gguf');
  const bytes = readFileSync(repositoryFile('test/fixtures/gguf/grouped-q8_0.gguf'));
  const { tensors } = await readGguf(bytesSource(bytes, 'model.gguf'));
  bytes.set([0, 0x7c], tensors.get('blk.1.ffn_up.weight')!.begin); // a scale that is infinite
  writeFileSync(cut, bytes);
  const failed = await foretoken(['convert', cut, join(folder, 'out.gguf'), '--dtype', 'f32']);
  assert.is(failed.code, 1);
  assert.match(failed.stderr, /^error\[file\.nonfinite\]: [^\n]*\n$/);
  assert.equal(readdirSync(folder).sort(), ['cut.gguf', 'model.gguf']);
});

test('bad usage is told in one line', async () => {
  for (const [parameters, code] of [
    [[], 'usage.argument'],
    [['a'], 'usage.argument'],
    [['a', 'b.gguf', 'c'], 'usage.argument'],
    [['a', 'b.gguf', '--dtype', 'q5'], 'usage.option'],
  ] as const) {
    const { code: exit, stderr } = await foretoken(['convert', ...parameters]);
    assert.is(exit, 2);
    assert.match(stderr, new RegExp(`^error\\[${code}\\]: [^\\n]*\\n$`));
  }
  assert.not.ok(existsSync('b.gguf'));
});

test.run();
