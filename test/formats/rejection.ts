/** What an action that must fail fails with. @module */
import { ForetokenError } from '../../src/errors.ts';
import { assert } from '../harness.ts';

/** The error that `action` throws or rejects with, which must be one of ours. */
export async function rejection(action: () => unknown): Promise<ForetokenError> {
  try {
    await action();
  } catch (error) {
    if (error instanceof ForetokenError) return error;
    throw error;
  }
  return assert.unreachable('expected a ForetokenError') as never;
}
