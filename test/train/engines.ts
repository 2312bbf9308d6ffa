/**
 * The engine of training as tests want it: with a fault in its programs, or with several threads played on one.
 * @module
 */
import type { Engine, Machine } from '../../src/engine/engine.ts';
import { OP_WORDS } from '../../src/engine/opcodes.ts';
import { createTrainingEngine } from '../../src/train/engine.ts';

const engine = await createTrainingEngine();

const OP_BYTES = OP_WORDS * 4;

/** As it is. */
export const plain: Engine = engine;

const wrapped = (wrap: (machine: Machine) => Machine): Engine => ({
  ...engine,
  createMachine: (bytes) => wrap(engine.createMachine(bytes)),
});

/** Every op passes through `change`, which may write its words anew for this one run. */
export function tampered(change: (op: Int32Array) => void): Engine {
  return wrapped((machine) => ({
    ...machine,
    run(program, ops) {
      const words = new Int32Array(machine.memory.buffer, program, ops * OP_WORDS);
      const before = words.slice();
      for (let op = 0; op < ops; op++) change(words.subarray(op * OP_WORDS, (op + 1) * OP_WORDS));
      machine.run(program, ops);
      words.set(before);
    },
  }));
}

/** Several threads, of which each runs to where they must meet before the next begins: `order` tells who comes first. */
export function played(order: readonly number[]): Engine {
  const team = (machine: Machine): Machine => {
    const { exports } = new WebAssembly.Instance(engine.module, { env: { memory: machine.memory } });
    const runProgram = exports.runProgram as (program: number, ops: number, thread: number, threads: number) => number;
    return {
      ...machine,
      threads: order.length,
      run(program, ops) {
        for (let done = 0; done < ops; ) {
          const ran = order.map((thread) => runProgram(program + done * OP_BYTES, ops - done, thread, order.length));
          done += ran[0]!;
        }
      },
    };
  };
  return { ...engine, createTeam: async (sizes) => sizes.map((bytes) => team(engine.createMachine(bytes))) };
}

/** A machine whose memory of values and gradients that come and go is full of NaN before every pass. */
export function poisoned(address: number, bytes: number): Engine {
  return wrapped((machine) => ({
    ...machine,
    run(program, ops) {
      new Uint32Array(machine.memory.buffer, address, bytes / 4).fill(0x7fc0dead);
      machine.run(program, ops);
    },
  }));
}
