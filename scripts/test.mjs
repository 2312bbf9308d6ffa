/**
 * `npm test`: installs what is missing, builds, and runs every test file. The last line reads `N passed, N failed[, N skipped]`.
 * Usage: node scripts/test.mjs [--full] [PART ...]   --full: the long proofs of test/full instead
 *        PART: only the test files whose path contains one of these, without the checks around them
 */
import { ensureBrowsers } from './lib/browsers.mjs';
import { ensureInstalled } from './lib/install.mjs';
import { currentCommit, writeProofs } from './lib/proofs.mjs';
import { Report } from './lib/report.mjs';
import { testSuites } from './lib/suites.mjs';
import { build, buildTests, lint, pack } from './lib/tasks.mjs';

const full = process.argv.includes('--full');
const commit = full ? currentCommit() : '';
const parts = process.argv.slice(2).filter((parameter) => !parameter.startsWith('--'));
const suites = testSuites({ full, parts });
const hostSuites = suites.some(({ needsHosts }) => needsHosts);

const report = new Report();
let ready = await report.step('install', 60, () => ensureInstalled('.'));
if (hostSuites) {
  ready &&= await report.step('install runtimes and bundlers', 90, () => ensureInstalled('test/runtimes'));
  ready &&= await report.step('install browsers', 120, ensureBrowsers);
}
if (ready) {
  let packed = await report.step('build the package', 90, build);
  await report.step('types, and tests to build/', 45, buildTests);
  if (parts.length === 0 && !full) await report.step('lint and format', 15, lint);
  if (hostSuites) packed &&= await report.step('pack', 15, pack);
  for (const suite of suites) {
    if (packed || !suite.needsHosts) await report.suite(suite);
    else report.notRun(suite, 'there is no package to run');
  }
}
if (full && parts.length === 0) writeProofs(commit, report.files);
report.close();
