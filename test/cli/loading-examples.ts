/**
 * The examples of docs/loading.md, "Load your model", and a world that they run in word for word: a folder with what they name, where `example.com`
 * and the hub are servers on this machine and a page's input holds the files of a model.
 * @module
 */
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { rangedAnswer, rangeOf, serve } from '../formats/http-server.ts';
import { repositoryFile } from '../harness.ts';
import { COMMIT, serveHub } from '../hub/hub-server.ts';

const page = readFileSync(repositoryFile('docs/loading.md'), 'utf8');
const section = page.slice(page.indexOf('## Load your model'), page.indexOf('### When a connection breaks'));

export interface LoadingExample {
  /** The line before it. */
  readonly title: string;
  readonly code: string;
}

export const LOADING_EXAMPLES: readonly LoadingExample[] = [
  ...section.matchAll(/^(.+:)\n\n```js\n([\s\S]+?)```$/gm),
].map(([, title, code]) => ({ title: title!, code: code! }));

const FILES: Readonly<Record<string, string>> = {
  'config.json': 'models/grouped/config.json',
  'model.safetensors': 'models/grouped/model.safetensors',
  'model.gguf': 'gguf/grouped-f16.gguf',
};
const contents = Object.fromEntries(
  Object.entries(FILES).map(([name, path]) => [
    name,
    new Uint8Array(readFileSync(repositoryFile(`test/fixtures/${path}`))),
  ]),
);

/** A folder to run programs in. */
export interface LoadingWorld {
  readonly folder: string;
  /** Writes an example as a program there, that goes on to say `tokens 2` when the model generates. @returns its path */
  program(code: string): string;
  /** What its environment needs. */
  readonly env: Readonly<Record<string, string>>;
  close(): Promise<void>;
}

const ASKS = `
const asked = model.generate([1, 2, 3], { maxTokens: 2 });
await asked.text();
console.log('tokens ' + asked.tokens.length);
`;

export async function loadingWorld(): Promise<LoadingWorld> {
  const hub = await serveHub({ [COMMIT]: contents }, Infinity);
  const host = await serve(new Uint8Array(1), (exchange) => {
    const bytes = contents[exchange.request.url!.split('/').at(-1)!];
    if (bytes) rangedAnswer({ ...exchange, bytes, range: rangeOf(exchange.request, bytes) });
    else exchange.response.writeHead(404).end();
  });
  const folder = mkdtempSync(join(tmpdir(), 'foretoken-docs-'));
  mkdirSync(join(folder, 'path/to/model'), { recursive: true });
  for (const [name, path] of Object.entries(FILES)) {
    if (name !== 'model.gguf')
      copyFileSync(repositoryFile(`test/fixtures/${path}`), join(folder, 'path/to/model', name));
  }
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(dirname(repositoryFile('package.json')), join(folder, 'node_modules/foretoken'));
  symlinkSync(repositoryFile('weights/foretoken-code'), join(folder, 'node_modules/foretoken-code'));
  writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }\n');
  writeFileSync(
    join(folder, 'world.js'),
    `import { readFileSync } from 'node:fs';
    const real = globalThis.fetch;
    globalThis.fetch = (input, init) => real(String(input)
      .replace('https://example.com', ${JSON.stringify(new URL(host.url).origin)})
      .replace('https://huggingface.co', ${JSON.stringify(hub.url)}), init);
    const files = ['config.json', 'model.safetensors'].map((name) => new File([readFileSync('path/to/model/' + name)], name));
    globalThis.document = { baseURI: 'https://example.com/', querySelector: () => ({ files }) };\n`,
  );
  let programs = 0;
  return {
    folder,
    program(code) {
      const path = join(folder, `program-${programs++}.js`);
      writeFileSync(path, `import './world.js';\n${code}${ASKS}`);
      return path;
    },
    env: { FORETOKEN_CACHE: join(folder, 'cache') },
    async close() {
      await hub.close();
      await host.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
