/**
 * A contestant somewhere else: in a process or a page of its own, one call at a time.
 * @module
 */
import type { Contestant } from '../contestants/contestant.ts';

export interface Loaded extends Contestant {
  close(): Promise<void>;
}

/** What a host tells of a contestant it has loaded; its functions are called by name. */
export interface Face {
  readonly details: string;
  readonly methods: readonly ('generate' | 'passes')[];
}

/** @param call runs a method over there */
export function loaded(
  { details, methods }: Face,
  call: (method: string, parameters: readonly unknown[]) => Promise<unknown>,
  close: () => Promise<void>,
): Loaded {
  const functions = methods.map((method) => [method, (...parameters: unknown[]) => call(method, parameters)]);
  return { details, ...Object.fromEntries(functions), close };
}

export function faceOf({ details, generate, passes }: Contestant): Face {
  return { details, methods: [...(generate ? (['generate'] as const) : []), ...(passes ? (['passes'] as const) : [])] };
}
