/**
 * The packed package in a page: built by Vite, webpack and esbuild, served by Vite's development server, in Chromium, under a
 * content security policy that forbids everything that is not needed.
 * @module
 */
import { cpSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { constants, gzipSync } from 'node:zlib';
import { assert, note, repositoryFile, test } from '../harness.ts';
import { ISOLATION, packedFolder, workerEntry } from '../runtimes/hosts.ts';
import { startServer, type TestServer } from '../runtimes/server.ts';
import { type Browser, browserPath, tools } from '../runtimes/tools.ts';
import { expectedTokens, MODEL, PROMPT } from './expected.ts';

const POLICY = "script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'";
const THREADS = 2;
const TIMEOUT_MS = 60_000;

/** Bytes of code that a page may fetch before its first token: a promise of the README. */
const SIZE_LIMIT = 60_000;

/** The page lies beside the installed package, so that every bundler finds it as it would in a user's project. */
const page = join(packedFolder, 'page');
const built = (bundler: string) => join(packedFolder, `page-${bundler}`);

/** A server of built pages under one policy, isolated so that workers share memory. */
const serverOf = (policy: string) =>
  startServer(
    {
      '/vite/': built('vite'),
      '/webpack/': built('webpack'),
      '/esbuild/': built('esbuild'),
      [`/${MODEL}`]: repositoryFile(MODEL),
    },
    { ...ISOLATION, 'content-security-policy': policy },
  );

let browser: Browser;
let server: TestServer;
let tokens: readonly number[];

test.before(async () => {
  cpSync(repositoryFile('test/packaging/page'), page, { recursive: true });
  browser = await tools.launchChromium(await browserPath('chromium'));
  server = await serverOf(POLICY);
  tokens = await expectedTokens();
  assert.is(tokens.length, 8);
});

test.after(async () => {
  server.close();
  await browser.close();
});

/** What a page posts. */
interface Outcome {
  readonly tokens?: number[];
  readonly threads?: number;
  readonly error?: string;
}

/** What the page at `address` posts; errors that the page does not catch come along. */
async function outcomeOf(name: string, address: string, from: TestServer, worker?: string): Promise<Outcome> {
  const query = new URLSearchParams({
    ...{ name, server: from.address, model: MODEL, prompt: JSON.stringify(PROMPT), threads: String(THREADS) },
    ...(worker !== undefined && { worker }),
  });
  const tab = await browser.newPage();
  try {
    const failed = new Promise<Outcome>((resolve) => {
      tab.on('pageerror', (error) => resolve({ error: error.message }));
    });
    await tab.goto(`${address}?${query}`);
    return await Promise.race([from.result(name, TIMEOUT_MS) as Promise<Outcome>, failed]);
  } finally {
    await tab.close();
  }
}

/** webpack and esbuild build scripts only. */
function withHtml(bundler: string): void {
  mkdirSync(built(bundler), { recursive: true });
  cpSync(join(page, 'index.html'), join(built(bundler), 'index.html'));
}

test('a page built by Vite generates the tokens of Node on two threads under the policy', async () => {
  await tools.buildWithVite({ folder: page, outFolder: built('vite') });
  assert.equal(await outcomeOf('vite', `${server.address}vite/`, server), { tokens, threads: THREADS });
});

test('a page built by webpack generates the tokens of Node on two threads under the policy', async () => {
  await tools.buildWithWebpack({ entry: join(page, 'main.js'), outFolder: built('webpack') });
  withHtml('webpack');
  assert.equal(await outcomeOf('webpack', `${server.address}webpack/`, server), { tokens, threads: THREADS });
});

test('a page built by esbuild generates the tokens of Node on two threads under the policy', async () => {
  await tools.bundleWithEsbuild({
    entries: [{ in: join(page, 'main.js'), out: 'main' }, workerEntry],
    outFolder: built('esbuild'),
    minify: true,
  });
  withHtml('esbuild');
  assert.equal(await outcomeOf('esbuild', `${server.address}esbuild/`, server), { tokens, threads: THREADS });
});

test(`a page fetches at most ${SIZE_LIMIT} bytes of code, gzip -9, before its first token`, async () => {
  const folder = built('esbuild');
  const zipped = (name: string) =>
    gzipSync(readFileSync(join(folder, name)), { level: constants.Z_BEST_COMPRESSION }).length;
  server.forget();
  assert.equal(await outcomeOf('size', `${server.address}esbuild/`, server), { tokens, threads: THREADS });

  const files = readdirSync(folder).filter((name) => name.endsWith('.js'));
  const fetched = files.filter((name) => server.requested.includes(`/esbuild/${name}`));
  assert.ok(fetched.includes('main.js'));
  const total = fetched.reduce((sum, name) => sum + zipped(name), 0);
  for (const name of files)
    note(`${name}: ${zipped(name)} bytes, gzip -9${fetched.includes(name) ? '' : ', only when asked for'}`);
  note(`fetched before the first token: ${total} of ${SIZE_LIMIT} bytes`);
  assert.ok(total <= SIZE_LIMIT, `${total} bytes`);
});

test("a page on Vite's development server generates the tokens of Node on two threads under the policy", async () => {
  const development = await tools.serveWithVite({
    folder: page,
    headers: { ...ISOLATION, 'content-security-policy': POLICY },
  });
  try {
    assert.equal(await outcomeOf('vite-dev', development.address, server), { tokens, threads: THREADS });
  } finally {
    await development.close();
  }
});

test("a page gives a worker of its own where its bundler leaves the package's out", async () => {
  const elsewhere = `${server.address}esbuild/elsewhere/worker.js`;
  cpSync(join(built('esbuild'), 'worker.js'), join(built('esbuild'), 'elsewhere/worker.js'));
  assert.equal(await outcomeOf('elsewhere', `${server.address}esbuild/`, server, elsewhere), {
    tokens,
    threads: THREADS,
  });
  const { error } = await outcomeOf(
    'nowhere',
    `${server.address}esbuild/`,
    server,
    `${server.address}esbuild/nowhere.js`,
  );
  assert.match(error ?? '', /^engine\.worker/);
});

test('the policy is in force: with worker-src none the same page is refused its threads, and says so', async () => {
  const strict = await serverOf("script-src 'self' 'wasm-unsafe-eval'; worker-src 'none'");
  try {
    const { error } = await outcomeOf('threadless', `${strict.address}esbuild/`, strict);
    assert.match(error ?? '', /^engine\.worker/);
  } finally {
    strict.close();
  }
});

test('the policy is in force: without wasm-unsafe-eval the same page is refused its kernels', async () => {
  const strict = await serverOf("script-src 'self'");
  try {
    const { error } = await outcomeOf('strict', `${strict.address}esbuild/`, strict);
    assert.match(error ?? '', /content security policy|unsafe-eval|wasm/i);
  } finally {
    strict.close();
  }
});

test.run();
