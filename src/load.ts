/**
 * Loading a model, and knowing beforehand what it takes.
 * @module
 */
import { checkNames, outOfRange, wrongType } from './check-options.ts';
import { DRAFTER_NAMES } from './decode/options.ts';
import { whyFewerThreads } from './engine/threads.ts';
import { ForetokenError } from './errors.ts';
import type { Concurrency } from './decode/queue.ts';
import { readAll } from './formats/byte-source.ts';
import { type Folder, type FolderInput, openFolder } from './formats/folder.ts';
import {
  loadFolder,
  type MemoryOptions,
  planFor,
  readConfig,
  type LoadOptions as TransformerOptions,
} from './model/load-transformer.ts';
import { quote } from './errors.ts';
import type { TransformerModel } from './model/transformer-model.ts';
import { type MemoryUse, Model, memoryUse } from './model.ts';
import { packageFolder } from './runtime/node.ts';
import { parseTokenizer, type Tokenizer } from './text/tokenizer.ts';

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
 * Loads a Llama-type model: config.json, safetensors (one file or shards), and tokenizer.json where there is one.
 *
 * @param source a folder's path, the name of an installed package of weights (`foretoken-code`), a base URL, the files of an upload, or files by name
 * @throws {ForetokenError} before any memory is reserved: `option.*` for the options, `source.*`, `file.*`, `config.*` and `tokenizer.*` for
 *   what was found; then `memory.*` and `engine.*` for what the host cannot do, `file.nonfinite`
 * @throws the signal's reason, once it aborts
 * @example const model = await load('foretoken-code');
 */
export async function load(source: FolderInput, options: LoadOptions = {}): Promise<Model> {
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
export async function loadParts(source: FolderInput, options: TransformerOptions = {}): Promise<LoadedParts> {
  const { signal } = options;
  const folder = await openModelFolder(source, signal);
  try {
    const config = await readConfig(folder, signal);
    const tokenizer = await readTokenizer(folder, config.vocab, signal);
    return { transformer: await loadFolder(folder, config, options), tokenizer };
  } finally {
    folder.close?.();
  }
}

/**
 * The memory that `load` would reserve, without reading weights.
 *
 * @param source as for `load`; only config.json is read
 * @throws {ForetokenError} `option.*`, `source.*`, `config.*`, `memory.limit`
 * @example (await estimate('foretoken-code', { dtype: 'q8', context: 1024 })).total // bytes
 */
export async function estimate(source: FolderInput, options: MemoryOptions = {}): Promise<MemoryUse> {
  checkNames(options, MEMORY_OPTIONS);
  const folder = await openModelFolder(source);
  try {
    const config = await readConfig(folder);
    return memoryUse(planFor(config, options), config, DRAFTER_NAMES);
  } finally {
    folder.close?.();
  }
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

/** A bare name that is no folder here is looked for among the installed packages. */
export async function openModelFolder(source: FolderInput, signal?: AbortSignal): Promise<Folder> {
  const options = signal ? { signal } : {};
  if (typeof source !== 'string' || !PACKAGE_NAME.test(source)) return openFolder(source, options);
  return openFolder((await packageFolder(source)) ?? source, options);
}

export async function readTokenizer(
  folder: Folder,
  vocab: number,
  signal?: AbortSignal,
): Promise<Tokenizer | undefined> {
  const file = await folder.file('tokenizer.json', signal);
  return file && parseTokenizer(await readAll(file, MOST_TOKENIZER_BYTES, signal), file.name, vocab);
}
