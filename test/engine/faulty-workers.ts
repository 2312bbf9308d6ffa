/**
 * Workers of node:worker_threads that do not do what `foretoken/worker` does.
 * @module
 */
import { Worker } from 'node:worker_threads';

/** A worker of this code, in which `post` is what it was sent, `tell` posts that it is ready, and `exportsOf(post, changed)` instantiates. */
function workerOf(code: string): Worker {
  return new Worker(
    `const { parentPort } = require('node:worker_threads');
    const tell = () => parentPort.postMessage('ready');
    const exportsOf = ({ kernels, team, memories: [memory] }, changed = (runProgram) => runProgram) => {
      const { runProgram } = new WebAssembly.Instance(kernels, { env: { memory } }).exports;
      return new WebAssembly.Instance(team, { env: { memory, runProgram: changed(runProgram) } }).exports;
    };
    parentPort.on('message', (post) => { ${code} });`,
    { eval: true },
  );
}

/** Is there, and then comes to no meeting. */
export const absent = () => workerOf('tell(); setInterval(() => {}, 1000);');

/** Fails in its first stretch, and says so as worker.ts does. */
export const failing = () =>
  workerOf(`
    const { serve, fail } = exportsOf(post, () => () => { throw new Error('planted'); });
    tell();
    try { serve(0, post.thread, post.threads); } catch (error) { fail(); throw error; }`);

/** Ends while it waits for its first job. */
export const leaving = () => workerOf('tell(); setTimeout(() => process.exit(3), 50);');

/** Cannot take its post. */
export const refusing = () => workerOf("throw new Error('planted');");

/** Never answers. */
export const silent = () => workerOf('setInterval(() => {}, 1000);');

/** Comes to each meeting with its share undone, and does it afterwards, one op at a time. */
export const hasty = () =>
  workerOf(`
    const late = [];
    const { serve } = exportsOf(post, (runProgram) => (...operands) => {
      for (const share of late.splice(0)) runProgram(...share);
      late.push(operands);
      return 1;
    });
    tell();
    serve(0, post.thread, post.threads);`);
