/**
 * The package on workerd, which compiles no WebAssembly from bytes: the same names, over kernels that the host has compiled.
 * @module
 */
import type { FolderInput } from './formats/folder.ts';
import {
  createEngine as createEngineOf,
  type Engine,
  type EngineOptions,
  type LoadOptions,
  load as loadWith,
} from './index.ts';
import kernels from './kernels.wasm';
import type { Model } from './model.ts';

export * from './index.ts';

/** `createEngine` of index.ts, with the module that this host has compiled. */
export function createEngine(options: EngineOptions = {}): Promise<Engine> {
  return createEngineOf({ module: kernels, ...options });
}

/** A worker has 128 MB for everything. */
const MEMORY_LIMIT = 96_000_000;

/** `load` of index.ts, on that engine; `memoryLimit` is 96 MB unless given. */
export async function load(source: FolderInput, options: LoadOptions = {}): Promise<Model> {
  return loadWith(source, { engine: await createEngine(), memoryLimit: MEMORY_LIMIT, ...options });
}
