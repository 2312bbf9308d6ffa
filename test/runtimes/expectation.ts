/**
 * What every runtime must come to: every check holds, and the digests are the committed ones.
 * @module
 */
import { readFileSync } from 'node:fs';
import { repositoryFile } from '../repository.ts';
import type { Report } from './outcome.ts';

/** SHA-256 by part; `npm run test:digest` writes it anew after a change of bits. */
export const DIGEST_FILE = 'test/runtimes/digest.json';

const committed: Readonly<Record<string, string>> = JSON.parse(readFileSync(repositoryFile(DIGEST_FILE), 'utf8'));

/**
 * Compares a runtime's report with what is committed.
 * @returns what is wrong, one line each; empty when every promise is kept
 */
export function brokenPromises(report: Report, expected = committed): string[] {
  if ('error' in report) return [report.error];
  const { checks, digests } = report;
  const broken = Object.keys(checks).filter((title) => checks[title] !== true);
  const parts = new Set([...Object.keys(expected), ...Object.keys(digests)]);
  const differing = [...parts].filter((part) => digests[part] !== expected[part]);
  return [
    ...broken.map((title) => `does not hold: ${title}`),
    ...differing.map((part) => `${part}: expected ${expected[part]}, got ${digests[part]}`),
  ];
}
