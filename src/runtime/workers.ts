/**
 * Workers, and what a host has of them: node:worker_threads on Node and Deno, `Worker` in browsers and on Bun, none on workerd.
 * @module
 */
import { builtin } from './builtin.ts';

/** What is used of a worker: the web's `Worker` and that of node:worker_threads both are one. */
export interface WorkerLike {
  postMessage(message: unknown): void;
  terminate(): unknown;
  /** Absent where a worker never keeps the process alive, or always does. */
  unref?(): unknown;
  /** Node's way of listening; a worker has this or the next. */
  on?(event: string, listener: (value: unknown) => void): unknown;
  addEventListener?(event: string, listener: (event: Event) => void): void;
}

/** What happens to a worker. */
export interface WorkerEvents {
  message(data: unknown): void;
  /** It threw, was refused, or ended. @param cause the host's error, where there is one */
  gone(cause: unknown): void;
}

type WorkerConstructor = new (
  url: URL,
  options: { readonly type: 'module'; readonly execArgv: readonly [] },
) => WorkerLike;

interface Scope {
  readonly Worker?: WorkerConstructor;
  readonly SharedArrayBuffer?: typeof SharedArrayBuffer;
  readonly crossOriginIsolated?: boolean;
  readonly navigator?: { readonly hardwareConcurrency?: number };
}

const scope = globalThis as unknown as Scope;

/** The global one of browsers and Bun; that of node:worker_threads on Node, which has no other, and on Deno, whose own keeps processes alive. */
function nodeWorker(): WorkerConstructor | undefined {
  if (scope.Worker && 'unref' in scope.Worker.prototype) return undefined;
  return builtin<{ readonly Worker?: WorkerConstructor }>('node:worker_threads')?.Worker;
}

/** Why this host can run one thread only, in a sentence; undefined where it can run more. */
export function whyOneThread(): string | undefined {
  if (!scope.Worker && !nodeWorker()) return 'this host has no workers';
  if (scope.crossOriginIsolated === false) {
    return 'this page is not cross-origin isolated, so its workers share no memory: serve it with the headers Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp';
  }
  return scope.SharedArrayBuffer ? undefined : 'this host has no shared memory';
}

/** Processors that this process may use, as far as the host says; at least 1. */
export function processors(): number {
  return Math.max(1, scope.navigator?.hardwareConcurrency ?? availableParallelism() ?? 1);
}

function availableParallelism(): number | undefined {
  return builtin<{ availableParallelism?(): number }>('node:os')?.availableParallelism?.();
}

/** Whether this thread may sleep on a word of shared memory: not so where it is a page's own. */
export function maySleep(): boolean {
  try {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 1);
    return true;
  } catch {
    return false;
  }
}

/** Starts a worker that runs worker.ts. @throws what the host throws where it refuses */
export function startWorker(): WorkerLike {
  const HostWorker = nodeWorker() ?? scope.Worker!;
  // The command line of the process is none of the worker's business: with -e and --input-type Node would start no file at all.
  const start = (file: string) =>
    new HostWorker(new URL(import.meta.url.replace(/[^/]*$/, file)), { type: 'module', execArgv: [] });
  if (import.meta.url.endsWith('.ts')) return start('worker.ts'); // the source as it is
  if (nodeWorker()) return start('worker.js');
  // In one expression and in these words: bundlers look for it.
  return new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
}

/** Listens to a worker, of either kind. */
export function listen(worker: WorkerLike, { message, gone }: WorkerEvents): void {
  if (worker.on) {
    worker.on('message', message);
    worker.on('error', gone);
    worker.on('exit', () => gone(undefined));
    return;
  }
  const on = (event: string, listener: (event: Event) => void) => worker.addEventListener!(event, listener);
  on('message', (event) => message((event as MessageEvent).data));
  on('error', (event) => {
    event.preventDefault(); // it is told by what the model throws, and is no error of the page
    const { error, message: text } = event as ErrorEvent;
    gone(error ?? new Error(text || 'the worker was refused, or its script could not be loaded'));
  });
  on('messageerror', () => gone(new Error('the host does not share this memory with a worker')));
  on('close', () => gone(undefined)); // Bun's
}
