/**
 * Loading a transformer: every check first, then one memory of exactly the planned size, then the weights.
 * @module
 */
import { outOfRange, wrongType } from '../check-options.ts';
import { createEngine, type Engine } from '../engine/engine.ts';
import { ForetokenError, quote } from '../errors.ts';
import { readAll } from '../formats/byte-source.ts';
import { openCheckpoint } from '../formats/checkpoint.ts';
import { type Folder, type FolderInput, openFolder } from '../formats/folder.ts';
import { type ModelConfig, parseHfConfig } from '../formats/hf-config.ts';
import { llamaLayout } from './architectures/llama.ts';
import { checkWeights, type LoadProgress, loadWeights } from './load-weights.ts';
import { type MemoryPlan, misfit, planMemory, type WeightType } from './memory-plan.ts';
import { TransformerModel } from './transformer-model.ts';

/** What the memory plan depends on; all optional for a caller. */
export interface MemoryOptions {
  /**
   * How weights are held and multiplied: `f32`, `bf16`, or in blocks of 32 that share a scale `q8` (8 bits) or `q4` (4 bits). Default as they
   * are stored where that is q4, q8 where every width is a multiple of 32, else f32.
   */
  readonly dtype?: WeightType;
  /** Positions of each session's cache. Default: the model's own context, 2048 at most. */
  readonly context?: number;
  /** Caches that can be in use at once. Default 1. */
  readonly sessions?: number;
  /** Largest number of tokens in one pass: of a draft tree with its root, and of a block of prefill; 1..64. Default 64. */
  readonly maxNodes?: number;
  /** Most bytes that the model's linear memory may have. Default 4 GiB, the most there can be; 96 MB on workerd. */
  readonly memoryLimit?: number;
}

export interface LoadOptions extends MemoryOptions {
  /** Default: `await createEngine()`. */
  readonly engine?: Engine;
  /** Stops loading; the signal's reason is thrown. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: LoadProgress) => void;
}

/** What `dtype` may be. */
const WEIGHT_TYPES: readonly WeightType[] = ['f32', 'bf16', 'q8', 'q4'];
const DEFAULT_CONTEXT = 2048;
const MOST_NODES = 64;
const MOST_SESSIONS = 1024;
const MOST_CONFIG_BYTES = 2 ** 20;
/** A wasm32 memory ends here. */
const MOST_MEMORY_BYTES = 2 ** 32;

/**
 * Loads a Llama-type checkpoint from a folder.
 *
 * @param source folder path, base URL, files, or an opened folder: config.json and safetensors as Hugging Face transformers writes them
 * @throws {ForetokenError} `source.*`, `file.*`, `config.*` for what the folder holds; `option.*` for the options; `memory.*` when the
 *   plan does not fit; `engine.*`
 */
export async function loadTransformer(source: FolderInput, options: LoadOptions = {}): Promise<TransformerModel> {
  const folder = await openFolder(source, options.signal ? { signal: options.signal } : {});
  try {
    return await loadFolder(folder, await readConfig(folder, options.signal), options);
  } finally {
    folder.close?.();
  }
}

/** As `loadTransformer`, from an opened folder whose configuration has been read; the caller closes it. */
export async function loadFolder(folder: Folder, config: ModelConfig, options: LoadOptions): Promise<TransformerModel> {
  const plan = planFor(config, options);
  const tensors = await openCheckpoint(folder, options.signal);
  const weights = checkWeights(plan.weights, tensors, config.quantization);
  const engine = options.engine ?? (await createEngine());
  const machine = engine.createMachine(plan.bytes);
  await loadWeights(machine.memory, weights, options);
  return new TransformerModel(machine, config, plan);
}

/** @throws {ForetokenError} `file.missing`, `file.json`, `config.*` */
export async function readConfig(folder: Folder, signal?: AbortSignal): Promise<ModelConfig> {
  const file = await folder.file('config.json', signal);
  if (!file) throw new ForetokenError('file.missing', 'the folder holds no config.json');
  return parseHfConfig(await readAll(file, MOST_CONFIG_BYTES, signal));
}

/**
 * The memory that a model of this configuration takes with these options: what `load` reserves, to the byte.
 * @throws {ForetokenError} `option.type`, `option.range`, `config.unsupported`, `memory.limit`
 */
export function planFor(config: ModelConfig, options: MemoryOptions = {}): MemoryPlan {
  const {
    dtype = defaultType(config),
    context = Math.min(config.context, DEFAULT_CONTEXT),
    sessions = 1,
    maxNodes = MOST_NODES,
    memoryLimit = MOST_MEMORY_BYTES,
  } = options;
  if (typeof dtype !== 'string') throw wrongType('dtype', 'a string', dtype);
  if (!WEIGHT_TYPES.includes(dtype))
    throw outOfRange('dtype', WEIGHT_TYPES.map((type) => `'${type}'`).join(' or '), quote(dtype));
  checkInteger('context', context, config.context);
  checkInteger('sessions', sessions, MOST_SESSIONS);
  checkInteger('maxNodes', maxNodes, MOST_NODES);
  checkInteger('memoryLimit', memoryLimit, MOST_MEMORY_BYTES);
  const plan = planMemory(config, llamaLayout(config), { dtype, context, sessions, maxNodes });
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

function checkInteger(name: string, value: unknown, most: number): void {
  if (typeof value !== 'number') throw wrongType(name, 'a number', value);
  if (!(Number.isInteger(value) && value >= 1 && value <= most))
    throw outOfRange(name, `an integer, 1..${most}`, value);
}
