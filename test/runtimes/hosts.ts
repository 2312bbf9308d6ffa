/**
 * Every runtime that the promises are checked on, each behind one function. The runtimes get the packed package: Node, Deno and Bun
 * from node_modules, browsers and workerd in a bundle.
 * @module
 */
import { copyFileSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Build } from '../../src/engine/builds.ts';
import { repositoryFile } from '../repository.ts';
import { type Child, type ChildPlace, startChild } from './child.ts';
import type { Report } from './outcome.ts';
import type { TestServer } from './server.ts';
import { browserPath, tools } from './tools.ts';

/** Long enough for a loaded machine; the guard's limit of a file is longer still. */
const TIMEOUT_MS = 120_000;

/** Between a process's last word and its end. */
const ENDING_MS = 10_000;

/** The folder that scripts/lib/tasks.mjs installs the packed package in, and the bundles beside it. */
export const packedFolder = repositoryFile('build/packed');
const bundles = join(packedFolder, 'runtimes');

const entry = (name: string) => ({ in: repositoryFile(`test/runtimes/entry-${name}.ts`), out: `entry-${name}` });

/** The code of workers, beside the bundle: esbuild leaves the address that the package gives as it is. */
export const workerEntry = { in: join(packedFolder, 'node_modules/foretoken/dist/runtime/worker.js'), out: 'worker' };

/** What a page must be sent with so that its workers share memory. */
export const ISOLATION: Readonly<Record<string, string>> = {
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-embedder-policy': 'require-corp',
};

/** Folders that the test server of the runtimes gives out. */
export const servedFolders: Readonly<Record<string, string>> = {
  '/bundles/': bundles,
  '/weights/': repositoryFile('weights'),
  '/fixtures/': repositoryFile('test/fixtures'),
};

/** Programs of the private package; a runtime that is not there fails its test. */
function installed(path: string): string {
  const program = repositoryFile(`test/runtimes/node_modules/${path}`);
  if (!existsSync(program))
    throw new Error(`${path} is not installed: npm ci in test/runtimes; Linux on x64 or arm64 only`);
  return program;
}

const arm = process.arch === 'arm64';

const programs = {
  'node-20': [`node-20-linux-${process.arch}/bin/node`],
  'node-26': [`node-26-linux-${process.arch}/bin/node`],
  deno: [`@deno/linux-${process.arch}-glibc/deno`, 'run', '--no-lock', '--cached-only'],
  bun: [`@oven/bun-linux-${arm ? 'aarch64' : 'x64'}/bin/bun`, 'run', '--no-install'],
} as const;

type ProcessName = keyof typeof programs;

/** The runtimes that are one program running one script. */
export const PROCESSES = Object.keys(programs) as readonly ProcessName[];

/** What a runtime posted, unless it ended without a result or took too long. */
async function resultOf(name: string, server: TestServer, child: Child): Promise<unknown> {
  const early = child.ended.then(async (code) => {
    await new Promise((resolve) => setTimeout(resolve, 500)); // the result may still be on its way
    throw new Error(`${name} ended with code ${code} and without a result:\n${child.output()}`);
  });
  const result = server.result(name, TIMEOUT_MS);
  result.catch(() => {}); // rejects later when `early` has already told
  return Promise.race([result, early]);
}

/** Bundles the promises for Node, Deno and Bun: everything but the package, which they resolve themselves. */
export async function bundleForProcesses(): Promise<void> {
  await tools.bundleWithEsbuild({ entries: [entry('process')], outFolder: bundles, packedFolder, bundled: false });
}

/**
 * Starts Node, Deno or Bun on a script.
 * @param allow what Deno permits it; by default everything
 */
export function startProcess(
  name: ProcessName,
  script: string,
  parameters: readonly string[] = [],
  { allow = ['--allow-all'], ...place }: ChildPlace & { readonly allow?: readonly string[] } = {},
): Child {
  const [program, ...own] = programs[name];
  const permissions = name === 'deno' ? allow : [];
  return startChild(installed(program), [...own, ...permissions, script, ...parameters], place);
}

/** Runs the promises on Node, Deno or Bun, and waits for the process to end by itself, as it must with every thread still there. */
export async function runOnProcess(name: ProcessName, server: TestServer, threads = 1): Promise<Report> {
  const result = `${name}-${threads}`;
  const parameters = [repositoryFile('.'), String(threads)];
  return (await runEntry(name, 'entry-process.js', result, server, parameters)) as Report;
}

/** Runs an entry with the parameters NAME, SERVER and its own, until it has posted its result and ended by itself. */
async function runEntry(
  name: ProcessName,
  script: string,
  result: string,
  server: TestServer,
  parameters: readonly string[],
): Promise<unknown> {
  const child = startProcess(name, join(bundles, script), [result, server.address, ...parameters]);
  try {
    const report = await resultOf(result, server, child);
    const late = new Promise<string>((resolve) => setTimeout(resolve, ENDING_MS, 'no code: it goes on').unref());
    const code = await Promise.race([child.ended, late]);
    return code === 0 ? report : { error: `ended with ${code}` };
  } finally {
    await child.stop();
  }
}

/** Where a model is loaded from by its id, with what token. */
export interface HubParameters {
  readonly hub: string;
  readonly branch: string;
  readonly commit: string;
  readonly token: string;
}

/** Bundles the loading from a hub, for processes without the package, and for pages with it. */
export async function bundleForHub(): Promise<void> {
  const common = { outFolder: bundles, packedFolder };
  await tools.bundleWithEsbuild({ ...common, entries: [entry('hub-process')], bundled: false });
  await tools.bundleWithEsbuild({ ...common, entries: [entry('hub-page')] });
  writePage('hub', 'hub', '<script type="module" src="entry-hub-page.js"></script>');
}

/** @param folder where downloads are kept; empty: nowhere */
export function runHubOnProcess(
  name: ProcessName,
  server: TestServer,
  { hub, branch, commit, token, folder }: HubParameters & { readonly folder: string },
): Promise<unknown> {
  return runEntry(name, 'entry-hub-process.js', `hub-${name}`, server, [hub, branch, commit, token, folder]);
}

function writePage(name: string, title: string, body: string): void {
  writeFileSync(join(bundles, `${name}.html`), `<!doctype html><meta charset="utf-8"><title>${title}</title>${body}`);
}

/** Bundles the promises with the package for browsers, with a page that runs them, and one that has a worker of its own run them. */
export async function bundleForPages(): Promise<void> {
  await tools.bundleWithEsbuild({ entries: [entry('page'), workerEntry], outFolder: bundles, packedFolder });
  writePage('page', 'promises', '<script type="module" src="entry-page.js"></script>');
  const start = 'new Worker("entry-page.js" + location.search, { type: "module" });';
  writePage('idle', 'promises in a worker', `<script type="module">${start}</script>`);
}

/** Bundles the page with a button that stops a generation. */
export async function bundleForClicks(): Promise<void> {
  await tools.bundleWithEsbuild({ entries: [entry('alive')], outFolder: bundles, packedFolder });
  writePage('alive', 'alive', '<button>Stop</button><script type="module" src="entry-alive.js"></script>');
}

/** How many threads a page asks for, and how many it must get. */
export interface PageThreads {
  readonly threads: number;
  readonly granted: number;
  /** Whether thread 0 is the page's own, which may not sleep; else it is a worker's, which starts workers in turn. */
  readonly inWorker?: boolean;
}

export type BrowserName = 'chromium' | 'firefox';

/** Opens a page of the bundles in a browser, with these parameters and its name, and waits for what it posts. */
export async function runOnBrowser(
  name: BrowserName,
  server: TestServer,
  page: string,
  parameters: Readonly<Record<string, string>>,
): Promise<unknown> {
  const address = `${server.address}bundles/${page}.html?${new URLSearchParams({ name, ...parameters })}`;
  return name === 'chromium' ? resultOfChromium(server, address) : resultOfFirefox(server, address);
}

/** Runs the promises in a page. */
export async function runOnPage(
  name: BrowserName,
  server: TestServer,
  { threads, granted, inWorker = false }: PageThreads,
): Promise<Report> {
  const parameters = { threads: String(threads), granted: String(granted) };
  return (await runOnBrowser(name, server, inWorker ? 'idle' : 'page', parameters)) as Report;
}

async function resultOfChromium(server: TestServer, address: string): Promise<unknown> {
  const browser = await tools.launchChromium(await browserPath('chromium'));
  try {
    const page = await browser.newPage();
    const failed = new Promise<never>((_, reject) => page.on('pageerror', reject));
    await page.goto(address);
    return await Promise.race([server.result('chromium', TIMEOUT_MS), failed]);
  } finally {
    await browser.close();
  }
}

/** Firefox asks nothing, fetches nothing of its own and starts without pages of its own. */
const FIREFOX_PREFERENCES = {
  'app.normandy.enabled': false,
  'app.update.enabled': false,
  'browser.aboutwelcome.enabled': false,
  'browser.safebrowsing.downloads.remote.enabled': false,
  'browser.safebrowsing.malware.enabled': false,
  'browser.safebrowsing.phishing.enabled': false,
  'browser.shell.checkDefaultBrowser': false,
  'browser.startup.homepage_override.mstone': 'ignore',
  'browser.tabs.remote.separatePrivilegedContentProcess': false,
  'datareporting.policy.dataSubmissionEnabled': false,
  'extensions.update.enabled': false,
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
  'services.settings.server': 'data:,',
  'toolkit.telemetry.reportingpolicy.firstRun': false,
  'trailhead.firstrun.didSeeAboutWelcome': true,
};

/** Playwright does not drive a distribution's Firefox: a fresh profile opens the page, and the page posts its result. */
async function resultOfFirefox(server: TestServer, address: string): Promise<unknown> {
  const profile = mkdtempSync(join(tmpdir(), 'foretoken-firefox-'));
  const preferences = Object.entries(FIREFOX_PREFERENCES).map(
    ([name, value]) => `user_pref("${name}", ${JSON.stringify(value)});\n`,
  );
  writeFileSync(join(profile, 'user.js'), preferences.join(''));
  const parameters = ['--headless', '--no-remote', '--profile', profile, address];
  const child = startChild(await browserPath('firefox'), parameters, {
    env: { MOZ_CRASHREPORTER_DISABLE: '1' },
  });
  try {
    return await resultOf('firefox', server, child);
  } finally {
    await child.stop();
    rmSync(profile, { recursive: true, force: true });
  }
}

/** workerd compiles no bytes at run time: the kernels are a module of the configuration, which the `workerd` export imports. */
const WORKERD_CONFIGURATION = `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = .main), (name = "internet", network = (allow = ["private", "local"]))],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
const main :Workerd.Worker = (
  modules = [
    (name = "entry-worker.js", esModule = embed "entry-worker.js"),
    (name = "kernels.wasm", wasm = embed "kernels.wasm"),
    (name = "kernels-relaxed.wasm", wasm = embed "kernels-relaxed.wasm"),
    (name = "gradient.wasm", wasm = embed "gradient.wasm"),
  ],
  compatibilityDate = "2026-11-01",
);
`;

/** Bundles the promises with the package for workerd, with the configuration beside them. */
export async function bundleForWorkerd(): Promise<void> {
  await tools.bundleWithEsbuild({
    entries: [entry('worker')],
    outFolder: bundles,
    packedFolder,
    conditions: ['workerd'],
    splitting: false, // its configuration names every module
  });
  for (const file of ['kernels.wasm', 'kernels-relaxed.wasm', 'gradient.wasm'])
    copyFileSync(join(packedFolder, 'node_modules/foretoken/dist', file), join(bundles, file));
  writeFileSync(join(bundles, 'workerd.capnp'), WORKERD_CONFIGURATION);
}

/** Runs the promises inside a request to workerd, started with nothing but its configuration, on kernels of a build. */
export async function runOnWorkerd(server: TestServer, build: Build): Promise<Report> {
  const program = installed(`@cloudflare/workerd-linux-${arm ? 'arm64' : '64'}/bin/workerd`);
  const child = startChild(program, ['serve', join(bundles, 'workerd.capnp'), '--control-fd=3']);
  try {
    const [, port] = await child.control(/"listen".*?"port":(\d+)/);
    const query = new URLSearchParams({ name: 'workerd', base: server.address, build });
    const request = fetch(`http://127.0.0.1:${port}/?${query}`).then((response) => response.text());
    request.catch(() => {}); // a failing worker is told by `resultOf`
    return (await resultOf('workerd', server, child)) as Report;
  } finally {
    await child.stop();
  }
}
