import { readFileSync } from 'node:fs';
import { kernelsBase64, kernelsHash } from '../../src/engine/kernels-binary.ts';
import { assert, repositoryFile, test } from '../harness.ts';
import { instructions, SECTION, sections } from './wasm-decoder.ts';

const binary = Uint8Array.from(atob(kernelsBase64), (character) => character.charCodeAt(0));

const MEMORY_GROW = 0x40;
const FIRST_RELAXED = 0xfd0100;

/** Instructions that the plain build must not have. */
function forbidden(module: Uint8Array): number[] {
  return instructions(module).filter((opcode) => opcode === MEMORY_GROW || opcode >= FIRST_RELAXED);
}

test('the kernels import a memory and nothing else, and export functions and nothing else', () => {
  const module = new WebAssembly.Module(binary);
  assert.equal(WebAssembly.Module.imports(module), [{ module: 'env', name: 'memory', kind: 'memory' }]);
  assert.ok(WebAssembly.Module.exports(module).every(({ kind }) => kind === 'function'));
});

test('the kernels bring no data, no table and no start function: instantiating writes nothing', () => {
  const ids = sections(binary).map(({ id }) => id);
  assert.ok(ids.includes(SECTION.code));
  for (const id of [SECTION.data, SECTION.table, SECTION.element, SECTION.start])
    assert.not(ids.includes(id), `section ${id}`);
});

test('no instruction is relaxed, atomic, or grows the memory', () => {
  assert.equal(forbidden(binary), []);
  const found = new Set(instructions(binary));
  assert.ok(
    found.has(0xfd00e4) && found.has(0xfd00e6),
    'f32x4.add and f32x4.mul are there: the decoder sees vector instructions',
  );
});

/** A module with one function of the given body. */
function moduleOf(...body: number[]): Uint8Array {
  return Uint8Array.of(...[0, 97, 115, 109, 1, 0, 0, 0], ...[10, body.length + 4, 1, body.length + 2, 0], ...body, 11);
}

test('a relaxed instruction, an atomic fence and memory.grow are seen (planted faults)', () => {
  assert.equal(forbidden(moduleOf(0xfd, 0x85, 0x02)), [0xfd0105]); // f32x4.relaxed_madd
  assert.equal(forbidden(moduleOf(0x41, 0xc0, 0x00, 0x40, 0x00)), [MEMORY_GROW]); // after i32.const 64, whose byte is 0x40 too
  assert.throws(() => forbidden(moduleOf(0xfe, 0x03, 0x00)), /0xfe0003/);
});

test('the hash of the kernels is the committed one', () => {
  // After a change of kernels: node scripts/build.mjs --kernels && sha256sum build/kernels.wasm > assembly/kernels.sha256
  const committed = readFileSync(repositoryFile('assembly/kernels.sha256'), 'utf8');
  assert.is(`${kernelsHash}  build/kernels.wasm\n`, committed);
});

test('the hash is that of the binary', async () => {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', binary));
  assert.is(Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join(''), kernelsHash);
});

test.run();
