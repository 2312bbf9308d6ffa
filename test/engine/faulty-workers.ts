/**
 * Workers of node:worker_threads that do not do what `foretoken/worker` does.
 * @module
 */
import { Worker } from 'node:worker_threads';

/**
 * A worker of this code, in which `post` is what it was sent, `tell` posts that it is ready, and `work` does what worker.ts does, with a
 * `runProgram` for each memory that may be a changed one.
 */
function workerOf(code: string): Worker {
  return new Worker(
    `const { parentPort } = require('node:worker_threads');
    const tell = () => parentPort.postMessage('ready');
    const work = ({ kernels, team, memories, thread, threads }, changed) => {
      const members = memories.map((memory, number) => {
        const { runProgram } = new WebAssembly.Instance(kernels, { env: { memory } }).exports;
        const env = { memory: memories[0], runProgram: changed(runProgram, number) };
        return new WebAssembly.Instance(team, { env }).exports;
      });
      tell();
      try {
        for (let memory = 0; memory >= 0; ) memory = members[memory].serve(memory, thread, threads);
      } catch (error) {
        members[0].fail();
        throw error;
      }
    };
    parentPort.on('message', (post) => { ${code} });`,
    { eval: true },
  );
}

/** Is there, and then comes to no meeting. */
export const absent = () => workerOf('tell(); setInterval(() => {}, 1000);');

/** Fails in its first stretch, and says so as worker.ts does. */
export const failing = () => workerOf("work(post, () => () => { throw new Error('planted'); });");

/** Works in the first memory, and fails in the second. */
export const failingInSecond = () =>
  workerOf("work(post, (runProgram, number) => number === 0 ? runProgram : () => { throw new Error('planted'); });");

/** Ends while it waits for its first job. */
export const leaving = () => workerOf('tell(); setTimeout(() => process.exit(3), 50);');

/** Cannot take its post. */
export const refusing = () => workerOf("throw new Error('planted');");

/** Never answers. */
export const silent = () => workerOf('setInterval(() => {}, 1000);');

/** Comes to each meeting with its share undone, and does it afterwards, one op at a time. */
export const hasty = () =>
  workerOf(`
    work(post, (runProgram) => {
      const late = [];
      return (...operands) => {
        for (const share of late.splice(0)) runProgram(...share);
        late.push(operands);
        return 1;
      };
    });`);
