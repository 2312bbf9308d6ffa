/**
 * Stage: one memory of a model at work, and the part of a pass that runs in it. A model that fits one memory has one stage.
 * @module
 */
import type { Machine } from '../engine/engine.ts';
import { ProgramWriter } from '../engine/program.ts';
import type { ModelConfig } from '../formats/hf-config.ts';
import type { ModelForm } from './form.ts';
import type { PassPlan, StagePlan } from './memory-plan.ts';
import type { PassInput } from './transformer.ts';

export class Stage {
  readonly memory: WebAssembly.Memory;
  readonly pass: PassPlan;
  /** What is to run here next. */
  readonly program: ProgramWriter;
  readonly #machine: Machine;

  constructor(machine: Machine, { pass }: StagePlan) {
    this.memory = machine.memory;
    this.pass = pass;
    this.program = new ProgramWriter(machine.memory, pass.program, pass.programOps);
    this.#machine = machine;
  }

  /** Writes what a pass starts from. */
  begin({ tokens, parents, depths, length, states }: PassInput): void {
    const rows = depths.length;
    this.#integers(this.pass.tokens, tokens.length).set(tokens);
    this.#integers(this.pass.depths, rows).set(depths);
    this.#integers(this.pass.positions, rows).set(depths.map((depth) => length + depth));
    const paths = this.#integers(this.pass.paths, rows * rows);
    for (let row = 0; row < rows; row++) {
      const parent = parents[row]!;
      const start = row * rows;
      if (parent >= 0) paths.copyWithin(start, parent * rows, parent * rows + depths[row]!);
      paths[start + depths[row]!] = row;
    }
    if (states) new Float32Array(this.memory.buffer, this.pass.stream, states.length).set(states);
  }

  /** Copies what layers read of a pass over `rows` tokens from the stage that has run before. */
  takeOver({ pass, memory }: Stage, rows: number, { hidden }: ModelConfig, { rotated }: ModelForm): void {
    const copy = (to: number, from: number, count: number) =>
      this.#integers(to, count).set(new Int32Array(memory.buffer, from, count));
    copy(this.pass.stream, pass.stream, rows * hidden);
    this.pass.ropes.forEach(({ table }, i) => {
      copy(table, pass.ropes[i]!.table, rows * rotated);
    });
    copy(this.pass.depths, pass.depths, rows);
    copy(this.pass.paths, pass.paths, rows * rows);
  }

  /** Runs the program, which is empty afterwards. @param alone for programs with so little to do that waking other threads would take longer */
  run(alone = false): void {
    const { address, ops } = this.program;
    this.program.clear();
    if (ops > 0) this.#machine.run(address, ops, alone);
  }

  #integers(address: number, count: number): Int32Array {
    return new Int32Array(this.memory.buffer, address, count);
  }
}
