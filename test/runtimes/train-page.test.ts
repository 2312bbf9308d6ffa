/**
 * The example of a page that trains a draft head: in its worker, in Chromium, as a reader would open it.
 * @module
 */
import { parseHeadConfig } from '../../src/heads/format.ts';
import { assert, repositoryFile, test } from '../harness.ts';
import { ISOLATION } from './hosts.ts';
import { startServer } from './server.ts';
import { browserPath, tools } from './tools.ts';

const FOLDERS = Object.fromEntries(['examples', 'dist', 'weights'].map((name) => [`/${name}/`, repositoryFile(name)]));

/** What the page shows once its worker has ended. */
interface Ended {
  readonly told: string;
  readonly files: readonly string[];
  /** Text of the first file. */
  readonly config: string;
}

const UNTIL_ENDED = `new Promise((resolve) => {
  const look = async () => {
    if (!document.querySelector('button').hidden) return setTimeout(look, 50);
    const links = [...document.querySelectorAll('a')];
    resolve({
      told: document.querySelector('output').textContent,
      files: links.map(({ download }) => download),
      config: links.length > 0 ? await (await fetch(links[0].href)).text() : '',
    });
  };
  look();
})`;

test('a page trains a head in a worker, tells how far it is, and offers the files', async () => {
  const server = await startServer(FOLDERS, ISOLATION);
  const browser = await tools.launchChromium(await browserPath('chromium'));
  try {
    const page = await browser.newPage();
    const failed = new Promise<never>((_, reject) => page.on('pageerror', reject));
    await page.goto(`${server.address}examples/browser/train.html?steps=4&length=16`);
    const { told, files, config } = (await Promise.race([page.evaluate(UNTIL_ENDED), failed])) as Ended;
    assert.match(told, /step 4 of 4, loss \d/);
    assert.match(told, /after 4 steps: \d\.\d\d tokens a pass/);
    assert.equal(files, ['config.json', 'model.safetensors']);
    const { kind, heads, draftVocab } = parseHeadConfig(new TextEncoder().encode(config));
    assert.equal({ kind, heads, draftVocab }, { kind: 'medusa', heads: 2, draftVocab: 256 });
  } finally {
    await browser.close();
    server.close();
  }
});

test.run();
