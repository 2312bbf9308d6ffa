/**
 * Installs what a lock file asks for, when it is not there yet.
 * @module
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root, run } from './repository.mjs';

function lockedPackages(path) {
  if (!existsSync(path)) return {};
  return JSON.parse(readFileSync(path, 'utf8')).packages;
}

/**
 * Whether a package of the lock file must be installed here. Optional ones need not be, unless they say that they are made for this
 * system; those of one C library come with a package that has none, and need no look of their own.
 */
function isExpectedHere({ optional, os, cpu, libc }) {
  if (!optional) return true;
  return Boolean(os?.includes(process.platform) && cpu?.includes(process.arch) && !libc);
}

/** Names of the packages that a folder's lock file asks for and that are missing there or of another version. */
export function missingPackages(folder) {
  const wanted = lockedPackages(join(root, folder, 'package-lock.json'));
  const present = lockedPackages(join(root, folder, 'node_modules/.package-lock.json'));
  return Object.keys(wanted).filter((name) => {
    if (name === '') return false;
    return present[name] ? present[name].version !== wanted[name].version : isExpectedHere(wanted[name]);
  });
}

/**
 * `npm ci` in a folder with a lock file, unless what it asks for is installed.
 * @throws {Error} when npm fails
 */
export async function ensureInstalled(folder) {
  const missing = missingPackages(folder);
  if (missing.length === 0) return;
  console.log(`installing ${missing.length} packages in ${folder}`);
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  const { code, output } = await run(npm, ['ci', '--prefer-offline'], { cwd: join(root, folder), quiet: true });
  if (code !== 0) throw new Error(`npm ci failed in ${folder}:\n${output}`);
}
