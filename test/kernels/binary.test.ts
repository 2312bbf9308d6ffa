import { gunzipSync } from 'node:zlib';
import { readFileSync } from 'node:fs';
import { kernelBytes } from '../../src/engine/builds.ts';
import { kernelsGzip, kernelsHash } from '../../src/engine/kernels-binary.ts';
import { assert, note, repositoryFile, test } from '../harness.ts';
import { BUILDS, kernelsBinary } from './kernel-host.ts';
import { instructions, SECTION, sections } from './wasm-decoder.ts';

const MEMORY_GROW = 0x40;
const FIRST_RELAXED = 0xfd0100;
/** i16x8.relaxed_dot_i8x16_i7x16_s, the one relaxed instruction that the relaxed build may have. */
const RELAXED_DOT = 0xfd0112;
/** Bytes that a build may have. */
const MOST_BYTES = 64 * 1024;

/** Instructions that a build must not have. */
function forbidden(module: Uint8Array, allowed?: number): number[] {
  return instructions(module).filter(
    (opcode) => opcode === MEMORY_GROW || (opcode >= FIRST_RELAXED && opcode !== allowed),
  );
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

for (const build of BUILDS) {
  const binary = kernelsBinary(build);

  test(`${build}: the kernels import a memory and nothing else, and export functions and nothing else`, () => {
    const module = new WebAssembly.Module(binary);
    assert.equal(WebAssembly.Module.imports(module), [{ module: 'env', name: 'memory', kind: 'memory' }]);
    assert.ok(WebAssembly.Module.exports(module).every(({ kind }) => kind === 'function'));
  });

  test(`${build}: the kernels bring no data, no table and no start function: instantiating writes nothing`, () => {
    const ids = sections(binary).map(({ id }) => id);
    assert.ok(ids.includes(SECTION.code));
    for (const id of [SECTION.data, SECTION.table, SECTION.element, SECTION.start])
      assert.not(ids.includes(id), `section ${id}`);
  });

  test(`${build}: the kernels take at most 64 kB`, () => {
    assert.ok(binary.length <= MOST_BYTES);
    note(`kernels, ${build}: ${binary.length} bytes`);
  });

  test(`${build}: the hash of the kernels is the committed one`, async () => {
    // After a change of kernels: node scripts/build.mjs --kernels && sha256sum build/kernels*.wasm > assembly/kernels.sha256
    const committed = readFileSync(repositoryFile('assembly/kernels.sha256'), 'utf8').split('\n');
    const file = build === 'plain' ? 'kernels.wasm' : 'kernels-relaxed.wasm';
    assert.ok(committed.includes(`${await sha256(binary)}  build/${file}`));
  });
}

test('no instruction of the plain build is relaxed, atomic, or grows the memory', () => {
  assert.equal(forbidden(kernelsBinary('plain')), []);
  const found = new Set(instructions(kernelsBinary('plain')));
  assert.ok(
    found.has(0xfd00e4) && found.has(0xfd00e6),
    'f32x4.add and f32x4.mul are there: the decoder sees vector instructions',
  );
});

test('the relaxed build has one relaxed instruction, and it is there', () => {
  assert.equal(forbidden(kernelsBinary('relaxed'), RELAXED_DOT), []);
  assert.ok(instructions(kernelsBinary('relaxed')).includes(RELAXED_DOT));
});

/** A module with one function of the given body. */
function moduleOf(...body: number[]): Uint8Array {
  return Uint8Array.of(...[0, 97, 115, 109, 1, 0, 0, 0], ...[10, body.length + 4, 1, body.length + 2, 0], ...body, 11);
}

test('a relaxed instruction, an atomic fence and memory.grow are seen (planted faults)', () => {
  assert.equal(forbidden(moduleOf(0xfd, 0x85, 0x02), RELAXED_DOT), [0xfd0105]); // f32x4.relaxed_madd
  assert.equal(forbidden(moduleOf(0xfd, 0x92, 0x02)), [RELAXED_DOT]);
  assert.equal(forbidden(moduleOf(0x41, 0xc0, 0x00, 0x40, 0x00)), [MEMORY_GROW]); // after i32.const 64, whose byte is 0x40 too
  assert.throws(() => forbidden(moduleOf(0xfe, 0x03, 0x00)), /0xfe0003/);
});

test('what src holds is the plain build, and its hash is that of the binary', async () => {
  const binary = Uint8Array.from(gunzipSync(Buffer.from(kernelsGzip, 'base64')));
  assert.equal(binary, kernelsBinary('plain'));
  assert.equal(await kernelBytes('plain'), binary);
  assert.is(await sha256(binary), kernelsHash);
});

test.run();
