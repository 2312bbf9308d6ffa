/**
 * The third-party tools of this folder's own package, behind a few functions. Plain JavaScript, so that the repository's type check
 * does not need them installed; tools.ts gives the types.
 * @module
 */
import { basename, join } from 'node:path';
import { build as esbuild } from 'esbuild';
import { chromium } from 'playwright-core';
import { createServer as createViteServer, build as viteBuild } from 'vite';
import webpack from 'webpack';

export async function bundleWithEsbuild({
  entries,
  outFolder,
  packedFolder,
  bundled = true,
  conditions = [],
  minify = false,
  splitting = true,
}) {
  await esbuild({
    entryPoints: entries,
    outdir: outFolder,
    bundle: true,
    format: 'esm',
    target: 'es2022',
    splitting,
    minify,
    conditions,
    // The repository's own tsconfig maps `foretoken` to src: bundles are to hold the packed package.
    tsconfigRaw: {},
    plugins: packedFolder ? [resolvePackageFrom(packedFolder, { bundled })] : [],
    logLevel: 'silent',
  });
}

/** Modules of src that tests calculate with: these are taken from the repository. */
const HELPERS = new Set(['engine/math']);

/**
 * Resolves `foretoken` as if every file that imports it lay in `folder`, and modules of the repository's src to those of the package:
 * what is behind the public face is tested as it is packed, too.
 */
function resolvePackageFrom(folder, { bundled }) {
  return {
    name: 'packed-package',
    setup(build) {
      build.onResolve({ filter: /\/(kernels(-relaxed)?|gradient)\.wasm$/ }, ({ path }) => ({
        path: `./${basename(path)}`,
        external: true,
      }));
      build.onResolve({ filter: /^foretoken(\/|$)/ }, ({ path, kind, pluginData }) => {
        if (!bundled) return { path, external: true };
        return pluginData === 'packed'
          ? undefined
          : build.resolve(path, { kind, resolveDir: folder, pluginData: 'packed' });
      });
      build.onResolve({ filter: /^(\.\.\/)+src\/.*\.ts$/ }, ({ path }) => {
        // Modules are gathered when the package is built: those of training behind the entry that exports them all.
        const entry = /\/src\/train\//.test(path) ? 'train/index' : /src\/(.*)\.ts$/.exec(path)[1];
        if (HELPERS.has(entry)) return undefined;
        return { path: join(folder, 'node_modules/foretoken/dist', `${entry}.js`), external: !bundled };
      });
    },
  };
}

export async function buildWithVite({ folder, outFolder }) {
  await viteBuild({ root: folder, base: './', logLevel: 'warn', build: { outDir: outFolder, emptyOutDir: true } });
}

export async function serveWithVite({ folder, headers }) {
  const server = await createViteServer({
    root: folder,
    logLevel: 'warn',
    server: { host: '127.0.0.1', port: 0, headers },
  });
  await server.listen();
  const { port } = server.httpServer.address();
  return { address: `http://127.0.0.1:${port}/`, close: () => server.close() };
}

export function buildWithWebpack({ entry, outFolder }) {
  const configuration = {
    mode: 'production',
    entry: { main: entry },
    output: { path: outFolder, module: true, chunkFormat: 'module', filename: '[name].js' },
    experiments: { outputModule: true },
    target: ['web', 'es2022'],
    resolve: { tsconfig: false }, // on newer Node webpack reads it, and that of the repository maps `foretoken` to src
    performance: false,
  };
  return new Promise((resolve, reject) => {
    webpack(configuration, (error, stats) => {
      if (error) reject(error);
      else if (stats.hasErrors() || stats.hasWarnings()) reject(new Error(stats.toString('errors-warnings')));
      else resolve();
    });
  });
}

/** A browser without a profile, without the network traffic of its own upkeep. */
export function launchChromium(executablePath) {
  return chromium.launch({
    executablePath,
    args: [
      '--no-sandbox', // root in a container has no other way
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}
