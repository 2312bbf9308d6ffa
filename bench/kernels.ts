/**
 * How near do the matrix products come to the limits of the machine, for n tokens at once?
 * Usage: node bench/kernels.ts [--shapes 256x1408,576x49152] [--dtypes q4,q8,f16,bf16,f32] [--builds relaxed,plain] [--tokens 1,2,4,8]
 *   [--time 60] [--rounds 3] [--out FILE]
 *
 * A shape is inDim x outDim; `time` is milliseconds for each shape and n in each round. One thread. A sample is a slice of a matrix short
 * enough to find a quiet moment; slices go through the whole matrix, so a matrix larger than the caches comes from memory as in a model.
 */
import { Bench } from 'tinybench';
import type { Series } from '../src/cli/chart.ts';
import { figure } from '../src/cli/table.ts';
import { PANEL } from '../src/engine/opcodes.ts';
import { packedBytes, type WeightType } from '../src/engine/packing.ts';
import { type Build, kernelHost } from '../test/kernels/kernel-host.ts';
import { measureLimits } from './shared/limits.ts';
import { benchOptions, Report } from './shared/report.ts';

/** A weight format and the build that multiplies it; floats are multiplied alike in both. */
interface Variant {
  readonly dtype: WeightType;
  readonly build: Build;
}

interface Shape {
  readonly name: string;
  readonly inDim: number;
  readonly outDim: number;
}

/** 10^9 operations a second, a multiplication and an addition counted as two. */
interface Speed {
  readonly best: number;
  readonly median: number;
}

/** Operations of a slice, about: a third of a millisecond. */
const SLICE_OPS = 15e6;

const options = benchOptions({
  // Fused qkv, gate and up, down, and output layer of the embedded model; the same of the 135 M shape; a square.
  shapes: '256x512,256x1408,704x256,256x4096,576x960,576x3072,1536x576,576x49152,2048x2048',
  dtypes: 'q4,q8,f16,bf16,f32',
  builds: 'relaxed,plain',
  tokens: '1,2,3,4,8,16,32,64',
  time: '60',
  rounds: '3',
});
const tokens = options.tokens.split(',').map(Number);
const shapes = options.shapes.split(',').map((name): Shape => {
  const [inDim, outDim] = name.split('x').map(Number) as [number, number];
  return { name, inDim, outDim };
});

/** One slice of a product of n tokens; the next call does the next slice. */
interface Product {
  readonly ops: number;
  run(): void;
}

const KERNELS = { f32: 'matmulF32', bf16: 'matmulBf16', f16: 'matmulF16', q8: 'matmulQ8', q4: 'matmulQ4' } as const;

const inBlocks = (dtype: WeightType) => dtype === 'q8' || dtype === 'q4';

/** Products of a matrix in a memory of its own. What the operands hold does not matter to time, as long as nothing is subnormal. */
function place({ dtype, build }: Variant, { inDim, outDim }: Shape): (n: number) => Product {
  const host = kernelHost(build);
  const kernel = host.kernels[KERNELS[dtype]]!;
  const most = Math.max(...tokens);
  const weight = host.place(new Float32Array(packedBytes(outDim, inDim, dtype) / 4).fill(0.5));
  const x = host.place(new Float32Array(most * inDim).fill(0.5));
  const scales = host.place(new Float32Array(Math.ceil((most * inDim) / 16)).fill(0.5));
  const out = host.place(new Float32Array(most * outDim));
  const panels = Math.ceil(outDim / PANEL);
  const addresses = inBlocks(dtype) ? [out, x, scales, weight, 0] : [out, x, weight, 0];
  return (n) => {
    const opsOfPanel = 2 * PANEL * inDim * n;
    const slice = Math.min(panels, 6 * Math.ceil(SLICE_OPS / opsOfPanel / 6)); // whole groups of 2 and of 3 panels
    let from = 0;
    const run = () => {
      kernel(...addresses, n, inDim, outDim, outDim, from, from + slice);
      from = from + 2 * slice > panels ? 0 : from + slice;
    };
    return { ops: slice * opsOfPanel, run };
  };
}

/** Every n in rounds, so that a disturbance meets all of them or one round only. */
async function measure(variant: Variant, shape: Shape): Promise<Speed[]> {
  const products = tokens.map(place(variant, shape));
  const speeds = tokens.map(() => ({ best: 0, median: 0 }));
  for (let round = 0; round < Number(options.rounds); round++) {
    const bench = new Bench({ time: Number(options.time), iterations: 5, warmupTime: 10, warmupIterations: 5 });
    for (const [i, { run }] of products.entries()) bench.add(`n = ${tokens[i]}`, run);
    await bench.run();
    for (const [i, { result }] of bench.tasks.entries()) {
      if (result.state !== 'completed') throw new Error(`a product was not measured: ${result.state}`);
      const speed = (ms: number) => products[i]!.ops / ms / 1e6;
      const { best, median } = speeds[i]!;
      speeds[i] = {
        best: Math.max(best, speed(result.latency.min)),
        median: Math.max(median, speed(result.latency.p50)),
      };
    }
  }
  return speeds;
}

const report = new Report('kernels', 'How near do the matrix products come to the limits of the machine?');
const megabytes = (bytes: number) => `${figure(bytes / 1e6)} MB`;
const f32Bytes = ({ inDim, outDim }: Shape) => packedBytes(outDim, inDim, 'f32');
const largestShape = shapes.reduce((a, b) => (f32Bytes(b) > f32Bytes(a) ? b : a));
const largest = f32Bytes(largestShape);
const limits = await measureLimits(largest);
const sizes = [...[16_384, 262_144, 4_194_304, 16_777_216].filter((bytes) => bytes < largest), largest];
const bandwidths = sizes.map(limits.gigabytes);
const { gigaflops, gigaops } = limits;
report.table('One thread: 10^9 operations a second from registers, and GB/s that a plain loop reads', [
  ['f32, bf16', 'q8 and q4, plain', 'q8, relaxed', 'q4, relaxed', ...sizes.map((bytes) => `of ${megabytes(bytes)}`)],
  [
    ...[gigaflops, gigaops.plain, gigaops.q8, gigaops.q4].map((speed) =>
      speed === undefined ? 'none' : figure(speed),
    ),
    ...bandwidths.map(figure),
  ],
]);

const variants = (options.dtypes.split(',') as WeightType[]).flatMap((dtype) =>
  (inBlocks(dtype) ? (options.builds.split(',') as Build[]) : (['plain'] as const)).map((build) => ({ dtype, build })),
);
/** Of each variant, the largest matrix by operations per byte of its weights. */
const roofline: Series[] = [];
for (const variant of variants) {
  const { dtype, build } = variant;
  const name = inBlocks(dtype) ? `${dtype}, ${build}` : dtype;
  const rows: string[][] = [];
  const series: Series[] = [];
  for (const shape of shapes) {
    const speeds = await measure(variant, shape);
    const bytes = packedBytes(shape.outDim, shape.inDim, dtype);
    const bytesPerOp = bytes / (2 * shape.inDim * shape.outDim * tokens[0]!);
    const cells = speeds.map(({ best, median }) => `${figure(best)} (${figure(median)})`);
    rows.push([shape.name, megabytes(bytes), ...cells, figure(speeds[0]!.best * bytesPerOp)]);
    series.push({ name: shape.name, points: speeds.map(({ best }, i) => ({ x: tokens[i]!, y: best })) });
    if (shape === largestShape) {
      const opsPerByte = (n: number) => (2 * shape.inDim * shape.outDim * n) / bytes;
      roofline.push({ name, points: speeds.map(({ best }, i) => ({ x: opsPerByte(tokens[i]!), y: best })) });
    }
  }
  report.table(
    `${name}: 10^9 operations a second at best (in the median of the best round), GB/s of weights at n = ${tokens[0]}`,
    [['inDim x outDim', 'weights', ...tokens.map((n) => `n = ${n}`), 'GB/s'], ...rows],
  );
  const peak = dtype === 'q8' || dtype === 'q4' ? gigaops[build === 'plain' ? 'plain' : dtype] : gigaflops;
  report.chart({
    name: `kernels-${dtype}${inBlocks(dtype) ? `-${build}` : ''}`,
    title: `Matrix product with ${dtype} weights, one thread${inBlocks(dtype) ? `, ${build} build` : ''}`,
    x: 'n',
    y: '10^9 operations a second',
    logarithmicX: true,
    marks: peak === undefined ? [] : [{ y: peak, label: 'from registers' }],
    series,
  });
}

const peaks = { 'f32, bf16': gigaflops, plain: gigaops.plain, 'q8, relaxed': gigaops.q8, 'q4, relaxed': gigaops.q4 };
const top = Math.max(...Object.values(peaks).filter((peak) => peak !== undefined));
const leastOps = Math.min(...roofline.flatMap(({ points }) => points.map(({ x }) => x)));
/** What a plain loop reads lets each operation have its share of the weights. */
const memoryRoof = (bandwidth: number): Series => ({
  name: `${figure(bandwidth)} GB/s`,
  limit: true,
  points: [leastOps, top / bandwidth].map((x) => ({ x, y: x * bandwidth })),
});
report.chart({
  name: 'kernels-roofline',
  title: `What bounds the products of ${largestShape.name}, one thread`,
  x: 'operations per byte of weights',
  y: '10^9 operations a second',
  logarithmicX: true,
  logarithmicY: true,
  marks: Object.entries(peaks).flatMap(([label, y]) => (y === undefined ? [] : [{ y, label }])),
  series: [...bandwidths.slice(-2).map(memoryRoof), ...roofline],
});
report.close(options.out);
