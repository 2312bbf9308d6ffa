/**
 * First token in a page: headless Chromium, a fresh process and profile each time, everything from a local server.
 * @module
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startServer } from '../../test/runtimes/server.ts';
import { browserPath, tools } from '../../test/runtimes/tools.ts';
import { repository } from './prompts.ts';

export interface PageStart {
  /** Since the navigation began. */
  readonly loadedMs: number;
  readonly firstTokenMs: number;
}

export interface PageOptions {
  readonly folder: string;
  readonly context: number;
  readonly rounds: number;
}

const TIMEOUT_MS = 60_000;

/** The page; its clock begins with the navigation. */
const html = (context: number) => `<!doctype html>
<script type="importmap">{ "imports": { "foretoken": "/dist/index.js" } }</script>
<script type="module">
  import { load } from 'foretoken';
  const model = await load('/model/', { context: ${context} });
  const loadedMs = performance.now();
  await model.generate(Array.from({ length: 16 }, (_, i) => i + 1), { maxTokens: 1 }).text();
  const result = JSON.stringify({ loadedMs, firstTokenMs: performance.now() });
  await fetch('/result/startup', { method: 'POST', body: result });
</script>
`;

/** @returns what each start took */
export async function timePage({ folder, context, rounds }: PageOptions): Promise<PageStart[]> {
  const pages = join(repository, '.cache', 'startup-page');
  mkdirSync(pages, { recursive: true });
  writeFileSync(join(pages, 'index.html'), html(context));
  const server = await startServer({
    '/dist/': join(repository, 'dist'),
    '/model/': folder,
    '/': pages,
  });
  const starts: PageStart[] = [];
  for (let round = 0; round < rounds; round++) {
    const browser = await tools.launchChromium(await browserPath('chromium'));
    const page = await browser.newPage();
    await page.goto(server.address);
    starts.push((await server.result('startup', TIMEOUT_MS)) as PageStart);
    await browser.close();
  }
  server.close();
  return starts;
}
