/**
 * Files by URL, on every host that has `fetch`.
 *
 * One response is streamed for as long as reads follow each other, so loading a file front to back is one request. Where the server
 * supports Range, a jump, or a connection that broke or went silent, starts a new response at the right byte; where it does not, a jump forwards
 * reads on, and a jump backwards or a broken connection starts the file again. No more than one piece of the file is held at any time.
 * Source: RFC 9110, sections 13.1.5 (If-Range) and 14 (range requests).
 * @module
 */
import { ForetokenError, quote } from '../errors.ts';
import { type ByteSource, bytesSource, changed, checkRead, readTarget } from '../formats/byte-source.ts';

export interface UrlOptions {
  /** Stands in for the global fetch: to add headers. Memory that a body comes in piece by piece is taken, and detached once it has been read. */
  readonly fetch?: (url: string, init: RequestInit) => Promise<Response>;
  readonly signal?: AbortSignal;
  /** A connection that brings nothing for so long has broken. Default 30 s. */
  readonly timeoutMs?: number;
  /** Pause before a broken connection is first taken up again; each further one is twice as long. Default 0.2 s. */
  readonly retryMs?: number;
}

/** How often one read of a file that has been opened is taken up again: with the default pauses, for 6 seconds and what the tries take. */
const MOST_RETRIES = 5;
/** Largest body that is held whole because its length is not announced (compressed or generated text). */
const UNANNOUNCED_BYTES = 64 * 2 ** 20;
/** A gap up to this size is read through: a new request would cost more. */
const SKIP_BYTES = 2 ** 20;

/** The address that relative URLs start from: the page's or the worker's; undefined on hosts without one. */
export function baseUrl(): string | undefined {
  const { document, location } = globalThis as { document?: { baseURI: string }; location?: { href: string } };
  return document?.baseURI ?? location?.href;
}

/**
 * A source over a URL.
 *
 * @returns undefined when the server has no such file: status 404 or 410, or a web page in its place
 * @throws {ForetokenError} `source.read` when the server cannot be reached or refuses; `source.range` when it answers a range request
 *   wrongly; `source.size` when it does not say how long a large file is
 */
export async function openUrl(url: string, name: string, options: UrlOptions = {}): Promise<ByteSource | undefined> {
  const { signal } = options;
  const file: RemoteFile = {
    ...{ fetch: (address, init) => fetch(address, init), timeoutMs: 30_000, retryMs: 200 },
    ...options,
    ...{ url, name },
  };
  let response = await request(file, 0, signal);
  const placeless = response.status === 206 && !response.headers.has('content-range');
  if (placeless || (response.ok && isEncoded(response.headers))) {
    // Another origin's header that the host hides, or a compressed body, which not every host decodes in answer to Range.
    response.cancel();
    response = await request(file, undefined, signal);
  }
  const { status, headers } = response;
  const page = headers.get('content-type')?.startsWith('text/html');
  if (status === 404 || status === 410 || (page && response.ok)) {
    response.cancel();
    return undefined;
  }
  if (status === 416 && headers.get('content-range') === 'bytes */0') {
    response.cancel();
    return bytesSource(new Uint8Array(0), name);
  }
  if (status === 206) {
    const { size, end } = contentRange(file, response, 0);
    return new UrlSource(file, size, true, response, end);
  }
  if (status !== 200) throw refused(file, response);
  const size = announcedLength(headers);
  return size === undefined
    ? bytesSource(await wholeBody(file, response, signal), name)
    : new UrlSource(file, size, false, response, size);
}

interface RemoteFile extends Required<Omit<UrlOptions, 'signal'>> {
  readonly url: string;
  readonly name: string;
}

class UrlSource implements ByteSource {
  readonly name: string;
  readonly size: number;
  readonly #file: RemoteFile;
  readonly #ranged: boolean;
  readonly #version: string | null;
  #body: Body | undefined;
  /** Reads take turns: they share one body. */
  #turn: Promise<unknown> = Promise.resolve();

  /** @param end where the first response's body, which starts at 0, ends */
  constructor(file: RemoteFile, size: number, ranged: boolean, first: Answer, end: number) {
    this.name = file.name;
    this.size = size;
    this.#file = file;
    this.#ranged = ranged;
    this.#version = version(first);
    this.#body = new Body(file, first, 0, end);
  }

  async read(offset: number, length: number, signal?: AbortSignal, into?: Uint8Array): Promise<Uint8Array> {
    checkRead(this, offset, length, signal);
    const bytes = this.#turn.then(() => this.#fill(readTarget(length, into), offset, signal));
    this.#turn = bytes.catch(() => this.close());
    return bytes;
  }

  close(): void {
    this.#body?.cancel();
    this.#body = undefined;
  }

  async #fill(target: Uint8Array, offset: number, signal: AbortSignal | undefined): Promise<Uint8Array> {
    let filled = 0;
    for (let retries = 0; filled < target.length; ) {
      try {
        const next = offset + filled;
        const body = await this.#bodyAt(next, signal);
        const wanted = body.position < next ? next - body.position : target.length - filled;
        const chunk = await body.next(wanted, signal);
        if (body.position > next) {
          target.set(chunk, filled);
          filled += chunk.length;
        }
      } catch (error) {
        // The connection broke, or the server is gone for a moment; any other answer than the bytes is final.
        this.close();
        if ((error as ForetokenError).code !== 'source.read' || retries === MOST_RETRIES) throw error;
        await pause(this.#file.retryMs * 2 ** retries++, signal);
      }
    }
    if (this.#body?.finished) this.#body = undefined;
    return target;
  }

  /** The body whose next byte is at `offset`, or before it where reading through the gap is the way there. */
  async #bodyAt(offset: number, signal: AbortSignal | undefined): Promise<Body> {
    const gap = this.#body ? offset - this.#body.position : -1;
    if (this.#body && !this.#body.finished && gap >= 0 && (gap <= SKIP_BYTES || !this.#ranged)) return this.#body;
    this.close();
    const file = this.#file;
    const answer = await request(file, this.#ranged ? offset : undefined, signal, this.#version);
    try {
      if (!answer.ok && answer.status !== 416) throw refused(file, answer);
      if (version(answer) !== this.#version) throw changed(file.name);
      if (!this.#ranged) {
        if (answer.status !== 200 || announcedLength(answer.headers) !== this.size) throw changed(file.name);
        return (this.#body = new Body(file, answer, 0, this.size));
      }
      const { size, end } = contentRange(file, answer, offset);
      if (size !== this.size) throw changed(file.name);
      return (this.#body = new Body(file, answer, offset, end));
    } catch (error) {
      answer.cancel();
      throw error;
    }
  }
}

/** An ArrayBuffer on hosts of 2024 and later. */
type Detachable = ArrayBufferLike & { transfer?(bytes: number): unknown };

/** The body of one response: the bytes of the file from `position` to `end`. */
class Body {
  readonly #file: RemoteFile;
  readonly #answer: Answer;
  readonly #end: number;
  #chunk: Uint8Array = new Uint8Array(0);
  /**
   * Garbage on purpose, 16 kB of it: V8 collects what is young when its heap is full of it, and with it the socket buffers, outside its heap, that the host's
   * fetch leaves behind: 20 MB and more of them come together otherwise.
   */
  ballast: unknown;
  /** Bytes of the chunk that have been taken. */
  #taken = 0;
  /** Where in the file the next byte stands. */
  position: number;

  constructor(file: RemoteFile, answer: Answer, start: number, end: number) {
    this.#file = file;
    this.#answer = answer;
    this.#end = end;
    this.position = start;
  }

  /** Whether every byte of this response has been taken. */
  get finished(): boolean {
    return this.position === this.#end;
  }

  /**
   * Between 1 and `most` next bytes; they last until the next call.
   * @throws {ForetokenError} `source.read` when the response broke off before its end
   */
  async next(most: number, signal: AbortSignal | undefined): Promise<Uint8Array> {
    if (this.#taken === this.#chunk.length) {
      const chunk = await this.#answer.chunk(signal);
      if (!chunk) throw cutShort(this.#file, this.#answer, this.position);
      const { buffer } = this.#chunk;
      // Detached memory is free at once, where a host's collector lets tens of megabytes come together. Node 20 cannot.
      if (this.#taken === buffer.byteLength) (buffer as Detachable).transfer?.(0);
      this.ballast = new Array(2048);
      this.#chunk = chunk;
      this.#taken = 0;
    }
    const bytes = this.#chunk.subarray(this.#taken, this.#taken + most);
    this.#taken += bytes.length;
    this.position += bytes.length;
    if (this.position > this.#end || (this.finished && !(await this.#ends(signal)))) {
      throw new ForetokenError('source.range', `${this.#file.name}: the server sent more bytes than it announced`);
    }
    return bytes;
  }

  cancel(): void {
    this.#answer.cancel();
  }

  async #ends(signal: AbortSignal | undefined): Promise<boolean> {
    return this.#taken === this.#chunk.length && !(await this.#answer.chunk(signal));
  }
}

/** A response, and the means to stop it. */
class Answer {
  readonly status: number;
  readonly ok: boolean;
  readonly headers: Headers;
  /** Why the body broke off; undefined while it has not. */
  failure: unknown;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  readonly #controller: AbortController;
  readonly #timeoutMs: number;

  constructor(response: Response, controller: AbortController, timeoutMs: number) {
    this.status = response.status;
    this.ok = response.ok;
    this.headers = response.headers;
    this.#reader = response.body?.getReader();
    this.#controller = controller;
    this.#timeoutMs = timeoutMs;
  }

  /** The next bytes, at least one; undefined at the end, and where the connection broke: `failure` then says why. */
  async chunk(signal: AbortSignal | undefined): Promise<Uint8Array | undefined> {
    return abortable(
      signal,
      this.#timeoutMs,
      () => this.cancel(),
      async () => {
        try {
          for (;;) {
            const { value } = (await this.#reader?.read()) ?? {};
            if (value?.length !== 0) return value;
          }
        } catch (error) {
          this.failure = error;
          return undefined;
        }
      },
    );
  }

  /** Whoever waits for a chunk gets none, and the failure. */
  cancel(): void {
    this.failure = new Error('stopped');
    this.#controller.abort();
    this.#reader?.cancel().catch(() => {});
  }
}

/**
 * @param offset first byte wanted, to the end of the file; undefined asks for the whole file without Range
 * @param of the version that the range is to be of; of another one the server then sends the whole
 */
async function request(
  file: RemoteFile,
  offset: number | undefined,
  signal: AbortSignal | undefined,
  of: string | null = null,
): Promise<Answer> {
  const controller = new AbortController();
  const headers: Record<string, string> = offset === undefined ? {} : { range: `bytes=${offset}-` };
  // Weak tags and dates are no strong validators; and a page asks other origins for permission to send this header, which few give.
  if (offset !== undefined && of?.startsWith('"') && baseUrl() === undefined) headers['if-range'] = of;
  const stop = () => controller.abort();
  return abortable(signal, file.timeoutMs, stop, async () => {
    try {
      const response = await file.fetch(file.url, { headers, signal: controller.signal });
      return new Answer(response, controller, file.timeoutMs);
    } catch (cause) {
      signal?.throwIfAborted();
      if (cause instanceof ForetokenError) throw cause;
      throw new ForetokenError('source.read', `${file.name}: the server could not be reached`, { cause });
    }
  });
}

/**
 * Runs `action`; an abort of the signal meanwhile, or the end of the time, and only they, call `stop`.
 * @throws the signal's reason when it has aborted, before the action or during it
 */
async function abortable<T>(
  signal: AbortSignal | undefined,
  timeoutMs: number,
  stop: () => void,
  action: () => Promise<T>,
): Promise<T> {
  signal?.throwIfAborted();
  signal?.addEventListener('abort', stop);
  const timer = setTimeout(stop, timeoutMs);
  try {
    return await action();
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', stop);
    signal?.throwIfAborted();
  }
}

/** @throws the signal's reason when it aborts meanwhile */
function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  let wake = () => {};
  const action = () => new Promise<void>((resolve) => void (wake = resolve));
  return abortable(signal, ms, () => wake(), action);
}

/** Reads the range that an answer to a range request from `offset` on announces. */
function contentRange(file: RemoteFile, answer: Answer, offset: number): { size: number; end: number } {
  const header = answer.headers.get('content-range') ?? '';
  const [, first, last, size] = (/^bytes (\d+)-(\d+)\/(\d+)$/.exec(header) ?? []).map(Number);
  const valid =
    answer.status === 206 && !isEncoded(answer.headers) && first === offset && last! >= first && last! < size!;
  if (!valid || !Number.isSafeInteger(size)) {
    answer.cancel();
    throw new ForetokenError(
      'source.range',
      `${file.name}: asked for bytes from ${offset}, the server answered ${answer.status}, range ${quote(header)}`,
    );
  }
  return { size: size!, end: last! + 1 };
}

/** Length of the file that a full answer carries; undefined when the header is absent or counts compressed bytes. */
function announcedLength(headers: Headers): number | undefined {
  const length = headers.get('content-length');
  return !isEncoded(headers) && length !== null && /^\d{1,15}$/.test(length) ? Number(length) : undefined;
}

function isEncoded(headers: Headers): boolean {
  return (headers.get('content-encoding') ?? 'identity') !== 'identity';
}

async function wholeBody(file: RemoteFile, answer: Answer, signal: AbortSignal | undefined): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for (;;) {
    const chunk = await answer.chunk(signal);
    if (!chunk) break;
    chunks.push(chunk);
    size += chunk.length;
    if (size > UNANNOUNCED_BYTES) {
      answer.cancel();
      throw new ForetokenError('source.size', `${file.name}: the server does not say how long the file is`);
    }
  }
  if (answer.failure !== undefined) throw cutShort(file, answer, size);
  return new Uint8Array(await new Blob(chunks as Uint8Array<ArrayBuffer>[]).arrayBuffer());
}

/** What tells two versions of a file apart; null when the server does not say. */
function version(answer: Answer): string | null {
  return answer.headers.get('etag') ?? answer.headers.get('last-modified');
}

function refused(file: RemoteFile, answer: Answer): ForetokenError {
  answer.cancel();
  return new ForetokenError('source.read', `${file.name}: the server answered ${answer.status}`);
}

function cutShort(file: RemoteFile, answer: Answer, position: number): ForetokenError {
  const cause = answer.failure;
  return new ForetokenError('source.read', `${file.name}: the server stopped after ${position} bytes`, { cause });
}
