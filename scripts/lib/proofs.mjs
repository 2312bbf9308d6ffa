/**
 * docs/proofs.md: what the long proofs last came to.
 * @module
 */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { root } from './repository.mjs';

/** The commit that is checked out, and whether files differ from it. */
export function currentCommit() {
  const git = (...parameters) => execFileSync('git', parameters, { cwd: root, encoding: 'utf8' }).trim();
  return git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain', '-uno') === '' ? '' : ' with changes');
}

/**
 * @param {string} commit what was checked out when the run began
 * @param {{ file: string, passed: number, failed: number, took: string, notes: string[] }[]} files what came of each test file
 */
export function writeProofs(commit, files) {
  const date = new Date().toISOString().slice(0, 10);
  const rows = [...files]
    .sort((a, b) => (a.file < b.file ? -1 : 1))
    .map(
      ({ file, passed, failed, took, notes }) =>
        `| \`${file}\` | ${passed} | ${failed} | ${took} | ${notes.join('; ')} |`,
    );
  const text = `# Long proofs

What takes too long for every change is run by \`npm run test:full\`, which writes this page. The last run: ${date}, commit ${commit},
Node ${process.versions.node}, ${cpus()[0]?.model.trim()}, ${cpus().length} processors.

| proof | passed | failed | time | what was counted |
|---|--:|--:|--:|---|
${rows.join('\n')}
`;
  writeFileSync(join(root, 'docs/proofs.md'), text);
}
