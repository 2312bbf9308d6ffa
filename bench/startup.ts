/**
 * How long does it take from nothing to the first token, and what memory does it need?
 * Usage: node bench/startup.ts [--shape 135m] [--context 512] [--rounds 5] [--page yes] [--out FILE]
 *
 * A process is started for each round; it loads a q8 folder from disk and reads a prompt of 16 tokens. Its time counts from the start of the
 * process, its memory is the most that was resident less what was before `load`. A page of headless Chromium counts from its navigation, and
 * reads the same folder from a local server.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import process from 'node:process';
import { median } from '../src/cli/statistics.ts';
import { figure } from '../src/cli/table.ts';
import { estimate } from '../src/load.ts';
import { q8ModelFolder } from './shared/model-folder.ts';
import { timePage } from './shared/page-startup.ts';
import { repository } from './shared/prompts.ts';
import { benchOptions, Report } from './shared/report.ts';

const options = benchOptions({ shape: '135m', context: '512', rounds: '5', page: 'yes' });
const report = new Report('startup', 'How long does it take from nothing to the first token?');
const rounds = Number(options.rounds);
const context = Number(options.context);
const folder = await q8ModelFolder(options.shape);

/** What a cold process says of itself. */
interface Start {
  readonly loadedMs: number;
  readonly firstTokenMs: number;
  readonly residentMB: number;
}

/** The peak is Linux's VmHWM: maxRSS would also count what the parent had. */
const PROGRAM = `
  import { readFileSync } from 'node:fs';
  import { load } from ${JSON.stringify(join(repository, 'dist/index.js'))};
  const peak = () => Number(/VmHWM:\\s*(\\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'))[1]) / 1024;
  const before = process.memoryUsage.rss() / 2 ** 20;
  const model = await load(${JSON.stringify(folder)}, { context: ${context} });
  const loadedMs = performance.now();
  await model.generate(Array.from({ length: 16 }, (_, i) => i + 1), { maxTokens: 1 }).text();
  console.log(JSON.stringify({ loadedMs, firstTokenMs: performance.now(), residentMB: peak() - before }));
`;

function coldProcess(): Start {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', PROGRAM], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`the process ended with ${status}: ${stderr}`);
  return JSON.parse(stdout) as Start;
}

const starts = Array.from({ length: rounds }, coldProcess);
const over = (of: (start: Start) => number) => median(starts.map(of));
const { total } = await estimate(folder, { context });
const rows = [
  ['where', 'loaded, s', 'first token, s', 'memory, MB', 'estimate, MB', 'beyond it, MB'],
  [
    'process',
    figure(over(({ loadedMs }) => loadedMs) / 1000),
    figure(over(({ firstTokenMs }) => firstTokenMs) / 1000),
    figure(over(({ residentMB }) => residentMB)),
    figure(total / 2 ** 20),
    figure(over(({ residentMB }) => residentMB) - total / 2 ** 20),
  ],
];
if (options.page === 'yes') {
  const pages = await timePage({ folder, context, rounds });
  const page = (of: (start: (typeof pages)[number]) => number) => figure(median(pages.map(of)) / 1000);
  rows.push(['page', page(({ loadedMs }) => loadedMs), page(({ firstTokenMs }) => firstTokenMs), '', '', '']);
}
report.table(`${options.shape}, q8, context ${context}: medians of ${rounds} cold starts`, rows);
report.close(options.out);
