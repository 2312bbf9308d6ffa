/**
 * The process of one contestant.
 * @module
 */
import process from 'node:process';
import { answer } from './answer.ts';

process.on('disconnect', () => process.exit());
process.on('message', async ({ method, parameters }: { method: string; parameters: unknown[] }) => {
  process.send!(await answer(method, parameters));
});
