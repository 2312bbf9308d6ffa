/**
 * The local server of the runtime and packaging tests: gives out folders, with byte ranges, and takes in results.
 * @module
 */
import { open } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize, sep } from 'node:path';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
};

export interface TestServer {
  /** `http://127.0.0.1:PORT/` */
  readonly address: string;
  /** Paths asked for since the last `forget()`, in order, without the query. */
  readonly requested: readonly string[];
  forget(): void;
  /**
   * What a runtime posts to `result/NAME`, as parsed JSON. One result answers one call, whichever comes first.
   * @throws {Error} when nothing came in time
   */
  result(name: string, timeoutMs: number): Promise<unknown>;
  close(): void;
}

/**
 * @param folders path prefix, `/like/this/`, to the folder whose files lie below it
 * @param headers sent with every file
 */
export async function startServer(
  folders: Readonly<Record<string, string>>,
  headers: Readonly<Record<string, string>> = {},
): Promise<TestServer> {
  const requested: string[] = [];
  const results = new Mailbox();

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = decodeURIComponent(new URL(request.url ?? '/', 'http://localhost').pathname);
    response.setHeader('access-control-allow-origin', '*'); // a page of Vite's own server asks from another port
    if (request.method === 'POST' && path.startsWith('/result/')) {
      results.put(path.slice('/result/'.length), JSON.parse(await readText(request)));
      response.writeHead(204).end();
      return;
    }
    requested.push(path);
    const prefix = Object.keys(folders).find((candidate) => path.startsWith(candidate));
    const inside = prefix === undefined ? '' : normalize(path.slice(prefix.length) || 'index.html');
    if (prefix === undefined || inside.startsWith('..') || inside.startsWith(sep)) {
      response.writeHead(404).end();
      return;
    }
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    await sendFile(join(folders[prefix]!, inside), request, response);
  }

  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => response.writeHead(500).end(String(error)));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    address: `http://127.0.0.1:${port}/`,
    requested,
    forget: () => void requested.splice(0),
    result: (name, timeoutMs) => results.take(name, timeoutMs),
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

async function sendFile(path: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const file = await open(path).catch(() => undefined);
  try {
    const stats = await file?.stat();
    if (!file || !stats?.isFile()) {
      response.writeHead(404).end();
      return;
    }
    const { size } = stats;
    response.setHeader('content-type', TYPES[extname(path)] ?? 'application/octet-stream');
    response.setHeader('accept-ranges', 'bytes');
    response.setHeader('cache-control', 'no-store');
    const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
    const from = range ? Number(range[1]) : 0;
    const to = range?.[2] ? Math.min(Number(range[2]), size - 1) : size - 1;
    if (range && from > to) {
      response.writeHead(416, { 'content-range': `bytes */${size}` }).end();
      return;
    }
    if (range) response.setHeader('content-range', `bytes ${from}-${to}/${size}`);
    response.writeHead(range ? 206 : 200, { 'content-length': to - from + 1 });
    if (request.method === 'HEAD') {
      response.end();
      return;
    }
    const body = Buffer.alloc(to - from + 1);
    await file.read(body, 0, body.length, from);
    response.end(body);
  } finally {
    await file?.close();
  }
}

async function readText(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request.setEncoding('utf8')) text += chunk;
  return text;
}

/** Results by name: either the result or whoever waits for it comes first. */
class Mailbox {
  readonly #arrived = new Map<string, unknown>();
  readonly #waiting = new Map<string, (result: unknown) => void>();

  put(name: string, result: unknown): void {
    const waiting = this.#waiting.get(name);
    if (waiting) waiting(result);
    else this.#arrived.set(name, result);
  }

  take(name: string, timeoutMs: number): Promise<unknown> {
    if (this.#arrived.has(name)) {
      const result = this.#arrived.get(name);
      this.#arrived.delete(name);
      return Promise.resolve(result);
    }
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(name);
        reject(new Error(`no result from ${name} within ${timeoutMs / 1000} s`));
      }, timeoutMs);
      this.#waiting.set(name, (result) => {
        clearTimeout(timer);
        this.#waiting.delete(name);
        resolve(result);
      });
    });
  }
}
