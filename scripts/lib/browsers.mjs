/**
 * Chromium and Firefox of this machine, for the tests that run in them.
 * @module
 */
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { run } from './repository.mjs';

/** By name: the variable that overrides the search, the programs looked for on the PATH, the Debian package. */
const BROWSERS = {
  chromium: {
    variable: 'CHROMIUM',
    programs: ['chromium', 'chromium-browser', 'google-chrome'],
    debianPackage: 'chromium',
  },
  firefox: { variable: 'FIREFOX', programs: ['firefox-esr', 'firefox'], debianPackage: 'firefox-esr' },
};

/** @returns {string | undefined} path of a browser's program */
export function findBrowser(name) {
  const { variable, programs } = BROWSERS[name];
  if (process.env[variable]) return process.env[variable];
  const folders = (process.env.PATH ?? '').split(delimiter);
  return programs.flatMap((program) => folders.map((folder) => join(folder, program))).find((path) => existsSync(path));
}

/**
 * Installs the browsers that are missing, where that needs no question: as root on a system with apt.
 * @throws {Error} when one is missing and cannot be installed here
 */
export async function ensureBrowsers() {
  const missing = Object.keys(BROWSERS).filter((name) => !findBrowser(name));
  if (missing.length === 0) return;
  const packages = missing.map((name) => BROWSERS[name].debianPackage);
  if (process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')) {
    console.log(`installing ${packages.join(' and ')} with apt-get`);
    const env = { DEBIAN_FRONTEND: 'noninteractive' };
    const update = await run('apt-get', ['update'], { env, quiet: true });
    const install = await run('apt-get', ['install', '-y', '--no-install-recommends', ...packages], {
      env,
      quiet: true,
    });
    if (install.code !== 0) console.log(update.output + install.output);
  }
  const still = missing.filter((name) => !findBrowser(name));
  if (still.length > 0) {
    const variables = still.map((name) => BROWSERS[name].variable).join(' and ');
    throw new Error(
      `no ${still.join(' and no ')} found: install ${packages.join(' and ')}, or set ${variables} to the program's path`,
    );
  }
}
