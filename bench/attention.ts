/**
 * What does attention over a long cache take, and how near does it come to the memory bandwidth, with each type of the cache?
 * Usage: node bench/attention.ts [--types f32,f16,q8] [--positions 1024,8192] [--tokens 1,4] [--heads 9] [--kv-heads 3] [--head-dim 64]
 *   [--layers 30] [--time 150] [--rounds 5] [--out FILE]
 *
 * The shape is that of the 135 M model. A sample is one layer's attention of n new tokens, a chain behind all positions, on one thread; the
 * next sample takes the next layer, so a cache that is larger than the processor's comes from memory, as in a model. In each round a plain
 * loop reads a block as large as the caches of all layers.
 */
import { Bench } from 'tinybench';
import { median } from '../src/cli/statistics.ts';
import { figure } from '../src/cli/table.ts';
import { attentionScratchBytes, KV_TYPES, type KvType, kvRowBytes } from '../src/engine/kv-type.ts';
import { KEY_BLOCK } from '../src/engine/opcodes.ts';
import { kernelHost } from '../test/kernels/kernel-host.ts';
import { measureLimits } from './shared/limits.ts';
import { benchOptions, Report } from './shared/report.ts';

const options = benchOptions({
  types: 'f32,f16,q8',
  positions: '1024,8192',
  tokens: '1,4',
  heads: '9',
  'kv-heads': '3',
  'head-dim': '64',
  layers: '30',
  time: '150',
  rounds: '5',
});
const types = options.types.split(',') as KvType[];
const tokens = options.tokens.split(',').map(Number);
const [heads, kvHeads, headDim, layers] = (['heads', 'kv-heads', 'head-dim', 'layers'] as const).map((name) =>
  Number(options[name]),
) as [number, number, number, number];

/** As a byte of any type it gives ordinary numbers. */
const ORDINARY = 0x3f;

/** Caches of every layer, with `positions` committed. */
interface Caches {
  readonly bytes: number;
  /** The next layer's attention of n tokens. */
  readonly attend: (n: number) => () => void;
}

function place(type: KvType, positions: number): Caches {
  const host = kernelHost();
  const most = Math.max(...tokens);
  const capacity = Math.ceil((positions + most) / KEY_BLOCK) * KEY_BLOCK;
  const region = new Uint8Array(kvRowBytes(type, kvHeads * capacity, headDim)).fill(ORDINARY);
  const caches = Array.from({ length: layers }, () => [host.place(region), host.place(region)] as const);
  const width = heads * headDim;
  const [out, q] = [host.place(new Float32Array(most * width)), host.place(new Float32Array(most * width).fill(0.5))];
  const scratch = host.place(new Uint8Array(attentionScratchBytes(capacity, headDim)));
  const depths = host.place(Int32Array.from({ length: most }, (_, row) => row));
  let layer = 0;
  return {
    bytes: kvRowBytes(type, 2 * layers * kvHeads * positions, headDim),
    attend(n) {
      const paths = host.place(Int32Array.from({ length: n * n }, (_, i) => i % n));
      const sizes = [positions, n, heads, kvHeads, headDim, capacity, width, scratch, 1 / Math.sqrt(headDim)];
      const tiles = host.kernels.attentionTiles!(n, heads, kvHeads);
      return () => {
        const [keys, values] = caches[layer]!;
        host.kernels.attention!(KV_TYPES[type], out, q, keys, values, paths, depths, ...sizes, 0, 0, 0, tiles);
        layer = (layer + 1) % layers;
      };
    },
  };
}

/** Milliseconds of one layer, the median. */
async function measure(attend: () => void): Promise<number> {
  const bench = new Bench({ time: Number(options.time), iterations: layers, warmupTime: 0, warmupIterations: layers });
  await bench.add('layer', attend).run();
  const { result } = bench.tasks[0]!;
  if (result.state !== 'completed') throw new Error(`attention was not measured: ${result.state}`);
  return result.latency.p50;
}

const report = new Report(
  'attention',
  'What does attention over a long cache take, and how near does it come to the memory bandwidth?',
);
for (const positions of options.positions.split(',').map(Number)) {
  const variants = types.map((type) => {
    const { bytes, attend } = place(type, positions);
    return { type, bytes, runs: tokens.map(attend), ms: tokens.map((): number[] => []), read: [] as number[] };
  });
  const limits = await measureLimits(Math.max(...variants.map(({ bytes }) => bytes)));
  for (let round = 0; round < Number(options.rounds); round++) {
    for (const { bytes, runs, ms, read } of variants) {
      read.push(limits.gigabytes(bytes));
      for (const [i, run] of runs.entries()) ms[i]!.push(await measure(run));
    }
  }
  const rows = variants.map(({ type, bytes, ms, read }) => {
    const times = ms.map(median);
    const gigabytes = bytes / layers / times[0]! / 1e6;
    const loop = median(read);
    const share = `${Math.round((100 * gigabytes) / loop)}%`;
    return [type, figure(bytes / layers / 1e6), ...times.map(figure), figure(gigabytes), figure(loop), share];
  });
  report.table(
    `${positions} positions, ${heads} query and ${kvHeads} key-value heads of ${headDim}; one of ${layers} layers, medians of ${options.rounds} rounds`,
    [['cache', 'MB', ...tokens.map((n) => `ms, n = ${n}`), `GB/s, n = ${tokens[0]}`, 'a read loop', 'share'], ...rows],
  );
}
report.close(options.out);
