/**
 * How long does loading take, and how much memory does it need beside the model?
 * Usage: node bench/load.ts [--megabytes 500] [--context 512] [--rounds 5] [--stored bf16,q8] [--out FILE]
 *
 * A checkpoint of random weights is made once, as a folder of safetensors and as a GGUF file with the same weights, and kept in `.cache/`. For each round a
 * process is started that loads it, from disk or from a server in a process of its own; another one only reads the same bytes, in pieces into the same
 * memory. Times count from the call. Memory is the most that was resident less what was before the call (VmHWM and VmRSS of Linux): at most
 * `estimate` + 24 MB, or the benchmark fails.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { median } from '../src/cli/statistics.ts';
import { figure } from '../src/cli/table.ts';
import { estimate } from '../src/load.ts';
import { randomCheckpoint } from './shared/model-folder.ts';
import { repository } from './shared/prompts.ts';
import { benchOptions, Report } from './shared/report.ts';

/** Beyond the estimate, MB of 2^20 bytes. */
const MOST_BEYOND = 24;

const options = benchOptions({ megabytes: '500', context: '512', rounds: '5', stored: 'bf16,q8' });
const context = Number(options.context);
const report = new Report('load', 'How long does loading take, and how much memory does it need beside the model?');

/** What a process says of itself. */
interface Outcome {
  readonly ms: number;
  readonly residentMB: number;
}

const MEASURE = `
  import { readFileSync } from 'node:fs';
  import { open } from 'node:fs/promises';
  const status = (name) => Number(new RegExp(name + ':\\\\s*(\\\\d+) kB').exec(readFileSync('/proc/self/status', 'utf8'))[1]) / 1024;
  const { load } = await import(${JSON.stringify(join(repository, 'dist/index.js'))});
  const [, what, source] = process.argv;
  const into = new Uint8Array(4 * 2 ** 20);
  const ways = {
    load: () => load(source, { context: ${context} }),
    async disk() {
      const file = await open(source);
      while ((await file.read(into, 0, into.length)).bytesRead > 0);
      await file.close();
    },
    async http() {
      for await (const piece of (await fetch(source)).body) into.set(piece.subarray(0, into.length));
    },
  };
  const before = status('VmRSS');
  const start = performance.now();
  const kept = await ways[what]();
  const ms = performance.now() - start;
  console.log(JSON.stringify({ ms, residentMB: status('VmHWM') - before }));
  kept?.dispose();
`;

/** A process in a cold state. @param what `load`, or the plain read of a source */
function coldProcess(what: 'load' | 'disk' | 'http', source: string): Outcome {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['--input-type=module', '--eval', MEASURE, what, source],
    {
      encoding: 'utf8',
    },
  );
  if (status !== 0) throw new Error(`the process ended with ${status}: ${stderr}`);
  return JSON.parse(stdout) as Outcome;
}

/** Serves `.cache/`, with Range, from a process of its own: what it does is not to be counted. */
const SERVER = `
  import { createReadStream, statSync } from 'node:fs';
  import { createServer } from 'node:http';
  const server = createServer((request, response) => {
    const path = process.argv[1] + decodeURIComponent(new URL(request.url, 'http://host').pathname);
    const found = statSync(path, { throwIfNoEntry: false });
    if (!found?.isFile()) return response.writeHead(404).end();
    const start = Number(/^bytes=(\\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
    const ranged = request.headers.range !== undefined;
    response.writeHead(ranged ? 206 : 200, {
      'content-length': found.size - start,
      ...(ranged && { 'content-range': 'bytes ' + start + '-' + (found.size - 1) + '/' + found.size }),
    });
    createReadStream(path, { start, highWaterMark: 2 ** 18 }).on('error', () => response.destroy()).pipe(response);
  });
  server.listen(0, '127.0.0.1', () => console.log(server.address().port));
`;
const cache = join(repository, '.cache');
const server = spawn(process.execPath, ['--input-type=module', '--eval', SERVER, cache], {
  stdio: ['ignore', 'pipe', 'inherit'],
});

let most = 0;
try {
  const [line] = (await once(server.stdout.setEncoding('utf8'), 'data')) as [string];
  const base = `http://127.0.0.1:${line.trim()}`;
  for (const stored of options.stored.split(',') as ('bf16' | 'q8')[]) {
    const { folder, gguf } = await randomCheckpoint(Number(options.megabytes), stored);
    const rows = [['format', 'from', 'loaded, s', 'plain read, s', 'memory, MB', 'estimate, MB', 'beyond it, MB']];
    const bytes = statSync(join(cache, gguf)).size;
    for (const [format, model, weights] of [
      ['safetensors', folder, `${folder}/model.safetensors`],
      ['GGUF', gguf, gguf],
    ] as const) {
      const total = (await estimate(join(cache, model), { context })).total / 2 ** 20;
      for (const [from, place, plain] of [
        ['disk', cache, 'disk'],
        ['HTTP', base, 'http'],
      ] as const) {
        const loads: Outcome[] = [];
        const reads: Outcome[] = [];
        for (let round = 0; round < Number(options.rounds); round++) {
          reads.push(coldProcess(plain, `${place}/${weights}`));
          loads.push(coldProcess('load', `${place}/${model}`));
        }
        const seconds = (outcomes: readonly Outcome[]) => figure(median(outcomes.map(({ ms }) => ms)) / 1000);
        // Of memory the worst round counts, not the median: the promise is a bound.
        const resident = Math.max(...loads.map(({ residentMB }) => residentMB));
        most = Math.max(most, resident - total);
        rows.push([
          format,
          from,
          seconds(loads),
          seconds(reads),
          figure(resident),
          figure(total),
          figure(resident - total),
        ]);
      }
    }
    report.table(
      `${figure(bytes / 1e6)} MB of ${stored} weights, held as the default dtype, context ${context}: time as the median of ${options.rounds} cold starts, memory of the worst`,
      rows,
    );
  }
  report.note(
    `The most beyond the estimate is ${figure(most)} MB, of ${MOST_BEYOND} that are promised. A plain read keeps nothing; both find the file in the system's memory.`,
  );
} finally {
  server.kill();
}
report.close(options.out);
if (most > MOST_BEYOND) throw new Error(`loading needs ${figure(most)} MB beyond the estimate`);
