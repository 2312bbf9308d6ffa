/**
 * Gives the repository's files to pages: TypeScript with its types taken away, everything else as it is.
 * @module
 */
import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { createServer, type ServerResponse } from 'node:http';
import { stripTypeScriptTypes } from 'node:module';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize, relative } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { repository } from '../../shared/prompts.ts';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.ts': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
};

export interface FileServer {
  /** `http://127.0.0.1:PORT/` */
  readonly address: string;
  /** Address of a file of the repository. */
  addressOf(path: string): string;
  close(): void;
}

export async function startServer(): Promise<FileServer> {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    send(normalize(decodeURIComponent(pathname)), response).catch(() => response.writeHead(404).end());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  return {
    address,
    addressOf: (path) => address + relative(repository, path),
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** @param name normalized, so it does not leave the repository */
async function send(name: string, response: ServerResponse): Promise<void> {
  const path = join(repository, name);
  const ending = extname(path);
  const { size } = await stat(path);
  // Shared memory for threads is given to pages that load nothing from elsewhere.
  response.setHeader('cross-origin-opener-policy', 'same-origin');
  response.setHeader('cross-origin-embedder-policy', 'require-corp');
  response.setHeader('content-type', TYPES[ending] ?? 'application/octet-stream');
  if (ending === '.ts') {
    response.end(stripTypeScriptTypes(await readFile(path, 'utf8')));
  } else {
    response.setHeader('content-length', size);
    await pipeline(createReadStream(path), response);
  }
}
