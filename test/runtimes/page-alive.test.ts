/**
 * A page that generates stays alive: a click is served between two passes, and stops the generation.
 * @module
 */
import { assert, note, test } from '../harness.ts';
import { bundleForClicks, servedFolders } from './hosts.ts';
import { startServer } from './server.ts';
import { browserPath, tools } from './tools.ts';

const TIMEOUT_MS = 60_000;
/** A pass takes a millisecond or two; a page that is only alive after the last of 2000 tokens would need a second or more. */
const MOST_DELAY_MS = 250;

interface Clicked {
  /** From the click to its handler. */
  readonly delayMs: number;
  /** Tokens known when the handler ran, and when the generation had stopped. */
  readonly tokens: number;
  readonly tokensAtEnd: number;
  readonly error: string;
}

test('a click is served while the page generates, and stops the generation within a pass', async () => {
  const server = await startServer(servedFolders);
  await bundleForClicks();
  const browser = await tools.launchChromium(await browserPath('chromium'));
  try {
    const page = await browser.newPage();
    const failed = new Promise<never>((_, reject) => page.on('pageerror', reject));
    await page.goto(`${server.address}bundles/alive.html`);
    await Promise.race([server.result('alive-started', TIMEOUT_MS), failed]);
    await page.click('button');
    const clicked = (await Promise.race([server.result('alive', TIMEOUT_MS), failed])) as Clicked;
    note(`served after ${clicked.delayMs.toFixed(1)} ms, ${clicked.tokens} tokens into the text`);
    assert.is(clicked.error, 'AbortError');
    assert.ok(clicked.delayMs >= 0 && clicked.delayMs < MOST_DELAY_MS, `${clicked.delayMs} ms`);
    // One pass may have been under way, of 64 nodes at most.
    assert.ok(clicked.tokensAtEnd - clicked.tokens <= 64, `${clicked.tokens}, then ${clicked.tokensAtEnd} tokens`);
  } finally {
    await browser.close();
    server.close();
  }
});

test.run();
