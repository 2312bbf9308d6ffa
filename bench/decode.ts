/**
 * How close does a plain token come to the memory bandwidth of the machine?
 * Usage: node bench/decode.ts [--models 15m,135m,0.5b] [--dtypes f32,q8,q4] [--threads 1,2] [--prompt 128] [--time 1500] [--rounds 5]
 *   [--out FILE]
 *
 * In each round a plain loop on one thread reads a block as large as the weights, then tokens are decoded for `time` milliseconds. A token reads every
 * weight once.
 */
import { Bench } from 'tinybench';
import { median } from '../src/cli/statistics.ts';
import { figure } from '../src/cli/table.ts';
import { loadTransformer } from '../src/model/load-transformer.ts';
import type { WeightType } from '../src/model/memory-plan.ts';
import type { Session } from '../src/model/session.ts';
import { chain, rootOnly } from '../src/tree/draft-tree.ts';
import { measureLimits } from './shared/limits.ts';
import { modelSource } from './shared/models.ts';
import { benchOptions, Report } from './shared/report.ts';

const options = benchOptions({
  models: '15m,135m,0.5b',
  dtypes: 'f32,q8,q4',
  threads: '1,2',
  prompt: '128',
  time: '1500',
  rounds: '5',
});
const report = new Report('decode', 'How close does a plain token come to the memory bandwidth of the machine?');
const promptLength = Number(options.prompt);

/** Milliseconds of one plain step: the pass over one token, and the choice of the next. */
async function measureToken(session: Session): Promise<{ best: number; p50: number; p99: number }> {
  const step = () => void session.forward(rootOnly(1), 'last').argmax(0);
  const bench = new Bench({ time: Number(options.time), warmupTime: 100 });
  await bench.add('token', step).run();
  const { result } = bench.tasks[0]!;
  if (result.state !== 'completed') throw new Error(`the token was not measured: ${result.state}`);
  const { min, p50, p99 } = result.latency;
  return { best: min, p50, p99 };
}

/** A row of the table: of medians over all rounds. */
async function measure(name: string, dtype: WeightType, threads: number): Promise<string[]> {
  const model = await loadTransformer(modelSource(name), { dtype, threads, context: promptLength + 64 });
  const session = model.session();
  const { weightBytes } = model.plan;
  const limits = await measureLimits(weightBytes);
  for (let done = 0; done < promptLength; done = session.length) {
    const tokens = chain(
      Int32Array.from({ length: Math.min(64, promptLength - done) }, (_, i) => (done + i * 31) % 500),
    );
    session.forward(tokens, 'none');
    session.commit(Int32Array.from(tokens.tokens.keys()));
  }

  const rounds: { read: number; best: number; p50: number; p99: number }[] = [];
  for (let round = 0; round < Number(options.rounds); round++) {
    rounds.push({ read: limits.gigabytes(weightBytes), ...(await measureToken(session)) });
  }
  model.dispose();
  const over = (of: (round: (typeof rounds)[number]) => number) => median(rounds.map(of));
  const read = over((round) => round.read);
  const gigabytes = (ms: number) => weightBytes / ms / 1e6;
  const share = (ms: number) => `${Math.round((100 * gigabytes(ms)) / read)}%`;
  const [best, p50, p99] = [over((round) => round.best), over((round) => round.p50), over((round) => round.p99)];
  const speed = [1000 / p50, gigabytes(p50), read].map(figure);
  return [
    String(threads),
    dtype,
    figure(weightBytes / 1e6),
    figure(p50),
    figure(p99),
    ...speed,
    share(p50),
    share(best),
  ];
}

for (const name of options.models.split(',')) {
  const rows: string[][] = [];
  for (const threads of options.threads.split(',').map(Number)) {
    for (const dtype of options.dtypes.split(',') as WeightType[]) rows.push(await measure(name, dtype, threads));
  }
  report.table(`${name}, after ${promptLength} tokens; medians of ${options.rounds} rounds`, [
    [
      'threads',
      'weights',
      'MB',
      'ms, p50',
      'ms, p99',
      'tokens/s',
      'GB/s',
      'a read loop',
      'share, p50',
      'share, best token',
    ],
    ...rows,
  ]);
}
report.close(options.out);
