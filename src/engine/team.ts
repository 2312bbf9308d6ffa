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
import { FAILED, TEAM_END } from './team-block.ts';

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

/** Milliseconds that terminated workers are given to end, before others take their place. */
const FAREWELL = 100;

/** Ends the workers of machines that were dropped, not disposed: they would hold the memories. Made late, as hosts without threads may lack it. */
let dropped: FinalizationRegistry<Crew> | undefined;

/**
 * Starts the workers; programs may run once `ready` has resolved, one at a time.
 * @returns a machine for each memory; to dispose one, or to lose a thread, ends them all
 */
export function createTeam(parts: TeamParts): readonly Machine[] {
  const crew = new Crew(parts);
  const ready = () => crew.ready();
  // Every machine holds `ready`, whatever is put around it, and the crew does not.
  dropped ??= new FinalizationRegistry((crew) => crew.dispose());
  dropped.register(ready, crew);
  return parts.memories.map((memory, number) => ({
    memory,
    threads: parts.threads,
    ready,
    run: (program, ops, alone = false) => crew.run(number, program, ops, alone),
    dispose: () => crew.dispose(),
  }));
}

/** The workers of a team, and others in their place where they were lost. */
class Crew {
  readonly #parts: TeamParts;
  /** One for each memory. */
  readonly #instances: readonly (KernelExports & TeamExports)[];
  readonly #patience: number;
  #workers: WorkerLike[] = [];
  #here: Promise<void>;
  /** Why no program can run. */
  #end: ForetokenError | undefined;
  /** Whether others may take the place of those who were here: all of them have stopped. */
  #replaceable = false;

  constructor(parts: TeamParts) {
    const { kernels, team, memories, patience = PATIENCE } = parts;
    this.#parts = parts;
    this.#instances = memories.map((memory) => {
      const { runProgram } = instantiate(kernels, { memory }) as KernelExports;
      return { runProgram, ...(instantiate(team, { memory: memories[0]!, runProgram }) as TeamExports) };
    });
    this.#patience = maySleep() ? patience : 0;
    this.#here = this.#hire();
  }

  ready(): Promise<void> {
    if (this.#replaceable) {
      this.#replaceable = false;
      this.#here = this.#replace();
      this.#here.catch(() => {}); // told to whoever waits for it, and by `run`
    }
    return this.#here;
  }

  run(memory: number, program: number, ops: number, alone: boolean): void {
    if (this.#end) throw this.#end;
    const { runProgram, lead } = this.#instances[memory]!;
    if (alone) return void runProgram(program, ops, 0, 1);
    if (lead(memory, program, ops, this.#parts.threads, this.#patience) !== 0) return;
    // One that did not say so may still be at work, whenever it wakes up.
    const said = this.#block[FAILED / 4] === 1;
    const then = said ? 'the next call starts others' : 'load the model again';
    this.#stop(new ForetokenError('engine.thread', `a thread failed during a pass: ${then}`), said);
    throw this.#end;
  }

  dispose(): void {
    this.#stop(new ForetokenError('model.disposed', 'this model has been disposed'), false);
  }

  get #block(): Int32Array {
    return new Int32Array(this.#parts.memories[0]!.buffer, 0, TEAM_END / 4);
  }

  #stop(reason: ForetokenError, replaceable: boolean): void {
    if (this.#end?.code === 'model.disposed') return;
    this.#replaceable = replaceable;
    this.#end = reason;
    this.#instances[0]!.dismiss(); // some hosts cannot end a worker that sleeps
    for (const worker of this.#workers.splice(0)) worker.terminate();
  }

  async #replace(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, FAREWELL));
    if (this.#end?.code === 'model.disposed') throw this.#end;
    this.#block.fill(0);
    this.#end = undefined;
    await this.#hire();
  }

  #hire(): Promise<void> {
    const workers = Array.from({ length: this.#parts.threads - 1 }, (_, i) => this.#start(i + 1));
    const here = Promise.all(workers).then(() => {});
    here.catch(() => {}); // told to whoever waits for it, and by `run`
    return here;
  }

  #start(thread: number): Promise<void> {
    const { kernels, team, memories, threads, worker = startWorker } = this.#parts;
    return new Promise<void>((resolve, reject) => {
      let ready = false;
      let started: WorkerLike | undefined;
      const gone = (cause: unknown) => {
        if (started && !this.#workers.includes(started)) return reject(this.#end); // it was told to go
        const told = cause === undefined ? 'it ended' : 'it failed';
        const error = ready
          ? new ForetokenError('engine.thread', `thread ${thread} is lost, ${told}: the next call starts others`, {
              cause,
            })
          : new ForetokenError(
              'engine.worker',
              `the worker of thread ${thread} could not be started: a page's policy must allow it (worker-src), a bundler must find it, or give \`worker\`; 1 thread needs none`,
              { cause },
            );
        this.#stop(error, ready);
        reject(error);
      };
      try {
        started = worker();
        this.#workers.push(started);
        listen(started, {
          message: () => {
            ready = true;
            started!.unref?.(); // from now on it only waits, and does not keep the process alive
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
  }
}

function instantiate(module: WebAssembly.Module, env: WebAssembly.ModuleImports): unknown {
  return new WebAssembly.Instance(module, { env }).exports;
}
