/**
 * Engine: the compiled kernels, and the machines (memory + instance) that run programs on them.
 * @module
 */
import { checkNames } from '../check-options.ts';
import { ForetokenError } from '../errors.ts';
import { PAGE_BYTES } from './arena.ts';
import { kernelsBase64 } from './kernels-binary.ts';
import { selfTest } from './self-test.ts';

/** A wasm32 memory ends at 4 GiB. */
const MAX_PAGES = 65_536;

export interface EngineOptions {
  /** The kernels already compiled, for hosts that forbid compiling at run time: the module of `foretoken/kernels.wasm`. */
  readonly module?: WebAssembly.Module;
}

/** Every option that `createEngine` knows. */
export const ENGINE_OPTIONS: readonly string[] = ['module'];

/** One linear memory and the kernels that work on it. */
export interface Machine {
  readonly memory: WebAssembly.Memory;
  /** Runs `ops` ops of the program at byte address `program`. Synchronous. */
  run(program: number, ops: number): void;
}

/** The kernels, compiled once; any number of machines may be made of them. */
export interface Engine {
  readonly module: WebAssembly.Module;
  /**
   * A machine with a memory of `bytes`, rounded up to whole pages, filled with zeros. It never grows.
   * @throws {ForetokenError} `memory.limit` over 4 GiB; `memory.refused` when the host has not that much
   */
  createMachine(bytes: number): Machine;
}

/** Exports of the wasm module that the host calls. */
interface KernelExports {
  readonly runProgram: (program: number, ops: number, thread: number, threads: number) => void;
}

/**
 * Compiles the kernels and checks them against known answers.
 *
 * @throws {ForetokenError} `option.*`; `engine.simd` on a host without WebAssembly SIMD; `engine.compile` on one that compiles nothing at
 *   run time; `engine.module` when `module` is not the kernels; `engine.selftest` when an answer is wrong
 */
export async function createEngine(options: EngineOptions = {}): Promise<Engine> {
  checkNames(options, ENGINE_OPTIONS);
  const { module = await compile() } = options;
  const engine: Engine = { module, createMachine: (bytes) => createMachine(module, bytes) };
  selfTest(engine);
  return engine;
}

/** The smallest module with a SIMD instruction: `(func (result v128) i32.const 0 i8x16.splat)`. */
const SIMD_PROBE = Uint8Array.of(
  ...[0, 97, 115, 109, 1, 0, 0, 0], // magic, version
  ...[1, 5, 1, 96, 0, 1, 123], // one type: () -> v128
  ...[3, 2, 1, 0], // one function of that type
  ...[10, 8, 1, 6, 0, 65, 0, 253, 15, 11], // i32.const 0, i8x16.splat
);

async function compile(): Promise<WebAssembly.Module> {
  if (typeof WebAssembly === 'undefined' || !WebAssembly.validate(SIMD_PROBE)) {
    throw new ForetokenError('engine.simd', 'this host has no WebAssembly SIMD, which every kernel needs');
  }
  try {
    return await WebAssembly.compile(Uint8Array.from(atob(kernelsBase64), (character) => character.charCodeAt(0)));
  } catch (cause) {
    throw new ForetokenError(
      'engine.compile',
      "this host does not compile WebAssembly at run time: a page's content security policy must allow 'wasm-unsafe-eval'; elsewhere give createEngine the compiled module",
      { cause },
    );
  }
}

function createMachine(module: WebAssembly.Module, bytes: number): Machine {
  const pages = Math.ceil(bytes / PAGE_BYTES);
  if (pages > MAX_PAGES) {
    throw new ForetokenError(
      'memory.limit',
      `the plan needs ${bytes} bytes: one WebAssembly memory ends at ${MAX_PAGES * PAGE_BYTES}`,
    );
  }
  const memory = reserveMemory(pages);
  const kernels = instantiate(module, memory);
  return {
    memory,
    run: (program, ops) => kernels.runProgram(program, ops, 0, 1),
  };
}

function reserveMemory(pages: number): WebAssembly.Memory {
  try {
    return new WebAssembly.Memory({ initial: pages, maximum: pages });
  } catch (cause) {
    throw new ForetokenError('memory.refused', `the host refused a memory of ${pages * PAGE_BYTES} bytes`, { cause });
  }
}

function instantiate(module: WebAssembly.Module, memory: WebAssembly.Memory): KernelExports {
  try {
    const exports = new WebAssembly.Instance(module, { env: { memory } }).exports as Partial<KernelExports>;
    if (exports.runProgram) return exports as KernelExports;
  } catch (cause) {
    throw notTheKernels(cause);
  }
  throw notTheKernels(undefined);
}

function notTheKernels(cause: unknown): ForetokenError {
  return new ForetokenError('engine.module', 'the module given is not the kernels of this version', { cause });
}
