/**
 * The engine of training: the kernels that go backward, in one module with all of inference, over the same machines and threads.
 * @module
 */
import { unpack } from '../engine/builds.ts';
import { compileEngine, type Engine, type EngineOptions } from '../engine/engine.ts';
import { selfTest } from '../engine/self-test.ts';
import { ForetokenError } from '../errors.ts';

/**
 * Compiles the kernels of training and checks them against known answers. Models may be loaded with this engine, too.
 * @throws {ForetokenError} `engine.simd`; `engine.compile`; `engine.selftest`
 */
export async function createTrainingEngine({ worker }: Pick<EngineOptions, 'worker'> = {}): Promise<Engine> {
  const engine = await compileEngine(gradientBytes(), worker);
  selfTest(engine);
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

/** The module, which imports a memory of its own. */
export async function gradientBytes(): Promise<Uint8Array<ArrayBuffer>> {
  return unpack((await import('./gradient-binary.ts')).gradientGzip);
}
