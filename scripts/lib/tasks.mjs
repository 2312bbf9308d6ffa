/**
 * What scripts ask of the tools around the tests. Each task throws with the tool's own output when it fails.
 * @module
 */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root, run, runNode } from './repository.mjs';

async function succeed(running) {
  const { code, output } = await running;
  if (code !== 0) throw new Error(output.trim());
  return output;
}

const node = (...parameters) => succeed(runNode(parameters, { quiet: true }));

export const buildKernels = () => node('scripts/build.mjs', '--kernels');

export const build = () => node('scripts/build.mjs');

/** Checks the types of everything and writes JavaScript to build/, also of files with type errors. */
export const buildTests = () =>
  node(
    'node_modules/typescript/bin/tsc',
    '-p',
    'tsconfig.json',
    '--sourceMap',
    '--incremental',
    '--tsBuildInfoFile',
    'build/tests.tsbuildinfo',
  );

export const lint = () => node('node_modules/@biomejs/biome/bin/biome', 'ci', '--colors=off', '--error-on-warnings');

/** Folder whose node_modules hold the package and the embedded model as a user gets them. */
export const packedFolder = join(root, 'build/packed');

/** Packs both and installs the tarballs in a folder of their own. */
export async function pack() {
  rmSync(packedFolder, { recursive: true, force: true });
  mkdirSync(packedFolder, { recursive: true });
  writeFileSync(join(packedFolder, 'package.json'), '{ "private": true, "type": "module" }\n');
  const npm = (cwd, ...parameters) => succeed(run('npm', parameters, { cwd, quiet: true }));
  await npm(root, 'pack', '--ignore-scripts', '--pack-destination', packedFolder, '.', './weights/foretoken-code');
  const tarballs = readdirSync(packedFolder).filter((name) => name.endsWith('.tgz'));
  await npm(
    packedFolder,
    'install',
    '--offline',
    '--no-save',
    '--no-package-lock',
    ...tarballs.map((name) => `./${name}`),
  );
}
