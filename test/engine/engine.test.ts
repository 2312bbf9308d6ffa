/**
 * The engine refuses hosts and modules that would compute something else, and its memories are what was asked for.
 * @module
 */
import { Arena, PAGE_BYTES } from '../../src/engine/arena.ts';
import { createEngine, type Machine } from '../../src/engine/engine.ts';
import { MATMUL_Q8, OP_WORDS } from '../../src/engine/opcodes.ts';
import { floatBits, ProgramWriter } from '../../src/engine/program.ts';
import { selfTest } from '../../src/engine/self-test.ts';
import { hasCode, rejection } from '../codes.ts';
import { assert, test } from '../harness.ts';

test('regions of an arena begin on cache lines, do not overlap, and never lie at address 0', () => {
  const arena = new Arena();
  const regions = [1, 64, 65, 100_000].map((bytes) => ({ bytes, address: arena.reserve(bytes) }));
  let end = 1;
  for (const { address, bytes } of regions) {
    assert.is(address % 64, 0);
    assert.ok(address >= end, `${address} begins before ${end}`);
    end = address + bytes;
  }
  assert.is(arena.pages, Math.ceil(arena.bytes / PAGE_BYTES));
});

test('the end of an arena is an address of its memory, so that no kernel counts up to an address that wraps to 0', () => {
  const arena = new Arena();
  arena.reserve(2 * PAGE_BYTES - arena.bytes);
  assert.is(arena.bytes, 2 * PAGE_BYTES);
  assert.is(arena.pages, 3);
});

test('a machine has a memory of the bytes asked for, in whole pages, and it cannot grow', async () => {
  const { memory } = (await createEngine()).createMachine(PAGE_BYTES + 1);
  assert.is(memory.buffer.byteLength, 2 * PAGE_BYTES);
  assert.throws(() => memory.grow(1));
});

test('a memory over 4 GiB is refused before it is asked for', async () => {
  const engine = await createEngine();
  assert.throws(() => engine.createMachine(2 ** 32 + 1), hasCode('memory.limit'));
});

test('a module that is not the kernels is refused', async () => {
  const other = await WebAssembly.compile(Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0));
  assert.is(await rejection(createEngine({ module: other })), 'engine.module');
});

test('a host that forbids compiling at run time is told of', async () => {
  const { compile } = WebAssembly;
  WebAssembly.compile = () => Promise.reject(new WebAssembly.CompileError('blocked by the policy'));
  try {
    assert.is(await rejection(createEngine()), 'engine.compile');
  } finally {
    WebAssembly.compile = compile;
  }
});

test('a host that computes one operation differently fails the self-test', async () => {
  const engine = await createEngine();
  // The fault: the integer product reads its input one element further on.
  const faulty = (machine: Machine): Machine => ({
    ...machine,
    run(program, ops) {
      const words = new Int32Array(machine.memory.buffer, program, ops * OP_WORDS);
      for (let op = 0; op < words.length; op += OP_WORDS) if (words[op] === MATMUL_Q8) words[op + 2]! += 2;
      machine.run(program, ops);
    },
  });
  selfTest(engine);
  assert.throws(
    () => selfTest({ ...engine, createMachine: (bytes) => faulty(engine.createMachine(bytes)) }),
    hasCode('engine.selftest'),
  );
});

test('an op is its opcode and its operands; an f32 operand is its bits', async () => {
  const { memory } = (await createEngine()).createMachine(PAGE_BYTES);
  const writer = new ProgramWriter(memory, 64, 2);
  writer.push(7, 1, 2);
  writer.push(9, floatBits(1.5), 0xffff_fff0);
  assert.is(writer.ops, 2);
  const words = new Int32Array(memory.buffer, 64, 2 * OP_WORDS);
  assert.equal([...words.slice(0, 3)], [7, 1, 2]);
  assert.equal([...words.slice(OP_WORDS, OP_WORDS + 3)], [9, 0x3fc00000, -16]);
  writer.clear();
  assert.is(writer.ops, 0);
});

test.run();
