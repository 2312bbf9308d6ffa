/**
 * Trainer: a graph at work in a memory of its own, batch after batch.
 *
 *   step(batch) = accumulate(batch): forward, losses, backward   then   update(): length of the gradient, clipping, AdamW
 *
 * Bits: the same seed, graph, batches and options give the same parameters on every runtime, on any number of threads.
 * @module
 */
import { checkNames, outOfRange } from '../check-options.ts';
import type { Engine, Machine } from '../engine/engine.ts';
import { floatBits, ProgramWriter } from '../engine/program.ts';
import { chooseThreads, type ThreadsOption } from '../engine/threads.ts';
import { ForetokenError, quote } from '../errors.ts';
import type { WorkerLike } from '../runtime/workers.ts';
import { type AdamW, type AdamWOptions, adamW, updateNumbers } from './adamw.ts';
import { type Batch, checkBatch, writeMask } from './batch.ts';
import { checkEngine, createTrainingEngine } from './engine.ts';
import type { Graph, Tensor } from './graph.ts';
import { begin } from './initial.ts';
import { ADAMW, COMBINE, SQUARES } from './opcodes.ts';
import { type ParameterPlan, planTraining, type TrainedPlan, type TrainingPlan } from './plan.ts';
import { loadState, saveState, type StateTensors } from './state.ts';

export interface TrainerOptions {
  /** Of parameters that begin at random; default 0. */
  readonly seed?: number;
  /** Default 1. */
  readonly threads?: ThreadsOption;
  readonly optimizer?: AdamWOptions;
  /** Most bytes of memory; default 4 GiB. */
  readonly memoryLimit?: number;
  /** What createTrainingEngine has made, for several trainers. */
  readonly engine?: Engine;
  /** As of `createEngine`. */
  readonly worker?: () => WorkerLike;
}

const NAMES: readonly (keyof TrainerOptions)[] = [
  ...(['seed', 'threads', 'optimizer', 'memoryLimit', 'engine', 'worker'] as const),
];

/** What a batch came to. */
export interface BatchResult {
  /** The sum of all losses. */
  readonly loss: number;
  readonly losses: Readonly<Record<string, number>>;
}

/** What an update did. */
export interface UpdateResult {
  /** Length of the gradient of all parameters together, before it was clipped. */
  readonly gradientNorm: number;
  readonly learningRate: number;
}

export type StepResult = BatchResult & UpdateResult;

/** Added to the norm that a gradient is divided by, as PyTorch does. */
const CLIP_EPSILON = 1e-6;

/** Bytes of memory that a trainer of a graph takes. @throws {ForetokenError} as `createTrainer` */
export function estimateTraining(graph: Graph, options: TrainerOptions = {}): number {
  return planOf(graph, options).plan.bytes;
}

/**
 * Plans a graph and fills its parameters with what they begin as.
 * @throws {ForetokenError} `option.*`; `train.graph` without a loss, or for a parameter that none depends on; `memory.limit`, `memory.refused`; `engine.*`
 */
export async function createTrainer(graph: Graph, options: TrainerOptions = {}): Promise<Trainer> {
  const { plan, threads, optimizer, seed } = planOf(graph, options);
  const { engine = await createTrainingEngine(options), memoryLimit = Infinity } = options;
  checkEngine(engine);
  if (plan.bytes > memoryLimit) {
    throw new ForetokenError('memory.limit', `training needs ${plan.bytes} bytes: the limit is ${memoryLimit}`);
  }
  const machine =
    threads > 1 ? (await engine.createTeam!([plan.bytes], threads))[0]! : engine.createMachine(plan.bytes);
  await machine.ready();
  return new Trainer(graph, plan, optimizer, machine, seed);
}

function planOf(graph: Graph, options: TrainerOptions) {
  checkNames(options, NAMES);
  const { seed = 0 } = options;
  if (!(Number.isSafeInteger(seed) && seed >= 0)) throw outOfRange('seed', 'an integer, 0..2^53 - 1', seed);
  const optimizer = adamW(options.optimizer);
  const { threads } = chooseThreads(options, () => Infinity);
  return { plan: planTraining(graph, { threads, average: optimizer.average !== undefined }), threads, optimizer, seed };
}

export class Trainer {
  readonly #graph: Graph;
  readonly #plan: TrainingPlan;
  readonly #optimizer: AdamW;
  /** Undefined once disposed, so that a trainer does not keep its memory. */
  #attached: Machine | undefined;
  readonly #update: ProgramWriter;
  #updates = 0;
  /** Batches whose gradients are there. */
  #batches = 0;

  /** @internal */
  constructor(graph: Graph, plan: TrainingPlan, optimizer: AdamW, machine: Machine, seed: number) {
    this.#graph = graph;
    this.#plan = plan;
    this.#optimizer = optimizer;
    this.#attached = machine;
    this.#update = new ProgramWriter(machine.memory, plan.programs.update, plan.updateOps);
    for (const kind of ['evaluation', 'training'] as const) {
      const writer = new ProgramWriter(machine.memory, plan.programs[kind], plan[kind].length);
      for (const [opcode, ...operands] of plan[kind]) writer.push(opcode!, ...operands);
    }
    [...graph.parameters.values()].forEach(({ tensor, initial }, number) => {
      begin(this.#floats(plan.places.get(tensor)!, tensor.elements), initial, seed, number);
    });
    this.#beginAverages();
    for (const [tensor, values] of graph.constants) this.#floats(plan.places.get(tensor)!, values.length).set(values);
    for (const mask of graph.masks) {
      if (mask.name === undefined) writeMask(machine.memory.buffer, mask, plan.masks.get(mask)!);
    }
  }

  /** Bytes of its memory. */
  get bytes(): number {
    return this.#plan.bytes;
  }

  get threads(): number {
    return this.#machine.threads;
  }

  /** Updates so far. */
  get updates(): number {
    return this.#updates;
  }

  /**
   * One update from one batch, or from the mean of several.
   * @throws {ForetokenError} as `accumulate` and `update`
   */
  step(batches: Batch | readonly Batch[]): StepResult {
    const results = (isList(batches) ? batches : [batches]).map((batch) => this.accumulate(batch));
    const mean = (value: (result: BatchResult) => number) =>
      results.reduce((sum, result) => sum + value(result), 0) / results.length;
    const names = Object.keys(results[0]?.losses ?? {});
    const losses = Object.fromEntries(names.map((name) => [name, mean((result) => result.losses[name]!)]));
    return { loss: mean(({ loss }) => loss), losses, ...this.update() };
  }

  /**
   * Adds a batch's gradients to those that are there.
   * @throws {ForetokenError} `train.batch`; `train.diverged` when the loss is no number: then no gradients are there; `engine.thread`
   */
  accumulate(batch: Batch): BatchResult {
    const result = this.#pass(batch, 'training');
    if (!Number.isFinite(result.loss)) throw this.#diverged(`the loss is ${result.loss}`);
    this.#batches++;
    return result;
  }

  /** The losses of a batch, and the outputs; gradients and parameters stay as they are. @throws {ForetokenError} `train.batch`; `engine.thread` */
  evaluate(batch: Batch): BatchResult {
    return this.#pass(batch, 'evaluation');
  }

  /**
   * Changes the parameters by the mean gradient of the batches since the last update.
   * @throws {ForetokenError} `train.batch` when there was none; `train.diverged` when the gradient is no number: parameters stay, gradients are gone
   */
  update(): UpdateResult {
    if (this.#batches === 0) throw new ForetokenError('train.batch', 'no batch has been accumulated');
    const optimizer = this.#optimizer;
    const numbers = updateNumbers(optimizer, this.#updates);
    const gradientNorm = this.#gradientNorm();
    if (!Number.isFinite(gradientNorm)) throw this.#diverged(`the gradient's length is ${gradientNorm}`);
    const clip = Math.min(1, optimizer.clipNorm / (gradientNorm + CLIP_EPSILON));
    const shared = [optimizer.beta1, 1 - optimizer.beta1, optimizer.beta2, 1 - optimizer.beta2];
    const last = [numbers.step, numbers.correction, optimizer.epsilon];
    for (const [name, { address, elements, trained }, { rows, cols }] of this.#trained()) {
      const decay = optimizer.decays(name, rows, cols) ? 1 - numbers.rate * optimizer.weightDecay : 1;
      const reals = [clip / this.#batches, decay, ...shared, ...last].map(floatBits);
      this.#update.push(ADAMW, address, trained.mean, trained.square, trained.gradient, elements, ...reals);
      if (optimizer.average !== undefined) {
        const [kept, taken] = [floatBits(optimizer.average), floatBits(1 - optimizer.average)];
        const sizes = [rows, cols, cols, cols, cols];
        this.#update.push(COMBINE, trained.average, 0, trained.average, kept, address, taken, ...sizes);
      }
    }
    this.#run(this.#update);
    this.#batches = 0;
    this.#updates++;
    return { gradientNorm, learningRate: numbers.rate };
  }

  /** A copy of an output's numbers after the last batch. @throws {ForetokenError} `train.name` */
  read(output: string): Float32Array {
    const tensor = this.#graph.outputs.get(output);
    if (!tensor) throw unknownName('output', output, this.#graph.outputs);
    return this.#floats(this.#plan.places.get(tensor.base)!, tensor.elements).slice();
  }

  /** A copy of a parameter; with `average` of its moving mean, where one is kept. @throws {ForetokenError} `train.name` */
  get(name: string, { average = false } = {}): Float32Array {
    const { address, elements, trained } = this.#parameter(name);
    return this.#floats(average && trained?.average ? trained.average : address, elements).slice();
  }

  /** Replaces a parameter; its moving mean begins anew. @throws {ForetokenError} `train.name`, `train.shape` */
  set(name: string, values: Float32Array): void {
    const { address, elements, trained } = this.#parameter(name);
    if (values.length !== elements) {
      throw new ForetokenError(
        'train.shape',
        `parameter ${quote(name)}: ${values.length} numbers, expected ${elements}`,
      );
    }
    this.#floats(address, elements).set(values);
    if (trained?.average) this.#floats(trained.average, elements).set(values);
  }

  /** A copy of the gradient that the batches since the last update have given a parameter: their sum. @throws {ForetokenError} `train.name` */
  gradient(name: string): Float32Array {
    const { elements, trained } = this.#parameter(name);
    if (!trained) throw new ForetokenError('train.name', `parameter ${quote(name)} is frozen`);
    return this.#floats(trained.gradient, elements).slice();
  }

  /**
   * All that a run goes on from, as safetensors: parameters by their names, and what the optimizer keeps.
   * @throws {ForetokenError} `train.state` between `accumulate` and `update`
   */
  save(): Uint8Array {
    if (this.#batches > 0) throw new ForetokenError('train.state', 'gradients have been accumulated: update first');
    return saveState(this.#state(), this.#updates);
  }

  /** Goes on from what `save` has written. @throws {ForetokenError} `file.*`; `train.state` when it is of another graph: then nothing has changed */
  async load(file: Uint8Array): Promise<void> {
    this.#updates = await loadState(this.#state(), file);
    this.#clear();
  }

  /** Ends its threads and lets go of its memory; every later use is refused. */
  dispose(): void {
    this.#attached?.dispose();
    this.#attached = undefined;
  }

  /** @throws {ForetokenError} `model.disposed` */
  get #machine(): Machine {
    if (this.#attached) return this.#attached;
    throw new ForetokenError('model.disposed', 'this trainer has been disposed');
  }

  #pass(batch: Batch, kind: 'evaluation' | 'training'): BatchResult {
    checkBatch(this.#graph, batch);
    const { memory } = this.#machine;
    for (const [name, input] of this.#graph.inputs) {
      const values = batch[name]!;
      if ('segments' in input) writeMask(memory.buffer, input, this.#plan.masks.get(input)!, values);
      else if ('cols' in input) this.#floats(this.#plan.places.get(input)!, values.length).set(values);
      else new Int32Array(memory.buffer, this.#plan.places.get(input)!, values.length).set(values);
    }
    this.#machine.run(this.#plan.programs[kind], this.#plan[kind].length);
    const losses: Record<string, number> = {};
    let loss = 0;
    for (const [{ name, rows }, address] of this.#plan.losses) {
      losses[name] = this.#floats(address, rows).reduce((sum, value) => sum + value, 0);
      loss += losses[name];
    }
    return { loss, losses };
  }

  /** Of the mean of the batches. */
  #gradientNorm(): number {
    const trained = this.#trained().map(([, plan]) => plan);
    for (const { elements, trained: plan } of trained)
      this.#update.push(SQUARES, plan.partials, plan.gradient, elements);
    this.#run(this.#update);
    let sum = 0;
    for (const { trained: plan } of trained) {
      for (const part of new Float64Array(this.#machine.memory.buffer, plan.partials, plan.chunks)) sum += part;
    }
    return Math.sqrt(sum) / this.#batches;
  }

  #run(program: ProgramWriter): void {
    const { address, ops } = program;
    program.clear();
    this.#machine.run(address, ops);
  }

  #trained(): [name: string, plan: ParameterPlan & { trained: TrainedPlan }, tensor: Tensor][] {
    return [...this.#graph.parameters].flatMap(([name, { tensor }]) => {
      const plan = this.#plan.parameters.get(name)!;
      return plan.trained ? [[name, { ...plan, trained: plan.trained }, tensor]] : [];
    });
  }

  #parameter(name: string): ParameterPlan {
    const plan = this.#plan.parameters.get(name);
    if (!plan) throw unknownName('parameter', name, this.#plan.parameters);
    return plan;
  }

  #beginAverages(): void {
    for (const [, { address, elements, trained }] of this.#trained()) {
      if (trained.average) this.#floats(trained.average, elements).set(this.#floats(address, elements));
    }
  }

  #clear(): void {
    for (const [, { elements, trained }] of this.#trained()) this.#floats(trained.gradient, elements).fill(0);
    this.#batches = 0;
  }

  #diverged(what: string): ForetokenError {
    this.#clear();
    return new ForetokenError('train.diverged', `${what} at update ${this.#updates}: a lower learning rate may help`);
  }

  /** Views of what is saved, by name. */
  #state(): StateTensors {
    const tensors = new Map<string, { shape: [number, number]; values: Float32Array }>();
    for (const [name, { tensor }] of this.#graph.parameters) {
      const { address, elements, trained } = this.#plan.parameters.get(name)!;
      const add = (key: string, at: number) =>
        tensors.set(key, { shape: [tensor.rows, tensor.cols], values: this.#floats(at, elements) });
      if (!trained) continue;
      add(name, address);
      add(`optimizer.mean.${name}`, trained.mean);
      add(`optimizer.square.${name}`, trained.square);
      if (trained.average) add(`average.${name}`, trained.average);
    }
    return tensors;
  }

  #floats(address: number, count: number): Float32Array {
    return new Float32Array(this.#machine.memory.buffer, address, count);
  }
}

const isList = (batches: Batch | readonly Batch[]): batches is readonly Batch[] => Array.isArray(batches);

function unknownName(kind: string, name: string, known: ReadonlyMap<string, unknown>): ForetokenError {
  return new ForetokenError('train.name', `no ${kind} ${quote(name)}: expected ${[...known.keys()].join(', ')}`);
}
