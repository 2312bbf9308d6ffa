/**
 * Gradients of every operation beside PyTorch's (test/fixtures/training/make.py).
 * @module
 */
import { readFileSync } from 'node:fs';
import { bytesSource } from '../../src/formats/byte-source.ts';
import { readSafetensors } from '../../src/formats/safetensors.ts';
import { assert, repositoryFile, test } from '../harness.ts';
import { derive } from './differences.ts';
import { EXAMPLES } from './examples.ts';

/** As make.py has them: of gradients with more numbers than LARGE every one of STRIDE is kept. */
const LARGE = 4096;
const STRIDE = 97;
const TOLERANCE = 1e-5;

const bytes = new Uint8Array(readFileSync(repositoryFile('test/fixtures/training/gradients.safetensors')));
const { tensors } = await readSafetensors(bytesSource(bytes, 'gradients.safetensors'));

/** @returns max|got - want| / max|want|, over what is kept */
function differenceFrom(name: string, got: Float32Array): number {
  const { begin, end } = tensors.get(name)!;
  const want = new Float32Array(bytes.slice(begin, end).buffer);
  const kept = got.length > LARGE ? got.filter((_, i) => i % STRIDE === 0) : got;
  assert.is(kept.length, want.length, name);
  const size = Math.max(...want.map(Math.abs), 1e-12);
  return Math.max(...want.map((value, i) => Math.abs(value - kept[i]!))) / size;
}

test('there is a gradient of every parameter of every example, and no other', () => {
  const expected = Object.entries(EXAMPLES).flatMap(([name, { parameters }]) =>
    Object.keys(parameters).map((parameter) => `${name}/${parameter}`),
  );
  assert.equal([...tensors.keys()].sort(), expected.sort());
});

for (const [name, example] of Object.entries(EXAMPLES)) {
  test(`${name}: gradients are PyTorch's (seed 3)`, async () => {
    const { gradients } = await derive(example, 3);
    for (const [parameter, gradient] of Object.entries(gradients)) {
      const difference = differenceFrom(`${name}/${parameter}`, gradient);
      assert.ok(difference < TOLERANCE, `${parameter} is off by ${difference}`);
    }
  });
}

test('a gradient of another seed is seen (planted fault)', async () => {
  const { gradients } = await derive(EXAMPLES['linear, square']!, 4);
  assert.ok(differenceFrom('linear, square/weight', gradients.weight!) > TOLERANCE);
});

test.run();
