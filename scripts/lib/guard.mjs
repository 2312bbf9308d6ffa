/**
 * Runs one test file in a process of its own and judges it.
 *
 * uvu ends with exit code 0 when a file never calls `run()`, when a `before` hook throws and when a test is marked `only`. So a
 * file has passed only if all of this holds: its process ended by itself with code 0, uvu printed its totals, every test that was
 * registered (test/harness.ts counts them) ran and passed, nothing was marked `only`, and each skipped test is on the list.
 * @module
 */
import { runNode, secondsSince } from './repository.mjs';

/** What test/harness.ts prints when its process ends, followed by JSON: { registered, skipped: [title], only: [title] }. */
const LEDGER = /^#ledger (.*)$/m;

/** What a test wants shown even when it passes. */
const NOTE = /^#note (.*)$/gm;

/**
 * @param {string} script path of the file that Node runs
 * @param {{ timeoutMs: number, maySkip: (title: string) => boolean }} rules
 * @returns {Promise<{ passed: number, failed: number, skipped: number, problems: string[], notes: string[], took: string, output: string }>}
 *   problems: why the file as a whole is not believed; `failed` is at least 1 when there are any; notes: what tests want shown
 */
export async function runTestFile(script, { timeoutMs, maySkip }) {
  const start = performance.now();
  const {
    code,
    output: raw,
    timedOut,
  } = await runNode(['--enable-source-maps', script], {
    timeoutMs,
    quiet: true,
    env: { NO_COLOR: '1', FORCE_COLOR: '0' },
  });
  const number = (label) => Number(raw.match(new RegExp(`^ {2}${label}: +(\\d+)`, 'm'))?.[1] ?? -1);
  const [total, passed, skipped] = [number('Total'), number('Passed'), number('Skipped')];
  const ledgerLine = raw.match(LEDGER);
  const ledger = ledgerLine ? JSON.parse(ledgerLine[1]) : undefined;

  const problems = [];
  if (timedOut) problems.push(`ran longer than ${timeoutMs / 1000} s`);
  else if (total < 0)
    problems.push(`printed no totals (exit code ${code}): it crashed, ended early or never called run()`);
  else if (code !== 0 && passed === total) problems.push(`exit code ${code} although every test passed`);
  if (!ledger) {
    if (!timedOut && total >= 0) problems.push('does not use test/harness.ts');
  } else if (total >= 0) {
    if (total === 0 && ledger.skipped.length === 0) problems.push('ran no test');
    if (ledger.only.length > 0) problems.push(`marks a test as the only one: ${ledger.only.join(', ')}`);
    if (ledger.registered !== total)
      problems.push(`registered ${ledger.registered} tests, ran ${total}: a suite without run()?`);
    for (const title of ledger.skipped)
      if (!maySkip(title)) problems.push(`skips a test that may not be skipped: ${title}`);
  }
  const failedTests = total < 0 ? 0 : total - passed;
  return {
    passed: Math.max(passed, 0),
    failed: Math.max(failedTests, problems.length > 0 ? 1 : 0),
    skipped: Math.max(skipped, 0),
    problems,
    notes: [...raw.matchAll(NOTE)].map((match) => match[1]),
    took: secondsSince(start),
    output: raw.replace(LEDGER, '').replace(NOTE, '').trim(),
  };
}
