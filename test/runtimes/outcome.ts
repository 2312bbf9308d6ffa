/**
 * How a runtime tells the test what the promises came to. Runs on every runtime.
 * @module
 */
import { type Environment, type Outcome, runPromises } from './promises.ts';

/** What arrives at the test server: the outcome, or why there is none. */
export type Report = Outcome | { readonly error: string };

/** Runs the promises and posts what came of them to `result/NAME` of the test server. */
export async function runAndPost(name: string, environment: Environment): Promise<void> {
  const report: Report = await runPromises(environment).catch((error: unknown) => ({ error: describe(error) }));
  await fetch(`${environment.base}result/${name}`, { method: 'POST', body: JSON.stringify(report) });
}

function describe(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}\n${error.stack}` : String(error);
}
