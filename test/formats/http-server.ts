/**
 * A small file server whose obedience to RFC 9110 is a parameter.
 * @module
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** How a request is answered: the file's bytes, the range asked for (undefined without one), and the response to write. */
export type Answer = (exchange: Exchange) => void;

export interface Exchange {
  readonly bytes: Uint8Array;
  readonly range: { first: number; last: number } | undefined;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Number of this request, from 1. */
  readonly count: number;
}

export interface Server {
  readonly url: string;
  /** The `Range` header of every request so far, '' where there was none. */
  readonly ranges: string[];
  close(): Promise<void>;
}

/** Serves one file, at every path. */
export async function serve(bytes: Uint8Array, answer: Answer): Promise<Server> {
  const ranges: string[] = [];
  const server = createServer((request, response) => {
    ranges.push(request.headers.range ?? '');
    response.on('error', () => {});
    answer({ bytes, range: rangeOf(request, bytes), request, response, count: ranges.length });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/model.bin`,
    ranges,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

/** The range of `bytes` that a request asks for; undefined without one. */
export function rangeOf(request: IncomingMessage, bytes: Uint8Array): Exchange['range'] {
  const match = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
  return match ? { first: Number(match[1]), last: match[2] ? Number(match[2]) : bytes.length - 1 } : undefined;
}

/** 206 with exactly what was asked for. */
export function rangedAnswer(exchange: Exchange): void {
  const { range, bytes, response } = exchange;
  if (!range) wholeAnswer(exchange);
  else if (range.first >= bytes.length) response.writeHead(416, { 'content-range': `bytes */${bytes.length}` }).end();
  else partial(exchange, range.first, bytes.subarray(range.first, range.last + 1));
}

/** 200 with the whole file, whatever was asked for. */
export function wholeAnswer({ bytes, response }: Exchange): void {
  response.writeHead(200, { 'content-length': bytes.length }).end(bytes);
}

/** 206 with `body`, said to begin at `first`. */
export function partial({ bytes, response }: Exchange, first: number, body: Uint8Array): void {
  const contentRange = `bytes ${first}-${first + body.length - 1}/${bytes.length}`;
  response.writeHead(206, { 'content-range': contentRange, 'content-length': body.length }).end(body);
}
