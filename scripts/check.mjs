/**
 * `npm run check`: types, lint, format and the quick tests, in under 45 seconds on two processors.
 */
import { ensureInstalled } from './lib/install.mjs';
import { Report } from './lib/report.mjs';
import { quickSuite } from './lib/suites.mjs';
import { buildKernels, buildTests, lint } from './lib/tasks.mjs';

const report = new Report();
if (await report.step('install', 60, () => ensureInstalled('.'))) {
  await report.step('kernels', 15, buildKernels);
  await Promise.all([
    report.step('types, and tests to build/', 15, buildTests),
    report.step('lint and format', 5, lint),
  ]);
  await report.suite(quickSuite());
}
report.close();
