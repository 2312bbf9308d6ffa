import { readFileSync } from 'node:fs';
import { kernelBytes, teamBytes, withSharedMemory } from '../../src/engine/builds.ts';
import { teamHash } from '../../src/engine/team-binary.ts';
import { assert, repositoryFile, test } from '../harness.ts';
import { instructions, SECTION, sections } from './wasm-decoder.ts';

const team = await teamBytes();
const kernels = await kernelBytes('plain');

/** Instantiates the team over kernels, both on one memory. */
function assemble(shared: boolean): void {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared });
  const own = new WebAssembly.Module(shared ? withSharedMemory(kernels) : kernels);
  const { runProgram } = new WebAssembly.Instance(own, { env: { memory } }).exports;
  new WebAssembly.Instance(new WebAssembly.Module(team), { env: { memory, runProgram: runProgram! } });
}

test('a team imports shared memory and what runs programs, and writes nothing when instantiated', () => {
  assert.equal(WebAssembly.Module.imports(new WebAssembly.Module(team)), [
    { module: 'env', name: 'runProgram', kind: 'function' },
    { module: 'env', name: 'memory', kind: 'memory' },
  ]);
  const ids = sections(team).map(({ id }) => id);
  for (const id of [SECTION.data, SECTION.table, SECTION.element, SECTION.start]) assert.not(ids.includes(id));
  assemble(true);
  assert.throws(() => assemble(false), /shared/);
});

test('kernels for shared memory differ from those for memory of their own by one byte', () => {
  const shared = withSharedMemory(kernels);
  const differing = [...kernels.keys()].filter((i) => kernels[i] !== shared[i]);
  assert.equal(
    differing.map((i) => [kernels[i], shared[i]]),
    [[1, 3]],
  );
  assert.throws(() => withSharedMemory(shared), TypeError);
});

test('atomic instructions are in the team alone, and the decoder refuses them', () => {
  assert.throws(() => instructions(team), /0xfe00/);
  instructions(kernels);
});

test("the hash of the team's module is the committed one", () => {
  // After a change: node scripts/build.mjs --kernels && sha256sum build/team.wasm > assembly/team.sha256
  assert.is(`${teamHash}  build/team.wasm\n`, readFileSync(repositoryFile('assembly/team.sha256'), 'utf8'));
});

test.run();
