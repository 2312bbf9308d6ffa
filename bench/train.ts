/**
 * How fast does training go, and how near do the kernels that go backward come to the limits of the machine?
 * Usage: node bench/train.ts [--shapes 256x256x1024,256x96x256] [--threads 1,2] [--segments 4] [--rows 64] [--time 100] [--rounds 3] [--out FILE]
 *
 * A shape is rows x inDim x outDim of y = x Wᵀ. `time` is milliseconds for each kernel in each round. The model is the one of 353 k parameters whose
 * training test/fixtures/training/make.py records with PyTorch; its tokens/s are those of whole updates.
 */
import { Bench } from 'tinybench';
import { median } from '../src/cli/statistics.ts';
import { figure } from '../src/cli/table.ts';
import { createTrainingEngine } from '../src/train/engine.ts';
import { A_TRANSPOSED, B_TRANSPOSED, KEEP, ONE_MASK, PRODUCT_SCRATCH, SILU } from '../src/train/opcodes.ts';
import { createTrainer } from '../src/train/trainer.ts';
import { trainingHost } from '../test/kernels/kernel-host.ts';
import { batchOf, OPTIMIZER, smallLlama, stream } from '../test/train/small-llama.ts';
import { measureLimits } from './shared/limits.ts';
import { benchOptions, Report } from './shared/report.ts';

const options = benchOptions({
  ...{ shapes: '256x256x1024,256x96x256,1024x256x256,64x256x8192', threads: '1,2', segments: '4', rows: '64' },
  ...{ time: '100', rounds: '3' },
});

/** One kernel, and what it does in one call. */
interface Work {
  readonly name: string;
  /** Multiplications and additions; where hardly any are, elements. */
  readonly count: number;
  run(): void;
}

const host = trainingHost();
const { kernels } = host;
/** What arrays hold does not matter to time, as long as nothing is subnormal. */
const numbers = (count: number) => host.place(new Float32Array(count).fill(0.5));

function products(name: string): Work[] {
  const [rows, inDim, outDim] = name.split('x').map(Number) as [number, number, number];
  const [x, weight, y] = [numbers(rows * inDim), numbers(outDim * inDim), numbers(rows * outDim)];
  const scratch = numbers(PRODUCT_SCRATCH / 4);
  const count = 2 * rows * inDim * outDim;
  /** All parts: those of rows or columns, whichever are more. */
  const parts = (m: number, n: number) => (m > n ? Math.ceil(m / 4) : Math.ceil(n / 8));
  const call = (
    c: number,
    a: number,
    b: number,
    sizes: readonly [number, number, number],
    strides: number[],
    layout: number,
  ) => kernels.product!(c, a, b, ...sizes, ...strides, layout, scratch, 0, parts(sizes[0], sizes[1]));
  return [
    {
      name: `y = x Wᵀ, ${name}`,
      count,
      run: () => call(y, x, weight, [rows, outDim, inDim], [outDim, inDim, inDim], B_TRANSPOSED),
    },
    {
      name: `dx = dy W, ${name}`,
      count,
      run: () => call(x, y, weight, [rows, inDim, outDim], [inDim, outDim, inDim], 0),
    },
    {
      name: `dW += dyᵀ x, ${name}`,
      count,
      run: () => call(weight, y, x, [outDim, inDim, rows], [inDim, outDim, inDim], A_TRANSPOSED | KEEP),
    },
  ];
}

function attentions(rows: number, heads: number, kvHeads: number, headDim: number): Work[] {
  const [q, dq, out] = [0, 0, 0].map(() => numbers(rows * heads * headDim));
  const [k, v, dk, dv] = [0, 0, 0, 0].map(() => numbers(rows * kvHeads * headDim));
  const paths = host.place(Int32Array.from({ length: rows * rows }, (_, i) => i % rows));
  const depths = host.place(Int32Array.from({ length: rows }, (_, i) => i));
  const scratch = numbers((rows + 8) * (5 * headDim + 8) + 4 * headDim);
  const sizes = [rows, heads, kvHeads, headDim, 0.25, scratch, 0, kvHeads];
  // Scores and sums of values: two products over half of the rows' square; backward makes five of them.
  const count = 2 * rows * rows * heads * headDim;
  const what = `${rows} rows, ${heads} heads of ${headDim}`;
  return [
    {
      name: `attention, ${what}`,
      count,
      run: () => kernels.attend!(out!, q!, k!, v!, paths, depths, ONE_MASK, ...sizes),
    },
    {
      name: `attention backward, ${what}`,
      count: (count * 5) / 2,
      run: () => kernels.attendBackward!(dq!, dk!, dv!, out!, q!, k!, v!, paths, depths, ONE_MASK, ...sizes),
    },
  ];
}

/** Kernels that do little with each number, which they count. */
function others(rows: number, dim: number): Work[] {
  const count = rows * dim;
  const [a, b, c, d] = [0, 0, 0, 0].map(() => numbers(count)) as [number, number, number, number];
  const [vector, statistics, losses, scratch] = [
    numbers(dim),
    numbers(2 * rows),
    numbers(rows),
    numbers(2 * dim + 256),
  ];
  const ids = host.place(new Int32Array(rows));
  const works: Record<string, () => void> = {
    'RMSNorm backward': () => kernels.normBackward!(a, 0, b, vector, c, statistics, dim, 1e-5, 0, 0, rows),
    'its weight': () => kernels.normWeightBackward!(vector, b, c, statistics, rows, dim, 0, dim / 4),
    'SiLU gate backward': () => kernels.activateBackward!(a, 0, b, 0, c, d, c, SILU, scratch, 0, count / 4),
    'cross-entropy': () => kernels.crossEntropy!(a, 0, losses, b, ids, 0, 1, dim, scratch, 0, rows),
    'forward KL': () => kernels.divergence!(a, 0, losses, b, c, 0, 1, 0, 0.5, dim, scratch, 0, rows),
    JSD: () => kernels.divergence!(a, 0, losses, b, c, 0, 1, 2, 0.5, dim, scratch, 0, rows),
    'sum of two': () => kernels.combine!(a, 0, b, 1, c, 1, dim, dim, dim, dim, 0, rows),
    'bias, summed': () => kernels.columnSums!(vector, b, rows, dim, 0, Math.ceil(dim / 16)),
    AdamW: () => kernels.adamW!(a, b, c, d, 1, 1, 0.9, 0.1, 0.99, 0.01, 1e-3, 1, 1e-8, 0, count / 4),
  };
  return Object.entries(works).map(([name, run]) => ({ name, count, run }));
}

/** 10^9 of what a call does, a second: at best, and in the median of the best round. */
async function measure(works: readonly Work[]): Promise<{ readonly best: number; readonly median: number }[]> {
  const speeds = works.map(() => ({ best: 0, median: 0 }));
  for (let round = 0; round < Number(options.rounds); round++) {
    const bench = new Bench({ time: Number(options.time), iterations: 3, warmupTime: 10, warmupIterations: 3 });
    for (const { name, run } of works) bench.add(name, run);
    await bench.run();
    for (const [i, { result }] of bench.tasks.entries()) {
      if (result.state !== 'completed') throw new Error(`${works[i]!.name} was not measured: ${result.state}`);
      const speed = (ms: number) => works[i]!.count / ms / 1e6;
      speeds[i] = {
        best: Math.max(speeds[i]!.best, speed(result.latency.min)),
        median: Math.max(speeds[i]!.median, speed(result.latency.p50)),
      };
    }
  }
  return speeds;
}

const report = new Report('train', 'How fast does training go, and how near do its kernels come to the limits?');
const { gigaflops } = await measureLimits(65_536);

const heavy = [
  ...options.shapes.split(',').flatMap(products),
  ...attentions(256, 6, 3, 16),
  ...attentions(256, 4, 4, 64),
];
const heavySpeeds = await measure(heavy);
report.table(`10^9 operations a second, one thread; from registers: ${figure(gigaflops)}`, [
  ['kernel', 'at best', 'in the median', 'of the peak'],
  ...heavy.map(({ name }, i) => {
    const { best, median: middle } = heavySpeeds[i]!;
    return [name, figure(best), figure(middle), `${figure((100 * best) / gigaflops)}%`];
  }),
]);

const light = others(256, 1024);
const lightSpeeds = await measure(light);
report.table('10^9 numbers a second, one thread, arrays of 256 x 1024', [
  ['kernel', 'at best', 'in the median'],
  ...light.map(({ name }, i) => [name, figure(lightSpeeds[i]!.best), figure(lightSpeeds[i]!.median)]),
]);

/** Updates of a trainer: its first ones are for the runtime to compile the kernels. */
const WARM_UP = 5;
const UPDATES = 20;
const [segments, rows] = [Number(options.segments), Number(options.rows)];
const tokens = segments * rows;
const text = stream(7, (WARM_UP + UPDATES) * segments * (rows + 1));
const engine = await createTrainingEngine();
const trainers = [];
for (const threads of options.threads.split(',').map(Number)) {
  trainers.push(await createTrainer(smallLlama(segments, rows), { engine, threads, optimizer: OPTIMIZER }));
}
const times = trainers.map(() => [] as number[]);
for (let update = 0; update < WARM_UP + UPDATES; update++) {
  const batch = batchOf(text, update, segments, rows);
  for (const [i, trainer] of trainers.entries()) {
    const start = performance.now();
    trainer.step(batch);
    if (update >= WARM_UP) times[i]!.push(performance.now() - start);
  }
  await new Promise((resolve) => setImmediate(resolve));
}
const states = trainers.map((trainer) => Buffer.from(trainer.save()).toString('base64'));
if (states.some((state) => state !== states[0])) throw new Error('threads change the parameters');
report.table(`A Llama of 353 k parameters, updates of ${segments} x ${rows} tokens`, [
  ['threads', 'tokens/s', 'ms an update', 'at best', 'memory, MB'],
  ...trainers.map((trainer, i) => [
    String(trainer.threads),
    figure((1000 * tokens) / median(times[i]!)),
    figure(median(times[i]!)),
    figure(Math.min(...times[i]!)),
    figure(trainer.bytes / 1e6),
  ]),
]);
for (const trainer of trainers) trainer.dispose();
report.close(options.out);
