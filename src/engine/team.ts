/**
 * Team: machines whose programs run on several threads, the same threads for all of them.
 *
 * Thread 0 is the caller's. The others are workers that hold the same kernels over the same shared memories; from their post on they know of
 * jobs only by words in the first memory (team-block.ts), so no message goes with a program, and none with an operation.
 * @module
 */
import { ForetokenError } from '../errors.ts';
import { listen, maySleep, startWorker, type WorkerLike } from '../runtime/workers.ts';
import type { Machine } from './engine.ts';

/** What a worker is told, once. */
export interface Post {
  readonly kernels: WebAssembly.Module;
  readonly team: WebAssembly.Module;
  readonly memories: readonly WebAssembly.Memory[];
  /** 1..threads - 1 */
  readonly thread: number;
  readonly threads: number;
}

/** Exports of the team's module that the host calls. */
interface TeamExports {
  lead(memory: number, program: number, ops: number, threads: number, patience: number): number;
  dismiss(): void;
}

/** Exports of kernels. */
export interface KernelExports {
  runProgram(program: number, ops: number, thread: number, threads: number): number;
}

export interface TeamParts {
  /** Kernels for shared memories. */
  readonly kernels: WebAssembly.Module;
  readonly team: WebAssembly.Module;
  /** Shared; at least one. */
  readonly memories: readonly WebAssembly.Memory[];
  /** At least 2. */
  readonly threads: number;
  /** Starts a worker that runs `foretoken/worker`. */
  readonly worker?: (() => WorkerLike) | undefined;
  /** Seconds for which a pass waits for a thread that has vanished without a word. Where this thread must not sleep, it is a minute or so. */
  readonly patience?: number;
}

/** Seconds: far more than a thread is late for a meeting on an overloaded machine. */
const PATIENCE = 30;

/** Ends the workers of machines that were dropped, not disposed: they would hold the memories. Made late, as hosts without threads may lack it. */
let dropped: FinalizationRegistry<() => void> | undefined;

/**
 * Starts the workers; programs may run once `ready` has resolved, one at a time.
 * @returns a machine for each memory; to dispose one, or to lose a thread, ends them all
 * @throws {ForetokenError} `engine.worker`, by `ready`, when a worker cannot be started
 */
export function createTeam(parts: TeamParts): readonly Machine[] {
  const { kernels, team, memories, threads, worker = startWorker, patience = PATIENCE } = parts;
  const instances = memories.map((memory) => {
    const { runProgram } = instantiate(kernels, { memory }) as KernelExports;
    return { runProgram, ...(instantiate(team, { memory: memories[0]!, runProgram }) as TeamExports) };
  });
  const sleeps = maySleep() ? patience : 0;
  const workers: WorkerLike[] = [];
  /** Why no program can run any more. */
  let end: ForetokenError | undefined;

  const stop = (reason: ForetokenError) => {
    if (end) return;
    end = reason;
    instances[0]!.dismiss(); // some hosts cannot end a worker that sleeps
    for (const started of workers) started.terminate();
  };

  const start = (thread: number) =>
    new Promise<void>((resolve, reject) => {
      let ready = false;
      const gone = (cause: unknown) => {
        const told = cause === undefined ? 'it ended' : 'it failed';
        const error = ready
          ? new ForetokenError('engine.thread', `thread ${thread} is lost, ${told}: load the model again`, { cause })
          : new ForetokenError(
              'engine.worker',
              `the worker of thread ${thread} could not be started: a page's policy must allow it (worker-src), a bundler must find it, or give \`worker\`; 1 thread needs none`,
              { cause },
            );
        stop(error);
        reject(end);
      };
      try {
        const started = worker();
        workers.push(started);
        listen(started, {
          message: () => {
            ready = true;
            started.unref?.(); // from now on it only waits, and does not keep the process alive
            resolve();
          },
          gone,
        });
        const post: Post = { kernels, team, memories, thread, threads };
        started.postMessage(post);
      } catch (cause) {
        gone(cause);
      }
    });

  const dispose = () => stop(new ForetokenError('model.disposed', 'this model has been disposed'));

  const ready = Promise.all(Array.from({ length: threads - 1 }, (_, i) => start(i + 1))).then(() => {});
  ready.catch(() => {}); // told to whoever waits for it, and by `run`
  const machines: Machine[] = [];
  for (const [number, memory] of memories.entries()) {
    const { runProgram, lead } = instances[number]!;
    machines.push({
      memory,
      threads,
      ready,
      run(program, ops, alone = false) {
        if (end) throw end;
        if (alone) {
          runProgram(program, ops, 0, 1);
        } else if (lead(number, program, ops, threads, sleeps) === 0) {
          stop(new ForetokenError('engine.thread', 'a thread failed during a pass: load the model again'));
          throw end;
        }
      },
      dispose,
    });
  }
  // Every machine holds `ready`, whatever is put around it; `dispose` must not, so no function of this scope may use it.
  dropped ??= new FinalizationRegistry((end) => end());
  dropped.register(ready, dispose);
  return machines;
}

function instantiate(module: WebAssembly.Module, env: WebAssembly.ModuleImports): unknown {
  return new WebAssembly.Instance(module, { env }).exports;
}
