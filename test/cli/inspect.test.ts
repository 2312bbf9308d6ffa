import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeSafetensors } from '../../src/formats/safetensors-writer.ts';
import { modelFile, words } from '../formats/gguf-models.ts';
import { assert, repositoryFile, test } from '../harness.ts';
import { checkpointFiles } from '../model/architecture-models.ts';
import { fixturePath } from '../model/fixture-model.ts';
import { foretoken } from './command.ts';

const MODEL = fixturePath('test-300k');

test('inspect prints architecture, parameters, dtypes, memory and tensors of a folder', async () => {
  const { code, stdout, stderr } = await foretoken(['inspect', MODEL]);
  assert.is(code, 0, stderr);
  assert.is(stderr, '');
  for (const line of [
    /^architecture +llama, 3 layers$/m,
    /^heads +6 query and 3 key-value heads of 16$/m,
    /^tokenizer +none$/m,
    /^parameters +353 952$/m,
    /^stored as +BF16 708 kB in 29 tensors$/m,
    /^q4 +256 +/m,
    /^q8 +256 +/m,
    /^bf16 +256 +/m,
    /^f32 +256 +/m,
    /^model\.layers\.\*\.mlp\.down_proj\.weight +BF16 +96 x 256 +3$/m,
  ]) {
    assert.match(stdout, line);
  }
});

test('inspect --json prints one object with every tensor', async () => {
  const { code, stdout } = await foretoken(['inspect', MODEL, '--json', '--context', '128']);
  assert.is(code, 0);
  const inspection = JSON.parse(stdout);
  assert.is(inspection.parameters, 353_952);
  assert.is(inspection.tensors.length, 29);
  assert.is(inspection.config.hidden, 96);
  assert.equal(
    inspection.memory.map(({ dtype, context }: { dtype: string; context: number }) => [dtype, context]),
    [
      ['q4', 128],
      ['q8', 128],
      ['f16', 128],
      ['bf16', 128],
      ['f32', 128],
    ],
  );
  for (const { weights, cache, pass, thread, total } of inspection.memory) {
    assert.ok(weights + cache + pass <= total);
    assert.ok(thread > 0 && thread < pass);
  }
});

test('inspect --kv tells what a cache of another type takes', async () => {
  const cacheOf = async (...options: string[]) => {
    const { code, stdout, stderr } = await foretoken(['inspect', MODEL, '--json', '--context', '128', ...options]);
    assert.is(code, 0, stderr);
    const [{ kv, cache }] = JSON.parse(stdout).memory;
    return [kv, cache];
  };
  const [, f32] = await cacheOf();
  assert.equal(await cacheOf('--kv', 'f32'), ['f32', f32]);
  assert.equal(await cacheOf('--kv', 'f16'), ['f16', f32 / 2]);
  assert.equal(await cacheOf('--kv', 'q8'), ['q8', (f32 * (16 + 4)) / 64]); // bytes of heads of 16, and a scale
  assert.match((await foretoken(['inspect', MODEL, '--kv', 'f16'])).stdout, /^f32 +256 .* f16 /m);
  assert.is((await foretoken(['inspect', MODEL, '--kv', 'q4'])).code, 2);
});

test('inspect reads the tensors of a sharded model, and of a single file', async () => {
  const folder = await foretoken(['inspect', fixturePath('sharded')]);
  assert.is(folder.code, 0, folder.stderr);
  const file = await foretoken(['inspect', `${MODEL}/model.safetensors`]);
  assert.is(file.code, 0, file.stderr);
  assert.match(file.stdout, /^parameters +353 952$/m);
});

test('inspect tells of a GGUF file what it tells of a folder', async () => {
  const gguf = await foretoken(['inspect', repositoryFile('test/fixtures/gguf/grouped-q8_0.gguf')]);
  assert.is(gguf.code, 0, gguf.stderr);
  const folder = await foretoken(['inspect', fixturePath('grouped')]);
  for (const line of [/^architecture .*$/m, /^heads .*$/m, /^vocabulary .*$/m, /^parameters .*$/m, /^q8 +256 .*$/m]) {
    assert.is(gguf.stdout.match(line)?.[0], folder.stdout.match(line)![0]);
  }
  assert.match(gguf.stdout, /^stored as +Q8_0 [\d.]+ kB in 15 tensors, F32 [\d.]+ (kB|bytes) in 5 tensors$/m);
  assert.match(gguf.stdout, /^blk\.\*\.attn_q\.weight +Q8_0 +32 x 32 +2$/m);
  assert.match(gguf.stdout, /^chat template +none$/m);
  const none = await foretoken(['inspect', repositoryFile('test/fixtures/gguf/values.gguf')]);
  assert.match(none.stderr, /^error\[config\.unsupported\]: [^\n]*"none"[^\n]*"llama"[^\n]*\n$/);
});

test('inspect tells of another family, and of a chat template wherever it stands', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'foretoken-inspect-'));
  const template = '{% for message in messages %}{{ message.content }} ä{% endfor %}';
  const line = /^chat template +65 bytes$/m;
  try {
    for (const [name, bytes] of Object.entries(checkpointFiles('gemma2-plain')))
      writeFileSync(join(folder, name), bytes);
    const inspected = async (path: string) => {
      const { code, stdout, stderr } = await foretoken(['inspect', path]);
      assert.is(code, 0, stderr);
      return stdout;
    };
    const none = await inspected(folder);
    assert.match(none, /^architecture +gemma2, 2 layers$/m);
    assert.match(none, /^chat template +none$/m);
    assert.match(none, /^memory .* more per thread$/m);
    writeFileSync(join(folder, 'tokenizer_config.json'), JSON.stringify({ chat_template: template }));
    assert.match(await inspected(folder), line);
    writeFileSync(join(folder, 'tokenizer_config.json'), '{}');
    writeFileSync(join(folder, 'chat_template.jinja'), template);
    assert.match(await inspected(folder), line);
    const file = join(folder, 'model.gguf');
    writeFileSync(file, modelFile('llama', {}, { 'tokenizer.chat_template': words(template) }));
    assert.match(await inspected(file), line);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('inspect counts the parameters of blocks: two in a byte of 4-bit ones, none in a scale', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'foretoken-inspect-'));
  const file = join(folder, 'blocks.safetensors');
  const matrices = [
    ['four.q', { dtype: 'U8', shape: [6, 16], data: new Uint8Array(96) }],
    ['four.scale', { dtype: 'F16', shape: [6, 1], data: new Uint16Array(6) }],
    ['eight.q', { dtype: 'I8', shape: [5, 32], data: new Int8Array(160) }],
    ['eight.scale', { dtype: 'F16', shape: [5, 1], data: new Uint16Array(5) }],
  ] as const;
  writeFileSync(file, writeSafetensors(matrices));
  try {
    const { code, stdout } = await foretoken(['inspect', file, '--json']);
    assert.is(code, 0);
    assert.is(JSON.parse(stdout).parameters, 6 * 32 + 5 * 32);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('inspect fails with the code of what is wrong, on one line, without a stack', async () => {
  const missing = await foretoken(['inspect', '/nowhere/at/all']);
  assert.is(missing.code, 1);
  assert.is(missing.stdout, '');
  assert.match(missing.stderr, /^error\[source\.missing\]: .*\n$/);
  const notAModel = await foretoken(['inspect', `${MODEL}/config.json/model.safetensors`]);
  assert.is(notAModel.code, 1);
  assert.match(notAModel.stderr, /^error\[source\.missing\]: [^\n]*\n$/);
});

test('inspect without a path, or with a context that no model has, is bad usage', async () => {
  const none = await foretoken(['inspect']);
  assert.is(none.code, 2);
  assert.match(none.stderr, /^error\[usage\.argument\]: [^\n]*\n$/);
  const context = await foretoken(['inspect', MODEL, '--context', '0']);
  assert.is(context.code, 2);
  assert.match(context.stderr, /^error\[option\.range\]: [^\n]*\n$/);
});

test.run();
