/**
 * A worker's code: `foretoken/worker`. It waits for its post, posts `ready`, and then runs the kernels on the shared memory, job after job,
 * until it is dismissed. It posts nothing else; what goes wrong is thrown, and so reaches the host's own error event.
 * @module
 */
import type { Post } from '../engine/team.ts';

/** What both kinds of worker have: the web's global scope, and the parent port of node:worker_threads. */
interface Port {
  postMessage(message: unknown): void;
  addEventListener?(type: 'message', listener: (event: { readonly data: unknown }) => void): void;
  on?(type: 'message', listener: (message: unknown) => void): void;
  close(): void;
}

interface Scope extends Partial<Port> {
  readonly process?: { getBuiltinModule?(name: string): unknown };
}

const scope = globalThis as unknown as Scope;
const port =
  typeof scope.postMessage === 'function'
    ? (scope as Port)
    : (scope.process!.getBuiltinModule!('node:worker_threads') as { readonly parentPort: Port }).parentPort;

function work({ kernels, team, memory, thread, threads }: Post): void {
  const { runProgram } = new WebAssembly.Instance(kernels, { env: { memory } }).exports;
  const { serve, fail } = new WebAssembly.Instance(team, { env: { memory, runProgram: runProgram! } }).exports;
  port.postMessage('ready');
  try {
    (serve as (thread: number, threads: number) => void)(thread, threads);
  } catch (error) {
    (fail as () => void)(); // thread 0 waits at the next meeting, and would never hear of it
    throw error;
  }
  port.close();
}

if (port.on) port.on('message', (message) => work(message as Post));
else port.addEventListener!('message', ({ data }) => work(data as Post));
