/**
 * Trainer: a graph at work in a memory of its own, batch after batch.
 *
 *   step(batch) = accumulate(batch): forward, losses, backward   then   update(): length of the gradient, clipping, AdamW
 *
 * Bits: the same seed, graph, batches and options give the same parameters on every runtime, on any number of threads.
 * @module
 */
import { checkNames, outOfRange } from '../check-options.ts';
import type { Engine } from '../engine/engine.ts';
import { chooseThreads, type ThreadsOption } from '../engine/threads.ts';
import { ForetokenError, quote } from '../errors.ts';
import type { WorkerLike } from '../runtime/workers.ts';
import { type AdamW, type AdamWOptions, adamW, applyUpdate, gradientNorm, updateNumbers } from './adamw.ts';
import type { Batch } from './batch.ts';
import { checkEngine, createTrainingEngine } from './engine.ts';
import type { Graph } from './graph.ts';
import { planTraining } from './plan.ts';
import { loadState, saveState, type StateTensors } from './state.ts';
import { isTrained, type Parameter, Workspace } from './workspace.ts';

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
  const { memoryLimit = Infinity } = options;
  if (plan.bytes > memoryLimit) {
    throw new ForetokenError('memory.limit', `training needs ${plan.bytes} bytes: the limit is ${memoryLimit}`);
  }
  const { worker, engine = await createTrainingEngine(worker && { worker }) } = options;
  checkEngine(engine);
  const machine =
    threads > 1 ? (await engine.createTeam!([plan.bytes], threads))[0]! : engine.createMachine(plan.bytes);
  await machine.ready();
  return new Trainer(graph, new Workspace(graph, plan, machine, seed), optimizer, plan.bytes);
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
  /** Bytes of its memory. */
  readonly bytes: number;
  readonly threads: number;
  readonly #graph: Graph;
  readonly #optimizer: AdamW;
  /** Undefined once disposed, so that a trainer does not keep its memory. */
  #attached: Workspace | undefined;
  #updates = 0;
  /** Batches whose gradients are there. */
  #batches = 0;

  /** @internal */
  constructor(graph: Graph, workspace: Workspace, optimizer: AdamW, bytes: number) {
    this.bytes = bytes;
    this.threads = workspace.machine.threads;
    this.#graph = graph;
    this.#attached = workspace;
    this.#optimizer = optimizer;
  }

  /** Updates so far. */
  get updates(): number {
    return this.#updates;
  }

  /**
   * One update from one batch, or from the mean of several.
   * @throws {ForetokenError} as `accumulate` and `update`: then no gradients are there
   */
  step(batches: Batch | readonly Batch[]): StepResult {
    try {
      return this.#step(isList(batches) ? batches : [batches]);
    } catch (error) {
      if (this.#attached) this.#clear();
      throw error;
    }
  }

  #step(batches: readonly Batch[]): StepResult {
    const results = batches.map((batch) => this.accumulate(batch));
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
    const numbers = updateNumbers(this.#optimizer, this.#updates);
    const norm = gradientNorm(this.#workspace) / this.#batches;
    if (!Number.isFinite(norm)) throw this.#diverged(`the gradient's length is ${norm}`);
    applyUpdate(this.#workspace, this.#optimizer, numbers, norm, this.#batches);
    this.#batches = 0;
    this.#updates++;
    return { gradientNorm: norm, learningRate: numbers.rate };
  }

  /** A copy of an output's numbers after the last batch. @throws {ForetokenError} `train.name` */
  read(output: string): Float32Array {
    const tensor = this.#graph.outputs.get(output);
    if (!tensor) throw unknownName('output', output, this.#graph.outputs);
    return this.#workspace.numbers(tensor).slice();
  }

  /** A copy of the ids that `topIds` has named, after the last batch, row by row. @throws {ForetokenError} `train.name` */
  readIds(output: string): Int32Array {
    return new Int32Array(this.read(output).buffer);
  }

  /** A copy of a parameter; with `average` of its moving mean, where one is kept. @throws {ForetokenError} `train.name` */
  get(name: string, { average = false } = {}): Float32Array {
    const parameter = this.#parameter(name);
    const mean = average && isTrained(parameter) ? parameter.average : undefined;
    return (mean ?? parameter.values).slice();
  }

  /** Replaces a parameter; its moving mean begins anew. @throws {ForetokenError} `train.name`, `train.shape` */
  set(name: string, values: Float32Array): void {
    const parameter = this.#parameter(name);
    const { length } = parameter.values;
    if (values.length !== length) {
      throw new ForetokenError('train.shape', `parameter ${quote(name)}: ${values.length} numbers, expected ${length}`);
    }
    parameter.values.set(values);
    if (isTrained(parameter)) parameter.average?.set(values);
  }

  /** A copy of the gradient that the batches since the last update have given a parameter: their sum. @throws {ForetokenError} `train.name` */
  gradient(name: string): Float32Array {
    const parameter = this.#parameter(name);
    if (isTrained(parameter)) return parameter.gradient.slice();
    throw new ForetokenError('train.name', `parameter ${quote(name)} is frozen`);
  }

  /**
   * All that a run goes on from, as safetensors: parameters by their names, and what the optimizer keeps. Frozen ones are not in it.
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
    this.#attached?.machine.dispose();
    this.#attached = undefined;
  }

  /** @throws {ForetokenError} `model.disposed` */
  get #workspace(): Workspace {
    if (this.#attached) return this.#attached;
    throw new ForetokenError('model.disposed', 'this trainer has been disposed');
  }

  #pass(batch: Batch, kind: 'evaluation' | 'training'): BatchResult {
    this.#workspace.run(batch, kind);
    const losses = this.#workspace.losses();
    return { loss: Object.values(losses).reduce((sum, loss) => sum + loss, 0), losses };
  }

  #parameter(name: string): Parameter {
    const { parameters } = this.#workspace;
    const parameter = parameters.get(name);
    if (!parameter) throw unknownName('parameter', name, parameters);
    return parameter;
  }

  #clear(): void {
    for (const { gradient } of this.#workspace.trained) gradient.fill(0);
    this.#batches = 0;
  }

  #diverged(what: string): ForetokenError {
    this.#clear();
    return new ForetokenError('train.diverged', `${what} at update ${this.#updates}: a lower learning rate may help`);
  }

  /** Views of what is saved, by name. */
  #state(): StateTensors {
    const entries = this.#workspace.trained.flatMap(({ name, rows, cols, values, mean, square, average }) => {
      const entry = (key: string, numbers: Float32Array) =>
        [key, { shape: [rows, cols] as const, values: numbers }] as const;
      return [
        entry(name, values),
        entry(`optimizer.mean.${name}`, mean),
        entry(`optimizer.square.${name}`, square),
        ...(average ? [entry(`average.${name}`, average)] : []),
      ];
    });
    return new Map(entries);
  }
}

const isList = (batches: Batch | readonly Batch[]): batches is readonly Batch[] => Array.isArray(batches);

function unknownName(kind: string, name: string, known: ReadonlyMap<string, unknown>): ForetokenError {
  return new ForetokenError('train.name', `no ${kind} ${quote(name)}: expected ${[...known.keys()].join(', ')}`);
}
