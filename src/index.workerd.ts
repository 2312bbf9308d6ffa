/**
 * The package on workerd, which compiles no WebAssembly from bytes: the same names, over kernels that the host has compiled.
 * @module
 */
import { checkNames } from './check-options.ts';
import { ENGINE_OPTIONS } from './engine/engine.ts';
import {
  createEngine as createEngineOf,
  type Engine,
  type EngineOptions,
  type EstimateOptions,
  type HubOptions,
  type LoadOptions,
  estimate as estimateWith,
  load as loadWith,
} from './index.ts';
import kernels from './kernels.wasm';
import { checkLoadOptions, MEMORY_OPTIONS, type ModelInput } from './load.ts';
import type { MemoryUse, Model } from './model.ts';

export * from './index.ts';

/** `createEngine` of index.ts, with the module that this host has compiled. */
export async function createEngine(options: EngineOptions = {}): Promise<Engine> {
  checkNames(options, ENGINE_OPTIONS);
  const { module = kernels } = options;
  return createEngineOf({ module });
}

/** A worker has 128 MB for everything. */
const MEMORY_LIMIT = 96_000_000;

/** A worker keeps no files, so downloads of a hub are not kept unless it says where. */
const withoutCache = (hub: HubOptions | undefined): HubOptions => ({ cache: false, ...hub });

/** `estimate` of index.ts; `memoryLimit` is 96 MB unless given. */
export async function estimate(source: ModelInput, options: EstimateOptions = {}): Promise<MemoryUse> {
  checkNames(options, MEMORY_OPTIONS);
  return estimateWith(source, { memoryLimit: MEMORY_LIMIT, ...options, hub: withoutCache(options.hub) });
}

/** `load` of index.ts, on that engine, which has no use for workers; `memoryLimit` is 96 MB unless given. */
export async function load(source: ModelInput, options: LoadOptions = {}): Promise<Model> {
  checkLoadOptions(options);
  const { engine = await createEngine(), memoryLimit = MEMORY_LIMIT } = options;
  return loadWith(source, { ...options, worker: undefined, engine, memoryLimit, hub: withoutCache(options.hub) });
}
