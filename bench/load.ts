/**
 * How long does loading take, and how much memory does it need beside the model?
 * Usage: node bench/load.ts [--megabytes 500] [--context 512] [--rounds 3] [--stored bf16,q8] [--out FILE]
 *
 * A checkpoint of random weights is made once, as a folder of safetensors and as a GGUF file with the same weights, and kept in `.cache/`. For each round a
 * process is started that loads it, from disk or from a server in a process of its own; another one only reads the same bytes, in pieces into the same
 * memory. Times count from the call. Memory is the most that was resident less what was before the call (Linux only): at most `estimate` + 24 MB,
 * or the benchmark fails. A host's fetch leaves garbage of its own, as a plain read shows; on Node 20 more of it stays than is promised.
 */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { median } from '../src/cli/statistics.ts';
import { figure } from '../src/cli/table.ts';
import { estimate } from '../src/load.ts';
import { type ColdRun, coldRun, serveFolder } from './shared/cold-process.ts';
import { randomCheckpoint } from './shared/model-folder.ts';
import { repository } from './shared/prompts.ts';
import { benchOptions, Report } from './shared/report.ts';

/** Beyond the estimate, MB of 2^20 bytes. */
const MOST_BEYOND = 24;

const options = benchOptions({ megabytes: '500', context: '512', rounds: '3', stored: 'bf16,q8' });
const context = Number(options.context);
const report = new Report('load', 'How long does loading take, and how much memory does it need beside the model?');

const cache = join(repository, '.cache');
const server = await serveFolder(cache);
const PLACES = [
  { from: 'disk', place: cache, plain: 'readFile' },
  { from: 'HTTP', place: server.address, plain: 'readUrl' },
] as const;

const seconds = (runs: readonly ColdRun[]) => median(runs.map(({ ms }) => ms)) / 1000;
let most = 0;
try {
  for (const stored of options.stored.split(',') as ('bf16' | 'q8')[]) {
    const { folder, gguf } = await randomCheckpoint(Number(options.megabytes), stored);
    const bytes = statSync(join(cache, gguf)).size;
    const rows = [
      [
        'format',
        'from',
        'loaded, s',
        'MB/s',
        'plain read, s',
        'memory, MB',
        'plain read, MB',
        'estimate, MB',
        'beyond it, MB',
      ],
    ];
    for (const [format, model, weights] of [
      ['safetensors', folder, `${folder}/model.safetensors`],
      ['GGUF', gguf, gguf],
    ] as const) {
      const total = (await estimate(join(cache, model), { context })).total / 2 ** 20;
      for (const { from, place, plain } of PLACES) {
        const loads: ColdRun[] = [];
        const reads: ColdRun[] = [];
        for (let round = 0; round < Number(options.rounds); round++) {
          reads.push(await coldRun(plain, `${place}/${weights}`));
          loads.push(await coldRun('load', `${place}/${model}`, { context }));
        }
        // Of memory the worst round counts, not the median: the promise is a bound.
        const [resident, plainResident] = [loads, reads].map((runs) =>
          Math.max(...runs.map(({ residentMB }) => residentMB)),
        );
        most = Math.max(most, resident! - total);
        const speeds = [seconds(loads), bytes / 1e6 / seconds(loads), seconds(reads)];
        rows.push([format, from, ...[...speeds, resident!, plainResident!, total, resident! - total].map(figure)]);
      }
    }
    const title = `${figure(bytes / 1e6)} MB of ${stored} weights, held as the default dtype, context ${context}`;
    report.table(`${title}: time as the median of ${options.rounds} cold starts, memory of the worst`, rows);
  }
} finally {
  server.stop();
}
report.note(
  `The most beyond the estimate is ${figure(most)} MB, of ${MOST_BEYOND} that are promised. A plain read keeps nothing; both find the file in the system's memory.`,
);
report.close(options.out);
if (most > MOST_BEYOND) throw new Error(`loading needs ${figure(most)} MB beyond the estimate`);
