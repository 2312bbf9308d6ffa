/**
 * Workspace: a planned graph in its memory, with views of what lies there. Nothing grows, so views stay.
 * @module
 */
import type { Machine } from '../engine/engine.ts';
import { ProgramWriter } from '../engine/program.ts';
import { type Batch, checkBatch, writeMask } from './batch.ts';
import type { Graph, Ids, Tensor } from './graph.ts';
import { begin } from './initial.ts';
import type { ParameterPlan, TrainedPlan, TrainingPlan } from './plan.ts';

/** A parameter in memory. */
export interface Parameter {
  readonly name: string;
  readonly rows: number;
  readonly cols: number;
  readonly plan: ParameterPlan;
  readonly values: Float32Array;
}

/** One that is trained, and what belongs to it. */
export interface TrainedParameter extends Parameter {
  readonly plan: ParameterPlan & { readonly trained: TrainedPlan };
  readonly gradient: Float32Array;
  readonly mean: Float32Array;
  readonly square: Float32Array;
  /** Moving mean of the parameter, where one is kept. */
  readonly average: Float32Array | undefined;
  /** Sums of squares of the gradient, a chunk each. */
  readonly partials: Float64Array;
}

export const isTrained = (parameter: Parameter): parameter is TrainedParameter => 'gradient' in parameter;

export class Workspace {
  readonly machine: Machine;
  readonly parameters: ReadonlyMap<string, Parameter | TrainedParameter>;
  readonly trained: readonly TrainedParameter[];
  readonly #graph: Graph;
  readonly #plan: TrainingPlan;
  readonly #update: ProgramWriter;

  /** Fills it with what does not come with a batch. */
  constructor(graph: Graph, plan: TrainingPlan, machine: Machine, seed: number) {
    this.machine = machine;
    this.#graph = graph;
    this.#plan = plan;
    this.#update = new ProgramWriter(machine.memory, plan.programs.update, plan.updateOps);
    for (const kind of ['evaluation', 'training'] as const) {
      const writer = new ProgramWriter(machine.memory, plan.programs[kind], plan[kind].length);
      for (const [opcode, ...operands] of plan[kind]) writer.push(opcode!, ...operands);
    }
    this.parameters = new Map(
      [...graph.parameters].map(([name, { tensor }]) => [name, this.#parameter(name, tensor)] as const),
    );
    this.trained = [...this.parameters.values()].filter(isTrained);
    [...graph.parameters].forEach(([name, { initial }], number) => {
      begin(this.parameters.get(name)!.values, initial, seed, number);
    });
    for (const { average, values } of this.trained) average?.set(values);
    for (const [tensor, values] of graph.constants) this.numbers(tensor).set(values);
    for (const mask of graph.masks) {
      if (mask.name === undefined) writeMask(machine.memory.buffer, mask, plan.masks.get(mask)!);
    }
  }

  /** Checks a batch, writes it, and runs. @throws {ForetokenError} `train.batch`; `engine.thread` */
  run(batch: Batch, kind: 'evaluation' | 'training'): void {
    checkBatch(this.#graph, batch);
    const { buffer } = this.machine.memory;
    for (const [name, input] of this.#graph.inputs) {
      const values = batch[name]!;
      if ('segments' in input) writeMask(buffer, input, this.#plan.masks.get(input)!, values);
      else if ('cols' in input) this.numbers(input).set(values);
      else new Int32Array(buffer, this.#at(input), input.rows).set(values);
    }
    this.machine.run(this.#plan.programs[kind], this.#plan[kind].length);
  }

  /** What every loss came to, the sum of its rows in order. */
  losses(): Record<string, number> {
    const sums = [...this.#plan.losses].map(([{ name, rows }, address]) => {
      const ofRows = new Float32Array(this.machine.memory.buffer, address, rows);
      return [name, ofRows.reduce((sum, loss) => sum + loss, 0)] as const;
    });
    return Object.fromEntries(sums);
  }

  /** Runs the ops that `write` writes, at most `plan.updateOps`. */
  update(write: (program: ProgramWriter) => void): void {
    const program = this.#update;
    program.clear();
    write(program);
    this.machine.run(program.address, program.ops);
  }

  /** The numbers of a tensor that has a place of its own. */
  numbers(tensor: Tensor): Float32Array {
    return new Float32Array(this.machine.memory.buffer, this.#at(tensor), tensor.elements);
  }

  #at(x: Tensor | Ids): number {
    return this.#plan.places.get('base' in x ? x.base : x)!;
  }

  #parameter(name: string, { rows, cols, elements }: Tensor): Parameter | TrainedParameter {
    const { buffer } = this.machine.memory;
    const plan = this.#plan.parameters.get(name)!;
    const view = (address: number) => new Float32Array(buffer, address, elements);
    const parameter = { name, rows, cols, plan, values: view(plan.address) };
    const { trained } = plan;
    if (!trained) return parameter;
    return {
      ...parameter,
      plan: { ...plan, trained },
      gradient: view(trained.gradient),
      mean: view(trained.mean),
      square: view(trained.square),
      average: trained.average === 0 ? undefined : view(trained.average),
      partials: new Float64Array(buffer, trained.partials, trained.chunks),
    };
  }
}
