/**
 * The engine of training: the kernels that go backward, in one module with all of inference, over the same machines and threads.
 * @module
 */
import { checkNames } from '../check-options.ts';
import { unpack } from '../engine/builds.ts';
import { compileEngine, ENGINE_OPTIONS, type Engine, type EngineOptions, engineOf } from '../engine/engine.ts';
import { selfTest } from '../engine/self-test.ts';
import { ForetokenError } from '../errors.ts';
import { trainingSelfTest } from './self-test.ts';

/**
 * Compiles the kernels of training and checks them against known answers. Models may be loaded with this engine, too.
 *
 * @param options `module`, for hosts that compile nothing at run time, is that of `foretoken/gradient.wasm`
 * @throws {ForetokenError} `option.*`; `engine.simd`; `engine.compile`; `engine.module`; `engine.selftest`
 */
export async function createTrainingEngine(options: EngineOptions = {}): Promise<Engine> {
  checkNames(options, ENGINE_OPTIONS);
  const { module, worker } = options;
  const engine = module === undefined ? await compileEngine(gradientBytes(), worker) : engineOf(module);
  checkEngine(engine);
  selfTest(engine);
  trainingSelfTest(engine);
  return engine;
}

/** @throws {ForetokenError} `engine.module` for an engine without the kernels of training */
export function checkEngine({ module }: Engine): void {
  if (WebAssembly.Module.exports(module).some(({ name }) => name === 'adamW')) return;
  throw new ForetokenError(
    'engine.module',
    'the engine given has no kernels of training: createTrainingEngine makes one',
  );
}

/** The module's bytes. */
export async function gradientBytes(): Promise<Uint8Array<ArrayBuffer>> {
  return unpack((await import('./gradient-binary.ts')).gradientGzip);
}
