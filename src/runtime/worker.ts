/**
 * A worker's code: `foretoken/worker`. It waits for its post, posts `ready`, and then runs the kernels on the shared memories, job after job,
 * until it is dismissed. It posts nothing else; what goes wrong is thrown, and so reaches the host's own error event.
 * @module
 */
import type { Post } from '../engine/team.ts';
import { NOWHERE } from '../engine/team-block.ts';

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

/** Exports of the team's module that workers call. */
interface Member {
  serve(memory: number, thread: number, threads: number): number;
  fail(): void;
}

function work({ kernels, team, memories, thread, threads }: Post): void {
  const members = memories.map((memory) => {
    const { runProgram } = new WebAssembly.Instance(kernels, { env: { memory } }).exports;
    const env = { memory: memories[0]!, runProgram: runProgram! };
    return new WebAssembly.Instance(team, { env }).exports as unknown as Member;
  });
  port.postMessage('ready');
  try {
    for (let memory = 0; memory !== NOWHERE; ) memory = members[memory]!.serve(memory, thread, threads);
  } catch (error) {
    members[0]!.fail(); // thread 0 waits at the next meeting, and would never hear of it
    throw error;
  }
  port.close();
}

if (port.on) port.on('message', (message) => work(message as Post));
else port.addEventListener!('message', ({ data }) => work(data as Post));
