/**
 * `npm run check`: types, lint, format and the quick tests.
 */
import { ensureInstalled } from './lib/install.mjs';
import { Report } from './lib/report.mjs';
import { quickSuite } from './lib/suites.mjs';
import { buildKernels, buildTests, lint } from './lib/tasks.mjs';

const report = new Report();
if (await report.step('install', 60, () => ensureInstalled('.'))) {
  await report.step('kernels', 90, buildKernels);
  await Promise.all([
    report.step('types, and tests to build/', 45, buildTests),
    report.step('lint and format', 15, lint),
  ]);
  await report.suite(quickSuite());
}
report.close();
