/** Pickled heads are converted, and pickles that would do anything else are refused. Needs Python. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bytesSource } from '../../src/formats/byte-source.ts';
import { readSafetensors } from '../../src/formats/safetensors.ts';
import { readFloats } from '../../src/formats/tensors.ts';
import { assert, repositoryFile, test } from '../harness.ts';

const folder = mkdtempSync(join(tmpdir(), 'foretoken-pickle-'));
test.after(() => rmSync(folder, { recursive: true }));
const [head, hostile, converted] = ['head.pt', 'hostile.pt', 'model.safetensors'].map((name) => join(folder, name));

const python = (script: string, ...parameters: string[]) =>
  spawnSync('python3', [repositoryFile(script), ...parameters], { encoding: 'utf8' });

test('a pickled head becomes a file of the same numbers, without what no head needs', async () => {
  assert.is(python('test/fixtures/heads/make-pickle.py', head!, hostile!).status, 0);
  const { status, stderr } = python('scripts/convert-head.py', head!, converted!);
  assert.is(status, 0, stderr);
  const { tensors } = await readSafetensors(bytesSource(readFileSync(converted!), 'model.safetensors'));
  const found: Record<string, [shape: readonly number[], values: number[]]> = {};
  for (const tensor of tensors.values()) {
    for await (const { data } of readFloats(tensor)) found[tensor.name] = [tensor.shape, [...data]];
  }
  const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);
  assert.equal(found, {
    '0.0.linear.weight': [[4, 4], range(0, 16)],
    '0.0.linear.bias': [[4], range(16, 20)],
    '0.1.weight': [[2, 4], range(100, 108)],
  });
});

test('a pickle that would run a program is refused, runs nothing and leaves no file', () => {
  rmSync(converted!);
  const { status, stdout, stderr } = python('scripts/convert-head.py', hostile!, converted!);
  assert.is.not(status, 0);
  assert.match(stderr, 'refused: the file asks for');
  assert.is(stdout, '');
  assert.not.ok(existsSync(converted!));
});

test.run();
