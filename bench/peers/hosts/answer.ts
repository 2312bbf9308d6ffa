/**
 * The far side of a process or a page: loads one contestant, and runs its methods by name.
 * @module
 */
import type { Contestant, Job, LoadContestant } from '../contestants/contestant.ts';
import { type Face, faceOf } from './loaded.ts';

export interface Answer {
  readonly value?: unknown;
  readonly error?: { readonly name: string; readonly message: string };
}

let contestant: Contestant | undefined;

async function load(module: string, job: Job): Promise<Face> {
  const { load } = (await import(`../contestants/${module}.ts`)) as { load: LoadContestant };
  contestant = await load(job);
  return faceOf(contestant);
}

/** @param method `load`, or one that the loaded contestant has */
export async function answer(method: string, parameters: readonly unknown[]): Promise<Answer> {
  const { generate, passes } = contestant ?? {};
  const methods: Readonly<Record<string, unknown>> = { load, generate, passes };
  try {
    return { value: await (methods[method] as (...parameters: readonly unknown[]) => unknown)(...parameters) };
  } catch (error) {
    const { name, message } = error as Error;
    return { error: { name, message } };
  }
}
