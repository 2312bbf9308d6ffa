/**
 * Loading a model, and knowing beforehand what it takes.
 * @module
 */
import type { ChatFiles } from './chat/find.ts';
import { checkNames, outOfRange, wrongType } from './check-options.ts';
import { whyFewerThreads } from './engine/threads.ts';
import { ForetokenError } from './errors.ts';
import type { Concurrency } from './decode/queue.ts';
import { readAll } from './formats/byte-source.ts';
import { openCheckpoint } from './formats/checkpoint.ts';
import { type FileInput, type Folder, type FolderInput, ggufFile, openFolder, openSource } from './formats/folder.ts';
import { type JsonObject, type JsonValue, parseJson } from './formats/json.ts';
import {
  type Checkpoint,
  loadCheckpoint,
  type MemoryOptions,
  planFor,
  readConfig,
  type LoadOptions as TransformerOptions,
} from './model/load-transformer.ts';
import { quote } from './errors.ts';
import type { HubOptions } from './hub/options.ts';
import { misfit, type WeightType } from './model/memory-plan.ts';
import type { TransformerModel } from './model/transformer-model.ts';
import { type MemoryUse, Model, memoryUse } from './model.ts';
import { hasFiles } from './runtime/builtin.ts';
import { Tokenizer } from './text/tokenizer.ts';
import { buildTables, type LooseParts, loadTokenizerParts } from './text/tokenizer-file.ts';
import type { TextTokenizer } from './text/text-tokenizer.ts';

export interface LoadOptions extends TransformerOptions {
  /** What a second call does while the first one runs: wait for its turn (`queue`, the default), or fail with `session.busy` (`error`). */
  readonly concurrency?: Concurrency;
  /** For sources `hf:owner/name`: the hub's address, a token, where downloads are kept. */
  readonly hub?: HubOptions;
  /** Reads the tokenizer in place of the built-in code: `peerTokenizer` of foretoken/peer-tokenizer, or one of your own. */
  readonly tokenizer?: TokenizerReader;
}

/** Options of `estimate`. */
export type EstimateOptions = MemoryOptions & Pick<LoadOptions, 'hub'>;

/** @param vocab V of the model: ids above the last token of the file are legal */
export type TokenizerReader = (file: FoundTokenizer, vocab: number) => TextTokenizer | Promise<TextTokenizer>;

/** Every option that `estimate` and `load` know. */
export const MEMORY_OPTIONS: readonly string[] = [
  ...['dtype', 'kv', 'context', 'sessions', 'maxNodes', 'threads'],
  ...['memoryLimit', 'largestMemory', 'hub'],
];
const LOAD_OPTIONS = [...MEMORY_OPTIONS, 'engine', 'worker', 'signal', 'onProgress', 'concurrency', 'tokenizer'];
/** The largest tokenizers published have about 20 MB. */
const MOST_TOKENIZER_BYTES = 64 * 2 ** 20;
/** A bare name, as of an npm package: no path, no URL. */
const PACKAGE_NAME = /^(?:@[a-z0-9][\w.-]*\/)?[a-z0-9][\w.-]*$/;

/**
 * Loads a Llama-type model: config.json, safetensors (one file or shards), and tokenizer.json where there is one; or a GGUF file, which has
 * all of it.
 *
 * @param source a folder's path, the name of an installed package of weights (`foretoken-code`), a base URL, the id of a model on the Hugging Face
 *   Hub (`hf:owner/name@revision`), the files of an upload, files by name; or the path or URL of a `.gguf` file, or its bytes
 * @throws {ForetokenError} before any memory is reserved: `option.*` for the options, `source.*`, `file.*`, `config.*` and `tokenizer.*` for
 *   what was found, `hub.*` for what a hub answers; then `memory.*` and `engine.*` for what the host cannot do, `file.nonfinite`
 * @throws the signal's reason, once it aborts
 * @example const model = await load('foretoken-code');
 */
export async function load(source: ModelInput, options: LoadOptions = {}): Promise<Model> {
  checkLoadOptions(options);
  const { concurrency = 'queue' } = options;
  const { transformer, ...parts } = await loadParts(source, options);
  return new Model(transformer, { ...parts, concurrency, threadsNote: whyFewerThreads(options) });
}

/** What a model is put together from; benchmarks put it together in ways of their own. */
export interface LoadedParts {
  readonly transformer: TransformerModel;
  readonly tokenizer: TextTokenizer | undefined;
  readonly chatFiles: () => Promise<ChatFiles>;
}

/** Loads as `load` does, from options that are checked already. */
export async function loadParts(source: ModelInput, options: LoadOptions = {}): Promise<LoadedParts> {
  const model = await openModel(source, options.signal, options.hub);
  try {
    const tokenizer = await readTokenizer(model, options.tokenizer);
    const { chatFiles } = model;
    return { transformer: await loadCheckpoint(model, withType(options, model)), tokenizer, chatFiles };
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
export async function estimate(source: ModelInput, options: EstimateOptions = {}): Promise<MemoryUse> {
  checkNames(options, MEMORY_OPTIONS);
  const model = await openModel(source, undefined, options.hub);
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
  const { engine, worker, signal, onProgress, tokenizer, concurrency = 'queue' } = options;
  if (engine !== undefined && typeof engine?.createMachine !== 'function') {
    throw wrongType('engine', 'what createEngine returns', engine);
  }
  for (const [name, value] of Object.entries({ worker, onProgress, tokenizer })) {
    if (value !== undefined && typeof value !== 'function') throw wrongType(name, 'a function', value);
  }
  if (worker && engine) {
    throw new ForetokenError('option.range', 'worker: an engine is given, so give `worker` to createEngine');
  }
  const isSignal = typeof signal?.throwIfAborted === 'function' && typeof signal.addEventListener === 'function';
  if (signal !== undefined && !isSignal) throw wrongType('signal', 'an AbortSignal', signal);
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
  /** Where a folder's files are; a GGUF file has its config.json, which says the same, in the place of it. */
  readonly folder?: Folder;
  readonly settings?: JsonObject;
  /** What the files say of chats; may be asked for after `close`, too. */
  readonly chatFiles: () => Promise<ChatFiles>;
  close(): void;
}

/** What a model can be loaded from: a folder, or a GGUF file. */
export type ModelInput = FolderInput | FileInput;

/**
 * Opens a model in either format.
 * @throws {ForetokenError} `source.*`, `file.*`, `config.*`; for the id of a model on a hub also `hub.*` and `option.*`
 */
export async function openModel(input: ModelInput, signal?: AbortSignal, hub?: HubOptions): Promise<OpenModel> {
  const isId = typeof input === 'string' && input.startsWith('hf:');
  const source = isId ? await (await import('./hub/open-hub.ts')).openHub(input, hub, signal) : input;
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
      folder,
      readTensors: () => openCheckpoint(folder, signal),
      async findTokenizer() {
        const file = await folder.file('tokenizer.json', signal);
        return (
          file && { json: parseJson(await readAll(file, MOST_TOKENIZER_BYTES, signal), file.name), name: file.name }
        );
      },
      chatFiles: async () => (await import('./chat/chat.ts')).findInFolder(folder),
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
export async function readTokenizer(model: OpenModel, read?: TokenizerReader): Promise<TextTokenizer | undefined> {
  const found = await model.findTokenizer();
  if (!found) return undefined;
  const { vocab } = model.config;
  if (read) return read(found, vocab);
  return new Tokenizer(
    'parts' in found ? buildTables(found.parts, vocab) : await loadTokenizerParts(found.json, found.name, vocab),
  );
}
