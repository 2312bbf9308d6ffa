/**
 * Where the repository lies and how its scripts run other programs.
 * @module
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Folder of the repository, without a slash at the end. */
export const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/[\\/]$/, '');

/**
 * Runs a program in the repository's folder and waits for it.
 *
 * @param {string} program
 * @param {string[]} parameters
 * @param {{ cwd?: string, env?: Record<string, string>, timeoutMs?: number, quiet?: boolean }} [options]
 *   quiet: collect the output instead of passing it on
 * @returns {Promise<{ code: number, output: string, timedOut: boolean }>} code -1 when a signal ended it or it never started
 */
export function run(program, parameters, { cwd = root, env = {}, timeoutMs = 0, quiet = false } = {}) {
  return new Promise((resolve) => {
    // A group of its own, so that a time limit also ends what the program started (browsers, runtimes).
    const child = spawn(program, parameters, {
      cwd,
      env: { ...process.env, ...env },
      stdio: ['ignore', quiet ? 'pipe' : 'inherit', quiet ? 'pipe' : 'inherit'],
      detached: timeoutMs > 0,
    });
    let output = '';
    let timedOut = false;
    const collect = (chunk) => (output += chunk);
    child.stdout?.setEncoding('utf8').on('data', collect);
    child.stderr?.setEncoding('utf8').on('data', collect);
    const endGroup = () => {
      try {
        process.kill(-child.pid, 'SIGKILL');
      } catch {
        // Already gone.
      }
    };
    const timer =
      timeoutMs > 0 &&
      setTimeout(() => {
        timedOut = true;
        endGroup();
      }, timeoutMs);
    const finish = (code) => {
      clearTimeout(timer);
      resolve({ code, output, timedOut });
    };
    child.on('error', (error) => {
      output += `${error.message}\n`;
      finish(-1);
    });
    child.on('close', (code) => {
      if (timeoutMs > 0) endGroup();
      finish(code ?? -1);
    });
  });
}

/** Runs a Node script with this Node. */
export function runNode(parameters, options) {
  return run(process.execPath, parameters, options);
}

/** Every file below a folder of the repository, sorted, as paths from the root with forward slashes. */
export function filesBelow(folder) {
  return readdirSync(join(root, folder), { withFileTypes: true })
    .flatMap((entry) => {
      const path = `${folder}/${entry.name}`;
      if (entry.isDirectory()) return entry.name === 'node_modules' ? [] : filesBelow(path);
      return [path];
    })
    .sort();
}

/** SHA-256 over names and bytes of files of the repository. */
export function digestFiles(paths) {
  const hash = createHash('sha256');
  for (const path of paths)
    hash
      .update(`${path}\0`)
      .update(readFileSync(join(root, path)))
      .update('\0');
  return hash.digest('hex');
}

/** Seconds since `start` (milliseconds of `performance.now()`), for people. */
export function secondsSince(start) {
  return `${((performance.now() - start) / 1000).toFixed(1)} s`;
}
