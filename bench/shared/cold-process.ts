/**
 * What loading a model takes in a process of its own, which does nothing else. Linux only: memory is read from /proc.
 * @module
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import process from 'node:process';
import type { Readable } from 'node:stream';
import type { LoadOptions } from '../../src/load.ts';
import { repository } from './prompts.ts';

/**
 * What a process does: loads a model from a path or an address; loads it from a folder whose files it has read whole; only reads a file, or what
 * lies at an address, in pieces into the same memory.
 */
export type ColdTask = 'load' | 'loadHeld' | 'readFile' | 'readUrl';

export interface ColdRun {
  /** From the call to its end. */
  readonly ms: number;
  /** The most that was resident from the call on, less what was before it; MB of 2^20 bytes. */
  readonly residentMB: number;
}

/** VmHWM is the most that was resident, since 5 was written to clear_refs: Linux, proc(5). */
const PROGRAM = String.raw`
  import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
  import { open } from 'node:fs/promises';
  const { load } = await import(${JSON.stringify(join(repository, 'dist/index.js'))});
  const [, task, source, options] = process.argv;
  const status = (name) => Number(new RegExp(name + ':\\s*(\\d+) kB').exec(readFileSync('/proc/self/status', 'utf8'))[1]) / 1024;
  const tasks = {
    load: () => load(source, JSON.parse(options)),
    loadHeld: () => load(Object.fromEntries(readdirSync(source).map((name) => [name, readFileSync(source + '/' + name)])), JSON.parse(options)),
    async readFile() {
      const into = new Uint8Array(2 ** 20);
      const file = await open(source);
      while ((await file.read(into, 0, into.length)).bytesRead > 0);
      await file.close();
    },
    async readUrl() {
      const into = new Uint8Array(2 ** 20);
      for await (const piece of (await fetch(source)).body) into.set(piece.subarray(0, into.length));
    },
  };
  writeFileSync('/proc/self/clear_refs', '5');
  const before = status('VmRSS');
  const start = performance.now();
  const model = await tasks[task]();
  const ms = performance.now() - start;
  console.log(JSON.stringify({ ms, residentMB: status('VmHWM') - before }));
  model?.dispose();
`;

/** @throws {Error} when the process fails, with what it wrote */
export async function coldRun(task: ColdTask, source: string, options: LoadOptions = {}): Promise<ColdRun> {
  const child = startModule(PROGRAM, [task, source, JSON.stringify(options)]);
  let written = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (written += text));
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`the process ended with ${code}`);
  return JSON.parse(written) as ColdRun;
}

function startModule(code: string, parameters: readonly string[]): ChildProcessByStdio<null, Readable, null> {
  return spawn(process.execPath, ['--input-type=module', '--eval', code, ...parameters], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

/** Gives out a folder, with Range. */
const SERVER = String.raw`
  import { createReadStream, statSync } from 'node:fs';
  import { createServer } from 'node:http';
  const server = createServer((request, response) => {
    const path = process.argv[1] + decodeURIComponent(new URL(request.url, 'http://host').pathname);
    const found = statSync(path, { throwIfNoEntry: false });
    if (!found?.isFile()) return response.writeHead(404).end();
    const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
    const ranged = request.headers.range !== undefined;
    response.writeHead(ranged ? 206 : 200, {
      'content-length': found.size - start,
      ...(ranged && { 'content-range': 'bytes ' + start + '-' + (found.size - 1) + '/' + found.size }),
    });
    createReadStream(path, { start, highWaterMark: 2 ** 18 }).on('error', () => response.destroy()).pipe(response);
  });
  server.listen(0, '127.0.0.1', () => console.log(server.address().port));
`;

/** Serves a folder from a process of its own: what it does is not to be counted. @returns its address, without a slash at the end, and its end */
export async function serveFolder(folder: string): Promise<{ readonly address: string; stop(): void }> {
  const server = startModule(SERVER, [folder]);
  const [port] = (await once(server.stdout.setEncoding('utf8'), 'data')) as [string];
  return { address: `http://127.0.0.1:${port.trim()}`, stop: () => void server.kill() };
}
