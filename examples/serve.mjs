// A server for the examples of browsers and workerd: node examples/serve.mjs [PORT]
// Any server of static files does; one that answers Range requests lets the loader jump.
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const folders = ['examples', 'dist', 'weights'];
const types = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
};

const server = createServer(async (request, response) => {
  const path = normalize(decodeURIComponent(new URL(request.url, 'http://localhost').pathname)).replace(/^[/\\]+/, '');
  const file = path === '' ? 'examples/browser/index.html' : path;
  const open = folders.includes(file.split(/[/\\]/)[0]);
  const found = open ? await stat(join(root, file)).catch(() => undefined) : undefined;
  if (!found?.isFile()) return response.writeHead(404).end('not found\n');
  const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
  const start = range ? Number(range[1]) : 0;
  const end = Math.min(range?.[2] ? Number(range[2]) : found.size - 1, found.size - 1);
  if (start > end) return response.writeHead(416, { 'content-range': `bytes */${found.size}` }).end();
  response.writeHead(range ? 206 : 200, {
    'content-type': types[extname(file)] ?? 'application/octet-stream',
    'content-length': end - start + 1,
    'accept-ranges': 'bytes',
    // A page sent with these two may share memory with workers: `load(model, { threads: 2 })`.
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-embedder-policy': 'require-corp',
    ...(range && { 'content-range': `bytes ${start}-${end}/${found.size}` }),
  });
  createReadStream(join(root, file), { start, end }).pipe(response);
});
server.listen(Number(process.argv[2] ?? 8000), '127.0.0.1', () =>
  console.log(`http://127.0.0.1:${server.address().port}/`),
);
