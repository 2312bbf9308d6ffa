/**
 * Matching errors by their code.
 * @module
 */
import { ForetokenError } from '../src/errors.ts';

/** For `assert.throws`: true for a ForetokenError of this code. */
export const hasCode =
  (code: string) =>
  (error: unknown): boolean =>
    error instanceof ForetokenError && error.code === code;

/** The code of the ForetokenError that a call rejects with; what else it does is told in words. */
export async function rejection(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return 'no error';
  } catch (error) {
    return error instanceof ForetokenError ? error.code : String(error);
  }
}
