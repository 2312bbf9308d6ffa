/**
 * Loading a transformer: every check first, then memory of exactly the planned size, then the weights.
 * @module
 */
import { outOfRange, wrongType } from '../check-options.ts';
import { MOST_MEMORY_BYTES } from '../engine/arena.ts';
import { createEngine, type Engine, type EngineOptions } from '../engine/engine.ts';
import { KV_TYPES, type KvType } from '../engine/kv-type.ts';
import { chooseThreads, type ThreadsOption } from '../engine/threads.ts';
import { ForetokenError, quote } from '../errors.ts';
import { readAll } from '../formats/byte-source.ts';
import { openCheckpoint } from '../formats/checkpoint.ts';
import { type Folder, type FolderInput, openFolder } from '../formats/folder.ts';
import type { ModelConfig } from '../formats/hf-config.ts';
import type { Tensors } from '../formats/tensors.ts';
import { llamaLayout } from './architectures/llama.ts';
import { parseModelConfig } from './architectures/parse-config.ts';
import { checkWeights, type LoadProgress, loadWeights } from './load-weights.ts';
import { type MemoryPlan, MOST_STAGES, misfit, planMemory, type WeightType, weightPlans } from './memory-plan.ts';
import { TransformerModel } from './transformer-model.ts';

/** What the memory plan depends on; all optional for a caller. */
export interface MemoryOptions {
  /**
   * How weights are held and multiplied: `f32`, `bf16`, `f16`, or in blocks of 32 that share a scale `q8` (8 bits) or `q4` (4 bits). Default as they
   * are stored where that is q4, q8 where every width is a multiple of 32, else f32.
   */
  readonly dtype?: WeightType;
  /**
   * How keys and values are held: `f32` (default), `f16`, which has half of its bytes, or `q8`, bytes with a scale for each head and position.
   * They are rounded before they are used, so speculation changes no bit with any of them.
   */
  readonly kv?: KvType;
  /** Positions of each session's cache. Default: the model's own context, 2048 at most. */
  readonly context?: number;
  /** Caches that can be in use at once. Default 1. */
  readonly sessions?: number;
  /** Largest number of tokens in one pass: of a draft tree with its root, and of a block of prefill; 1..64. Default 64. */
  readonly maxNodes?: number;
  /** Threads that run a pass together, 1..64, or `auto`: as many as the host has, in passes where they pay. Default 1, which is all there is where threads share no memory. */
  readonly threads?: ThreadsOption;
  /** Most bytes that the model's linear memory may have, all memories together. Default none; 96 MB on workerd. */
  readonly memoryLimit?: number;
  /** Most bytes of one memory: a larger model is split over several. Default 4 GiB, the most there can be. */
  readonly largestMemory?: number;
}

export interface LoadOptions extends MemoryOptions {
  /** Default: `await createEngine()`. */
  readonly engine?: Engine;
  /** As for `createEngine`, when no engine is given. */
  readonly worker?: EngineOptions['worker'];
  /** Stops loading; the signal's reason is thrown. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: LoadProgress) => void;
}

/** What `dtype` may be. */
const WEIGHT_TYPES: readonly WeightType[] = ['f32', 'bf16', 'f16', 'q8', 'q4'];
const DEFAULT_CONTEXT = 2048;
const MOST_NODES = 64;
const MOST_SESSIONS = 1024;
const MOST_CONFIG_BYTES = 2 ** 20;

/**
 * Loads a Llama-type checkpoint from a folder.
 *
 * @param source folder path, base URL, files, or an opened folder: config.json and safetensors as Hugging Face transformers writes them
 * @throws {ForetokenError} `source.*`, `file.*`, `config.*` for what the folder holds; `option.*` for the options; `memory.*` when the
 *   plan does not fit; `engine.*`
 */
export async function loadTransformer(source: FolderInput, options: LoadOptions = {}): Promise<TransformerModel> {
  const { signal } = options;
  const folder = await openFolder(source, signal ? { signal } : {});
  try {
    const config = await readConfig(folder, signal);
    return await loadCheckpoint({ config, readTensors: () => openCheckpoint(folder, signal) }, options);
  } finally {
    folder.close?.();
  }
}

/** A checkpoint that has been opened, whatever its format. */
export interface Checkpoint {
  readonly config: ModelConfig;
  /** By the names and in the order of rows that Hugging Face transformers gives them. */
  readTensors(): Promise<Tensors>;
}

/** As `loadTransformer`, from a checkpoint that the caller has opened, and closes. */
export async function loadCheckpoint(
  { config, readTensors }: Checkpoint,
  options: LoadOptions,
): Promise<TransformerModel> {
  const plan = planFor(config, options);
  const tensors = await readTensors();
  const weights = checkWeights(weightPlans(plan.weights), tensors, config.quantization);
  const engine = options.engine ?? (await createEngine(options.worker ? { worker: options.worker } : {}));
  const { threads } = plan.options;
  const sizes = plan.stages.map(({ bytes }) => bytes);
  const machines =
    threads > 1 ? await engine.createTeam!(sizes, threads) : sizes.map((bytes) => engine.createMachine(bytes));
  try {
    const memories = machines.map(({ memory }) => memory);
    await loadWeights(memories, weights, options);
    for (const machine of machines) await unlessAborted(machine.ready(), options.signal);
    if (threads === 1 || options.threads !== 'auto') return new TransformerModel(machines, config, plan);
    const { payingThreads } = await import('../engine/paying-threads.ts');
    return new TransformerModel(
      machines.map((machine) => payingThreads(machine)),
      config,
      plan,
    );
  } catch (error) {
    for (const machine of machines) machine.dispose();
    throw error;
  }
}

/** @throws the signal's reason, once it aborts */
async function unlessAborted(promise: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  signal?.throwIfAborted();
  await new Promise<void>((resolve, reject) => {
    const abort = () => reject(signal!.reason);
    signal?.addEventListener('abort', abort);
    promise.then(resolve, reject).finally(() => signal?.removeEventListener('abort', abort));
  });
}

/** @throws {ForetokenError} `file.missing`, `file.json`, `config.*` */
export async function readConfig(folder: Folder, signal?: AbortSignal): Promise<ModelConfig> {
  const file = await folder.file('config.json', signal);
  if (!file) throw new ForetokenError('file.missing', 'the folder holds no config.json');
  return parseModelConfig(await readAll(file, MOST_CONFIG_BYTES, signal));
}

/**
 * The memory that a model of this configuration takes with these options: what `load` reserves, to the byte.
 * @throws {ForetokenError} `option.type`, `option.range`, `config.unsupported`, `memory.limit`
 */
export function planFor(config: ModelConfig, options: MemoryOptions & Pick<LoadOptions, 'engine'> = {}): MemoryPlan {
  const {
    dtype = defaultType(config),
    kv = 'f32',
    context = Math.min(config.context, DEFAULT_CONTEXT),
    sessions = 1,
    maxNodes = MOST_NODES,
    memoryLimit = MOST_STAGES * MOST_MEMORY_BYTES,
    largestMemory = MOST_MEMORY_BYTES,
  } = options;
  checkName('dtype', dtype, WEIGHT_TYPES);
  checkName('kv', kv, Object.keys(KV_TYPES));
  checkInteger('context', context, config.context);
  checkInteger('sessions', sessions, MOST_SESSIONS);
  checkInteger('maxNodes', maxNodes, MOST_NODES);
  checkInteger('memoryLimit', memoryLimit, MOST_STAGES * MOST_MEMORY_BYTES);
  checkInteger('largestMemory', largestMemory, MOST_MEMORY_BYTES);
  const layout = (config.layout ?? llamaLayout)(config);
  const planWith = (threads: number) =>
    planMemory(config, layout, { dtype, kv, context, sessions, maxNodes, threads, largestMemory });
  const plan = planWith(chooseThreads(options, () => planWith(1).weightBytes).threads);
  if (plan.bytes > memoryLimit) {
    throw new ForetokenError(
      'memory.limit',
      `the plan needs ${plan.bytes} bytes (weights ${plan.weightBytes}, cache ${plan.cacheBytes}): the limit is ${memoryLimit}`,
    );
  }
  return plan;
}

function defaultType(config: ModelConfig): WeightType {
  return misfit(config, 'q8') === undefined ? (config.quantization?.format ?? 'q8') : 'f32';
}

function checkName(name: string, value: unknown, names: readonly string[]): void {
  if (typeof value !== 'string') throw wrongType(name, 'a string', value);
  if (!names.includes(value)) throw outOfRange(name, names.map((each) => `'${each}'`).join(' or '), quote(value));
}

function checkInteger(name: string, value: unknown, most: number): void {
  if (typeof value !== 'number') throw wrongType(name, 'a number', value);
  if (!(Number.isInteger(value) && value >= 1 && value <= most))
    throw outOfRange(name, `an integer, 1..${most}`, value);
}
