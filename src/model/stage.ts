/**
 * Stage: one memory of a model at work, and the part of a pass that runs in it. A model that fits one memory has one stage.
 * @module
 */
import type { Machine } from '../engine/engine.ts';
import { ProgramWriter } from '../engine/program.ts';
import type { ModelConfig } from '../formats/hf-config.ts';
import type { PassPlan, StagePlan } from './memory-plan.ts';

export class Stage {
  readonly pass: PassPlan;
  /** Where the transformer writes what is to run here next. */
  readonly program: ProgramWriter;
  readonly #machine: Machine;

  constructor(machine: Machine, { pass }: StagePlan) {
    this.pass = pass;
    this.program = new ProgramWriter(machine.memory, pass.program, pass.programOps);
    this.#machine = machine;
  }

  integers(address: number, count: number): Int32Array {
    return new Int32Array(this.#machine.memory.buffer, address, count);
  }

  floats(address: number, count: number): Float32Array {
    return new Float32Array(this.#machine.memory.buffer, address, count);
  }

  /** Runs the program, which is empty afterwards. @param alone for programs with so little to do that waking other threads would take longer */
  run(alone = false): void {
    const { address, ops } = this.program;
    this.program.clear();
    if (ops > 0) this.#machine.run(address, ops, alone);
  }

  /** Goes on with a pass over `rows` tokens where another stage has ended: copies what layers read that no layer before them in this memory wrote. */
  takeOver(from: Stage, rows: number, { hidden, headDim }: ModelConfig): void {
    const words = { stream: rows * hidden, ropeTable: rows * headDim, depths: rows, paths: rows * rows };
    for (const [name, count] of Object.entries(words)) {
      const region = name as keyof typeof words;
      this.integers(this.pass[region], count).set(from.integers(from.pass[region], count));
    }
  }
}
