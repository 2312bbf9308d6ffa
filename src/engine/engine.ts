/**
 * Engine: the compiled kernels, and the machines (memory + instance) that run programs on them.
 * @module
 */
import { checkNames, wrongType } from '../check-options.ts';
import { ForetokenError } from '../errors.ts';
import type { WorkerLike } from '../runtime/workers.ts';
import { MOST_MEMORY_BYTES, PAGE_BYTES } from './arena.ts';
import { hasSimd, hostBuild, kernelBytes, teamBytes, withSharedMemory } from './builds.ts';
import { selfTest } from './self-test.ts';
import { createTeam, type KernelExports } from './team.ts';

export interface EngineOptions {
  /**
   * The kernels already compiled, for hosts that forbid compiling at run time: the module of `foretoken/kernels.wasm` or of
   * `foretoken/kernels-relaxed.wasm`. One thread only.
   */
  readonly module?: WebAssembly.Module;
  /** Starts a worker that runs `foretoken/worker`, where neither the host nor the bundler finds it by itself. */
  readonly worker?: () => WorkerLike;
}

/** Every option that `createEngine` knows. */
export const ENGINE_OPTIONS: readonly string[] = ['module', 'worker'];

/** One linear memory and the kernels that work on it. */
export interface Machine {
  readonly memory: WebAssembly.Memory;
  /** Threads that run a program together; 1 is the caller's alone. */
  readonly threads: number;
  /**
   * Resolves when all of them are there: nothing may run before. Where one was lost, others are started.
   * @throws {ForetokenError} `engine.worker`
   */
  ready(): Promise<void>;
  /**
   * Runs `ops` ops of the program at byte address `program`. Synchronous.
   * @param alone on the caller's thread: a program with little to do is done before the others wake up
   * @throws {ForetokenError} `engine.thread` when another thread is lost, then and until `ready` has resolved again; `model.disposed`
   */
  run(program: number, ops: number, alone?: boolean): void;
  /** Ends the other threads, also for the machines that share them. */
  dispose(): void;
}

/** The kernels, compiled once; any number of machines may be made of them. */
export interface Engine {
  readonly module: WebAssembly.Module;
  /**
   * A machine with a memory of `bytes`, rounded up to whole pages, filled with zeros. It never grows.
   * @throws {ForetokenError} `memory.limit` over 4 GiB; `memory.refused` when the host has not that much
   */
  createMachine(bytes: number): Machine;
  /**
   * A machine for each of several memories, all with the same threads: workers are started, `ready` tells when they are there, and who disposes
   * one machine disposes all. Absent where kernels are given compiled.
   * @throws {ForetokenError} the same
   */
  readonly createTeam?: (bytes: readonly number[], threads: number) => Promise<readonly Machine[]>;
}

/**
 * Compiles the kernels and checks them against known answers.
 *
 * @throws {ForetokenError} `option.*`; `engine.simd` on a host without WebAssembly SIMD; `engine.compile` on one that compiles nothing at
 *   run time; `engine.module` when `module` is not the kernels; `engine.selftest` when an answer is wrong
 */
export async function createEngine(options: EngineOptions = {}): Promise<Engine> {
  checkNames(options, ENGINE_OPTIONS);
  const { module, worker } = options;
  if (worker !== undefined && typeof worker !== 'function') throw wrongType('worker', 'a function', worker);
  const engine = module === undefined ? await compileEngine(kernelBytes(hostBuild()), worker) : engineOf(module);
  selfTest(engine);
  return engine;
}

/** An engine of kernels that are compiled already, of any kind. */
export function engineOf(module: WebAssembly.Module): Engine {
  return { module, createMachine: (bytes) => createMachine(module, bytes) };
}

/**
 * An engine of any kernels, given as a module that imports a memory of its own. Whoever makes one has `selfTest` run over it.
 * @throws {ForetokenError} `engine.simd`, `engine.compile`
 */
export async function compileEngine(
  kernels: Promise<Uint8Array<ArrayBuffer>>,
  worker: EngineOptions['worker'],
): Promise<Engine> {
  if (!hasSimd())
    throw new ForetokenError('engine.simd', 'this host has no WebAssembly SIMD, which every kernel needs');
  const bytes = await kernels;
  let shared: Promise<readonly [kernels: WebAssembly.Module, team: WebAssembly.Module]> | undefined;
  return {
    ...engineOf(await compile(bytes)),
    async createTeam(sizes, threads) {
      shared ??= Promise.all([compile(withSharedMemory(bytes)), teamBytes().then(compile)]);
      const [kernels, team] = await shared;
      const memories = sizes.map((size) => reserveMemory(size, { shared: true }));
      return createTeam({ kernels, team, memories, threads, worker });
    },
  };
}

async function compile(bytes: Uint8Array<ArrayBuffer>): Promise<WebAssembly.Module> {
  try {
    return await WebAssembly.compile(bytes);
  } catch (cause) {
    throw new ForetokenError(
      'engine.compile',
      "this host does not compile WebAssembly at run time: a page's content security policy must allow 'wasm-unsafe-eval'; elsewhere give createEngine the compiled module",
      { cause },
    );
  }
}

function createMachine(module: WebAssembly.Module, bytes: number): Machine {
  const memory = reserveMemory(bytes);
  const { runProgram } = instantiate(module, memory);
  return {
    memory,
    threads: 1,
    ready: () => Promise.resolve(),
    run: (program, ops) => void runProgram(program, ops, 0, 1),
    dispose() {},
  };
}

function reserveMemory(bytes: number, { shared = false } = {}): WebAssembly.Memory {
  if (bytes > MOST_MEMORY_BYTES) {
    throw new ForetokenError(
      'memory.limit',
      `the plan needs ${bytes} bytes: one WebAssembly memory ends at ${MOST_MEMORY_BYTES}`,
    );
  }
  const pages = Math.ceil(bytes / PAGE_BYTES);
  try {
    return new WebAssembly.Memory({ initial: pages, maximum: pages, shared });
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
