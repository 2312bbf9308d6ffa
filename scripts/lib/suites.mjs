/**
 * Which test file belongs to which suite. A file's place and name decide, so that a new file needs no entry anywhere.
 * @module
 */
import { filesBelow } from './repository.mjs';

/**
 * Budgets and the limit of one file in seconds, on two processors. The first suite that matches takes a file.
 * `needsHosts`: needs the packed package, the runtimes, the bundlers and the browsers.
 */
const SUITES = [
  { name: 'long proofs', budget: 7200, fileTimeout: 7200, needsHosts: true, matches: /^test\/full\// },
  { name: 'runtimes', budget: 240, fileTimeout: 180, needsHosts: true, matches: /^test\/runtimes\// },
  { name: 'packaging', budget: 150, fileTimeout: 150, needsHosts: true, matches: /^test\/packaging\// },
  { name: 'proofs', budget: 360, fileTimeout: 180, matches: /\.proof\.test\.ts$/ },
  { name: 'fuzz', budget: 120, fileTimeout: 120, matches: /\.fuzz\.test\.ts$/ },
  { name: 'whole generations', budget: 180, fileTimeout: 120, matches: /^test\/(cli|generate)\// },
  { name: 'quick tests', budget: 90, fileTimeout: 60, matches: /\.test\.ts$/ },
];

/** In the order in which they run: what fails soonest comes first. */
function suitesOfFiles() {
  const files = filesBelow('test').filter((path) => path.endsWith('.test.ts'));
  const suites = SUITES.map((suite) => ({ ...suite, files: [] }));
  for (const file of files) suites.find(({ matches }) => matches.test(file)).files.push(file);
  return suites.reverse();
}

/** The suites of `npm test`, or with `full` those of `npm run test:full`; `parts` narrows both to paths that contain one of them. */
export function testSuites({ full, parts }) {
  return suitesOfFiles()
    .filter(({ name }) => (name === 'long proofs') === full)
    .map((suite) => ({
      ...suite,
      files: suite.files.filter((file) => parts.length === 0 || parts.some((part) => file.includes(part))),
    }))
    .filter(({ files }) => files.length > 0);
}

/** What `npm run check` runs. */
export function quickSuite() {
  return suitesOfFiles().find(({ name }) => name === 'quick tests');
}
