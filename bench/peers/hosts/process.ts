/**
 * Contestants in processes of their own: no library meets another's threads, memory or garbage.
 * @module
 */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type Job, NotOffered } from '../contestants/contestant.ts';
import type { Answer } from './answer.ts';
import { type Face, type Loaded, loaded } from './loaded.ts';

const CHILD = fileURLToPath(new URL('./child.ts', import.meta.url));

/**
 * @param module file name in contestants/, without its ending
 * @throws {NotOffered}
 */
export async function loadInProcess(module: string, job: Job): Promise<Loaded> {
  const child = fork(CHILD, { serialization: 'advanced', stdio: ['ignore', 'inherit', 'ignore', 'ipc'] });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));

  /** One question at a time. */
  async function ask(method: string, parameters: readonly unknown[]): Promise<unknown> {
    const answered = new Promise<Answer>((resolve) => child.once('message', (answer) => resolve(answer as Answer)));
    child.send({ method, parameters });
    const answer = await Promise.race([answered, ended]);
    if (!answer) throw new Error(`the process of ${module} ended in ${method}: exit code ${child.exitCode}`);
    if (answer.error?.name === 'NotOffered') throw new NotOffered(answer.error.message);
    if (answer.error) throw new Error(`${module}, ${method}: ${answer.error.message}`);
    return answer.value;
  }

  async function close(): Promise<void> {
    child.kill();
    await ended;
  }

  try {
    return loaded((await ask('load', [module, job])) as Face, ask, close);
  } catch (error) {
    await close();
    throw error;
  }
}
