/**
 * Loading a model, and knowing beforehand what it takes.
 * @module
 */
import { checkNames, outOfRange, wrongType } from './check-options.ts';
import { whyFewerThreads } from './engine/threads.ts';
import { ForetokenError } from './errors.ts';
import type { Concurrency } from './decode/queue.ts';
import { readAll } from './formats/byte-source.ts';
import { openCheckpoint } from './formats/checkpoint.ts';
import { type FileInput, type Folder, type FolderInput, ggufFile, openFolder, openSource } from './formats/folder.ts';
import { type JsonValue, parseJson } from './formats/json.ts';
import {
  type Checkpoint,
  loadCheckpoint,
  type MemoryOptions,
  planFor,
  readConfig,
  type LoadOptions as TransformerOptions,
} from './model/load-transformer.ts';
import { quote } from './errors.ts';
import { misfit, type WeightType } from './model/memory-plan.ts';
import type { TransformerModel } from './model/transformer-model.ts';
import { type MemoryUse, Model, memoryUse } from './model.ts';
import { hasFiles } from './runtime/builtin.ts';
import { Tokenizer } from './text/tokenizer.ts';
import { buildTables, type LooseParts, readTokenizerParts } from './text/tokenizer-file.ts';

export interface LoadOptions extends TransformerOptions {
  /** What a second call does while the first one runs: wait for its turn (`queue`, the default), or fail with `session.busy` (`error`). */
  readonly concurrency?: Concurrency;
}

/** Every option that `estimate` and `load` know. */
export const MEMORY_OPTIONS: readonly string[] = [
  ...['dtype', 'kv', 'context', 'sessions', 'maxNodes', 'threads'],
  ...['memoryLimit', 'largestMemory'],
];
const LOAD_OPTIONS = [...MEMORY_OPTIONS, 'engine', 'worker', 'signal', 'onProgress', 'concurrency'];
/** The largest tokenizers published have about 20 MB. */
const MOST_TOKENIZER_BYTES = 64 * 2 ** 20;
/** A bare name, as of an npm package: no path, no URL. */
const PACKAGE_NAME = /^(?:@[a-z0-9][\w.-]*\/)?[a-z0-9][\w.-]*$/;

/**
 * Loads a Llama-type model: config.json, safetensors (one file or shards), and tokenizer.json where there is one; or a GGUF file, which has
 * all of it.
 *
 * @param source a folder's path, the name of an installed package of weights (`foretoken-code`), a base URL, the files of an upload, files by
 *   name; or the path or URL of a `.gguf` file, or its bytes
 * @throws {ForetokenError} before any memory is reserved: `option.*` for the options, `source.*`, `file.*`, `config.*` and `tokenizer.*` for
 *   what was found; then `memory.*` and `engine.*` for what the host cannot do, `file.nonfinite`
 * @throws the signal's reason, once it aborts
 * @example const model = await load('foretoken-code');
 */
export async function load(source: ModelInput, options: LoadOptions = {}): Promise<Model> {
  checkLoadOptions(options);
  const { concurrency = 'queue' } = options;
  const { transformer, tokenizer } = await loadParts(source, options);
  return new Model(transformer, { tokenizer, concurrency, threadsNote: whyFewerThreads(options) });
}

/** What a model is put together from; benchmarks put it together in ways of their own. */
export interface LoadedParts {
  readonly transformer: TransformerModel;
  readonly tokenizer: Tokenizer | undefined;
}

/** Loads as `load` does, from options that are checked already. */
export async function loadParts(source: ModelInput, options: TransformerOptions = {}): Promise<LoadedParts> {
  const model = await openModel(source, options.signal);
  try {
    const tokenizer = await readTokenizer(model);
    return { transformer: await loadCheckpoint(model, withType(options, model)), tokenizer };
  } finally {
    model.close();
  }
}

/**
 * The memory that `load` would reserve, without reading weights.
 *
 * @param source as for `load`; only config.json is read, or the header of a GGUF file
 * @throws {ForetokenError} `option.*`, `source.*`, `config.*`, `memory.limit`; for a GGUF file `file.*`, too
 * @example (await estimate('foretoken-code', { dtype: 'q8', context: 1024 })).total // bytes
 */
export async function estimate(source: ModelInput, options: MemoryOptions = {}): Promise<MemoryUse> {
  checkNames(options, MEMORY_OPTIONS);
  const model = await openModel(source);
  try {
    return memoryUse(planFor(model.config, withType(options, model)), model.config);
  } finally {
    model.close();
  }
}

/** The options, with the type that the checkpoint asks for where the caller asks for none and its widths allow it. */
function withType<Options extends MemoryOptions>(options: Options, { config, dtype }: OpenModel): Options {
  const asks = dtype !== undefined && options.dtype === undefined && misfit(config, dtype) === undefined;
  return asks ? { ...options, dtype } : options;
}

/**
 * All that can be said of options before the model is known: their names, and the values of those that are not of its memory.
 * @throws {ForetokenError} `option.unknown`, `option.type`, `option.range`
 */
export function checkLoadOptions(options: LoadOptions): void {
  checkNames(options, LOAD_OPTIONS);
  const { engine, worker, signal, onProgress, concurrency = 'queue' } = options;
  if (engine !== undefined && typeof engine?.createMachine !== 'function') {
    throw wrongType('engine', 'what createEngine returns', engine);
  }
  if (worker !== undefined && typeof worker !== 'function') throw wrongType('worker', 'a function', worker);
  if (worker && engine) {
    throw new ForetokenError('option.range', 'worker: an engine is given, so give `worker` to createEngine');
  }
  const isSignal = typeof signal?.throwIfAborted === 'function' && typeof signal.addEventListener === 'function';
  if (signal !== undefined && !isSignal) throw wrongType('signal', 'an AbortSignal', signal);
  if (onProgress !== undefined && typeof onProgress !== 'function') {
    throw wrongType('onProgress', 'a function', onProgress);
  }
  if (typeof concurrency !== 'string') throw wrongType('concurrency', 'a string', concurrency);
  if (concurrency !== 'queue' && concurrency !== 'error') {
    throw outOfRange('concurrency', "'queue' or 'error'", quote(concurrency));
  }
}

/** A tokenizer as the value that a tokenizer.json holds, with its name for messages; or, where there can be none, its parts. */
export type FoundTokenizer =
  | { readonly json: JsonValue; readonly name: string }
  | { readonly parts: LooseParts; readonly name: string };

/** A model's files, opened: the configuration is read and checked, weights are not read. */
export interface OpenModel extends Checkpoint {
  /** The type that is nearest to what the weights are stored in; undefined: what a plan for the configuration has by default. */
  readonly dtype?: WeightType | undefined;
  /**
   * The tokenizer; undefined where there is none.
   * @throws {ForetokenError} `source.*`, `file.json`, `tokenizer.*`
   */
  findTokenizer(): Promise<FoundTokenizer | undefined>;
  close(): void;
}

/** What a model can be loaded from: a folder, or a GGUF file. */
export type ModelInput = FolderInput | FileInput;

/**
 * Opens a model in either format.
 * @throws {ForetokenError} `source.*`, `file.*`, `config.*`
 */
export async function openModel(source: ModelInput, signal?: AbortSignal): Promise<OpenModel> {
  const file = ggufFile(source);
  if (file === undefined) return openFolderModel(await openModelFolder(source as FolderInput, signal), signal);
  const { openGguf } = await import('./load-gguf.ts');
  return openGguf(await openSource(file, signal ? { signal } : {}), signal);
}

async function openFolderModel(folder: Folder, signal: AbortSignal | undefined): Promise<OpenModel> {
  const close = () => folder.close?.();
  try {
    const config = await readConfig(folder, signal);
    return {
      config,
      readTensors: () => openCheckpoint(folder, signal),
      async findTokenizer() {
        const file = await folder.file('tokenizer.json', signal);
        return (
          file && { json: parseJson(await readAll(file, MOST_TOKENIZER_BYTES, signal), file.name), name: file.name }
        );
      },
      close,
    };
  } catch (error) {
    close();
    throw error;
  }
}

/** A bare name that is no folder here is looked for among the installed packages. */
async function openModelFolder(source: FolderInput, signal?: AbortSignal): Promise<Folder> {
  const options = signal ? { signal } : {};
  if (typeof source !== 'string' || !PACKAGE_NAME.test(source) || !hasFiles()) return openFolder(source, options);
  const { packageFolder } = await import('./runtime/node.ts');
  return openFolder((await packageFolder(source)) ?? source, options);
}

/** @throws {ForetokenError} `source.*`, `file.json`, `tokenizer.*` */
export async function readTokenizer(model: OpenModel): Promise<Tokenizer | undefined> {
  const found = await model.findTokenizer();
  if (!found) return undefined;
  const { vocab } = model.config;
  return new Tokenizer(
    'parts' in found ? buildTables(found.parts, vocab) : readTokenizerParts(found.json, found.name, vocab),
  );
}
