import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { gradientBytes } from '../../src/train/engine.ts';
import { gradientGzip, gradientHash } from '../../src/train/gradient-binary.ts';
import { assert, note, repositoryFile, test } from '../harness.ts';
import { instructions, SECTION, sections } from '../kernels/wasm-decoder.ts';

const MEMORY_GROW = 0x40;
const FIRST_RELAXED = 0xfd0100;

const binary = new Uint8Array(readFileSync(repositoryFile('build/gradient.wasm')));

test('the kernels of training import a memory and nothing else, and write nothing when instantiated', () => {
  const module = new WebAssembly.Module(binary);
  assert.equal(WebAssembly.Module.imports(module), [{ module: 'env', name: 'memory', kind: 'memory' }]);
  assert.ok(WebAssembly.Module.exports(module).every(({ kind }) => kind === 'function'));
  const ids = sections(binary).map(({ id }) => id);
  for (const id of [SECTION.data, SECTION.table, SECTION.element, SECTION.start]) assert.not(ids.includes(id));
});

test('none of their instructions is relaxed, atomic, or grows the memory', () => {
  const forbidden = instructions(binary).filter((opcode) => opcode === MEMORY_GROW || opcode >= FIRST_RELAXED);
  assert.equal(forbidden, []);
});

test('what src holds is the binary, its hash is the committed one, and its size is told', async () => {
  // After a change of kernels: node scripts/build.mjs --kernels && sha256sum build/gradient.wasm > assembly/gradient.sha256
  assert.is(`${gradientHash}  build/gradient.wasm\n`, readFileSync(repositoryFile('assembly/gradient.sha256'), 'utf8'));
  assert.equal(Uint8Array.from(gunzipSync(Buffer.from(gradientGzip, 'base64'))), binary);
  assert.equal(await gradientBytes(), binary);
  note(`kernels of training: ${binary.length} bytes, ${Math.round((gradientGzip.length * 3) / 4)} compressed`);
});

test.run();
