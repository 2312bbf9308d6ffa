/**
 * Compiled modules -> the files of dist: what every page needs is one file, so that no bundler has cause to cut it into pieces, each of which
 * would compress by itself and list what it shares with the others.
 *
 *   dist/runtime/core.js     all that `index.js` imports, directly or not
 *   dist/NAME.js             entries: what package.json exports, and the command line
 *   dist/runtime/NAME.js     what is loaded late; it imports from the core
 *   dist/runtime/worker.js   alone: a worker fetches nothing else
 */
import { join, resolve } from 'node:path';
import { rollup } from 'rollup';

const MAIN = 'index';
const WORKER = 'runtime/worker';

/** @param names entries below both folders, without `.js` */
export async function bundle(names, fromFolder, toFolder) {
  const from = resolve(fromFolder);
  const input = (entries) => Object.fromEntries(entries.map((name) => [name, join(from, `${name}.js`)]));
  const options = {
    external: [/^node:/, /^@huggingface\//, /\.wasm$/],
    makeAbsoluteExternalsRelative: false,
    context: 'globalThis', // `this` of TypeScript's helpers
    onLog,
  };
  const output = {
    dir: toFolder,
    chunkFileNames: 'runtime/[name].js',
    // Names and comments stay: the package can be read.
    minifyInternalExports: false,
    hoistTransitiveImports: false,
  };
  const package_ = await rollup({ ...options, input: input(names.filter((name) => name !== WORKER)) });
  await package_.write({ ...output, manualChunks: core(join(from, `${MAIN}.js`)) });
  const worker = await rollup({ ...options, input: input([WORKER]) });
  await worker.write(output);
}

/** Puts what the main entry imports, but not what it imports late, into one chunk. */
function core(main) {
  const modules = new Set();
  const visit = (id, getModuleInfo) => {
    if (modules.has(id)) return;
    modules.add(id);
    for (const imported of getModuleInfo(id).importedIds) visit(imported, getModuleInfo);
  };
  return (id, { getModuleInfo }) => {
    if (modules.size === 0) visit(main, getModuleInfo);
    return modules.has(id) ? 'core' : undefined;
  };
}

/** Nothing that Rollup has to say is expected. */
function onLog(level, { message }) {
  throw new Error(`rollup, ${level}: ${message}`);
}
