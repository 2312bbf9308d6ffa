/**
 * Contestants in pages of headless Chromium, cross-origin isolated so that they may have threads.
 * @module
 */
import process from 'node:process';
import { chromium } from 'playwright-core';
import { type Job, NotOffered } from '../contestants/contestant.ts';
import type { answer } from './answer.ts';
import { type Face, loaded, type Loaded } from './loaded.ts';
import { startServer } from './server.ts';

/** A browser, with the server that its pages are loaded from. */
export interface Pages {
  /** As `loadInProcess`, in a page of its own. */
  load(module: string, job: Job): Promise<Loaded>;
  readonly version: string;
  close(): Promise<void>;
}

/** Pages that nobody looks at are not to be slowed down. */
const ARGUMENTS = [
  '--disable-background-timer-throttling',
  '--disable-backgrounding-occluded-windows',
  '--disable-renderer-backgrounding',
  '--no-sandbox',
];

/** @param program of Chromium; default the variable CHROMIUM, or `/usr/bin/chromium` */
export async function openPages(program = process.env.CHROMIUM ?? '/usr/bin/chromium'): Promise<Pages> {
  const server = await startServer();
  const browser = await chromium.launch({ executablePath: program, args: ARGUMENTS });

  async function load(module: string, job: Job): Promise<Loaded> {
    const context = await browser.newContext(); // a context has a renderer process of its own
    const page = await context.newPage();
    await page.goto(`${server.address}bench/peers/page/index.html`);
    await page.waitForFunction('globalThis.answer');

    async function ask(method: string, parameters: readonly unknown[]): Promise<unknown> {
      const { value, error } = await page.evaluate(
        ([name, values]) => (globalThis as unknown as { answer: typeof answer }).answer(name, values),
        [method, parameters] as const,
      );
      if (error?.name === 'NotOffered') throw new NotOffered(error.message);
      if (error) throw new Error(`${module}, ${method}: ${error.message}`);
      return value;
    }

    try {
      const there = { ...job, model: server.addressOf(job.model) };
      return loaded((await ask('load', [module, there])) as Face, ask, () => context.close());
    } catch (error) {
      await context.close();
      throw error;
    }
  }

  return {
    load,
    version: browser.version(),
    async close() {
      await browser.close();
      server.close();
    },
  };
}
