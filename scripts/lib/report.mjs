/**
 * The course of a test run on the terminal: steps and suites with their time budgets, and one closing line.
 * @module
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runTestFile } from './guard.mjs';
import { root } from './repository.mjs';

/** One per processor of the smallest machine that the suite is meant for. */
const PROCESSES = 2;

/** @typedef {{ name: string, budget: number, fileTimeout: number, files: string[] }} Suite budget and fileTimeout in seconds */

/** Test files run as tsc wrote them, since Node 20 runs no TypeScript. */
const builtFile = (source) => join(root, 'build', source.replace(/\.ts$/, '.js'));

/** Adds up a run. Nothing here throws for a failed test: `close` says how it went. */
export class Report {
  #start = performance.now();
  #passed = 0;
  #failed = 0;
  #skipped = 0;
  /** What came of each test file, in the order in which they ended: { file, passed, failed, took, notes }. */
  files = [];
  #allowedSkips = JSON.parse(readFileSync(join(root, 'test/allowed-skips.json'), 'utf8'));

  /**
   * One thing to do that succeeds or fails as a whole; counted as one test.
   * @param {() => Promise<void>} action throws when it fails
   * @returns {Promise<boolean>} whether it succeeded
   */
  async step(name, budget, action) {
    const start = performance.now();
    let problem;
    try {
      await action();
      this.#passed++;
    } catch (error) {
      this.#failed++;
      problem = error.message;
    }
    this.#line(problem === undefined ? 'ok' : 'FAIL', name, start, budget);
    if (problem) console.log(problem);
    return problem === undefined;
  }

  /** Every file of a suite, each in its own process, two at once. */
  async suite({ name, budget, fileTimeout, files }) {
    if (files.length === 0) return;
    const start = performance.now();
    const failedBefore = this.#failed;
    console.log(`\n${name}: ${files.length} files, budget ${budget} s`);
    const waiting = [...files];
    const worker = async () => {
      for (let file = waiting.shift(); file; file = waiting.shift()) await this.#file(file, fileTimeout);
    };
    await Promise.all(Array.from({ length: PROCESSES }, worker));
    this.#line(this.#failed === failedBefore ? 'ok' : 'FAIL', name, start, budget);
  }

  /** A suite that cannot run is a failure. */
  notRun({ name }, reason) {
    this.#failed++;
    console.log(`FAIL ${name}: not run, ${reason}`);
  }

  async #file(file, fileTimeout) {
    const maySkip = (title) => this.#allowedSkips.some((skip) => skip.file === file && skip.title === title);
    const verdict = await runTestFile(builtFile(file), { timeoutMs: fileTimeout * 1000, maySkip });
    this.#passed += verdict.passed;
    this.#failed += verdict.failed;
    this.#skipped += verdict.skipped;
    this.files.push({ file, ...verdict });
    const skips = verdict.skipped > 0 ? `, ${verdict.skipped} skipped` : '';
    console.log(`  ${verdict.failed > 0 ? 'FAIL' : 'ok  '} ${file}: ${verdict.passed} passed${skips}, ${verdict.took}`);
    for (const note of verdict.notes) console.log(`       ${note}`);
    for (const problem of verdict.problems) console.log(`       ${problem}`);
    if (verdict.failed > 0) console.log(verdict.output);
  }

  #line(mark, name, start, budget) {
    const seconds = (performance.now() - start) / 1000;
    const verdict = seconds > budget ? ', OVER BUDGET' : '';
    console.log(`${mark.padEnd(4)} ${name}: ${seconds.toFixed(1)} s of ${budget} s${verdict}`);
  }

  /** Prints the totals, the last line of a run, and sets the exit code. */
  close() {
    console.log(`\n${((performance.now() - this.#start) / 1000).toFixed(0)} s`);
    if (this.#passed + this.#failed === 0) this.#failed++; // a run of nothing proves nothing
    const skips = this.#skipped > 0 ? `, ${this.#skipped} skipped` : '';
    console.log(`${this.#passed} passed, ${this.#failed} failed${skips}`);
    process.exitCode = this.#failed > 0 ? 1 : 0;
  }
}
