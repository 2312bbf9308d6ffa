/**
 * What every test file imports: uvu's `suite` and `assert`, seeded randomness, bit comparison.
 * Every file ends with `test.run()`; the guard behind `npm test` fails a file that ran no test, or not all of its tests.
 * @module
 */
import { type Test, suite as uvuSuite } from 'uvu';

export * as assert from 'uvu/assert';
export * from './numbers.ts';
export * from './repository.ts';

/** What uvu does not tell: scripts/lib/guard.mjs reads it from the last line of the process. */
const ledger = { registered: 0, skipped: [] as string[], only: [] as string[] };
process.on('exit', () => console.log(`#ledger ${JSON.stringify(ledger)}`));

/** A named group of tests; uvu's, with the ledger kept. */
export function suite<Context = Record<string, unknown>>(name?: string, context?: Context): Test<Context> {
  const inner = uvuSuite<Context>(name, context);
  const counted = ((title, handler) => {
    ledger.registered++;
    inner(title, handler);
  }) as Test<Context>;
  return Object.assign(counted, inner, {
    skip(title = '') {
      ledger.skipped.push(title);
      inner.skip(title);
    },
    only(title: string, handler: Parameters<Test<Context>>[1]) {
      ledger.only.push(title);
      inner.only(title, handler);
    },
  });
}

/** The tests of a file that needs no groups. */
export const test = suite();

/** Shows a line in the report of `npm test`, also when the test passes: a size, a count. */
export function note(text: string): void {
  console.log(`\n#note ${text}`);
}
