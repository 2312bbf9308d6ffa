/**
 * The examples of docs/loading.md, "Load your model", run word for word: each as a program of its own, where `example.com` and the hub are servers on this
 * machine and a page's input holds the files of a model.
 * @module
 */
import { spawn } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { pathToFileURL } from 'node:url';
import { rangedAnswer, rangeOf, serve } from '../formats/http-server.ts';
import { assert, repositoryFile, test } from '../harness.ts';
import { COMMIT, serveHub } from '../hub/hub-server.ts';

const page = readFileSync(repositoryFile('docs/loading.md'), 'utf8');
const section = page.slice(page.indexOf('## Load your model'), page.indexOf('### When a connection breaks'));
const examples = [...section.matchAll(/^(.+:)\n\n```js\n([\s\S]+?)```$/gm)].map(([, title, code]) => ({
  title: title!,
  code: code!,
}));

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

let folder: string;
let hub: Awaited<ReturnType<typeof serveHub>>;
let host: Awaited<ReturnType<typeof serve>>;

test.before(async () => {
  hub = await serveHub({ [COMMIT]: contents }, Infinity);
  host = await serve(new Uint8Array(1), (exchange) => {
    const bytes = contents[exchange.request.url!.split('/').at(-1)!];
    if (bytes) rangedAnswer({ ...exchange, bytes, range: rangeOf(exchange.request, bytes) });
    else exchange.response.writeHead(404).end();
  });
  folder = mkdtempSync(join(tmpdir(), 'foretoken-docs-'));
  mkdirSync(join(folder, 'path/to/model'), { recursive: true });
  for (const [name, path] of Object.entries(FILES)) {
    if (name !== 'model.gguf')
      copyFileSync(repositoryFile(`test/fixtures/${path}`), join(folder, 'path/to/model', name));
  }
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(dirname(repositoryFile('package.json')), join(folder, 'node_modules/foretoken'));
  symlinkSync(repositoryFile('weights/foretoken-code'), join(folder, 'node_modules/foretoken-code'));
  writeFileSync(
    join(folder, 'world.mjs'),
    `import { readFileSync } from 'node:fs';
    const real = globalThis.fetch;
    globalThis.fetch = (input, init) => real(String(input)
      .replace('https://example.com', ${JSON.stringify(new URL(host.url).origin)})
      .replace('https://huggingface.co', ${JSON.stringify(hub.url)}), init);
    const files = ['config.json', 'model.safetensors'].map((name) => new File([readFileSync('path/to/model/' + name)], name));
    globalThis.document = { baseURI: 'https://example.com/', querySelector: () => ({ files }) };\n`,
  );
});

test.after(async () => {
  await hub.close();
  await host.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Runs a program in the folder. @returns its exit code and stderr */
function run(code: string): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const path = join(folder, 'program.mjs');
  writeFileSync(path, code);
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--import', pathToFileURL(join(folder, 'world.mjs')).href, path], {
      cwd: folder,
      env: { ...process.env, FORETOKEN_CACHE: join(folder, 'cache') },
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.on('error', reject);
    child.on('close', (status) => resolve({ code: status, stdout, stderr }));
  });
}

test('there is an example for each source', () => assert.is(examples.length, 7));

for (const { title, code } of examples) {
  test(`${title} loads a model that generates`, async () => {
    const asks =
      "\nconst asked = model.generate([1, 2, 3], { maxTokens: 2 });\nawait asked.text();\nconsole.log('tokens', asked.tokens.length);\n";
    const { code: status, stdout, stderr } = await run(code + asks);
    assert.is(status, 0, stderr);
    assert.match(stdout, /^tokens 2$/m);
  });
}

test('an example that does not work is seen', async () => {
  const { code, stderr } = await run("import { load } from 'foretoken';\nawait load('hf:owner/other');");
  assert.is(code, 1);
  assert.match(stderr, /hub\.missing/);
});

test.run();
