/**
 * Limits of this machine as WebAssembly SIMD meets them on one thread: what no kernel can beat, to set kernels beside.
 * @module
 */
import asc from 'assemblyscript/asc';

export interface Limits {
  /** f32 multiplications and additions a second, 10^9, with operands in the first-level cache. */
  readonly gigaflops: number;
  /** The same of integer products, as the kernels make them. */
  readonly gigaops: {
    /** i16, multiplied and added in pairs, added: q8 and q4 in the plain build. */
    readonly plain: number;
    /** Bytes, multiplied and added in pairs, pairs added, added; undefined on a host without relaxed SIMD. */
    readonly q8: number | undefined;
    /** Bytes, multiplied and added in pairs, added. */
    readonly q4: number | undefined;
  };
  /** 10^9 bytes a second that a plain loop reads from a block of `bytes`. */
  gigabytes(bytes: number): number;
}

/** Bytes that a peak loop reads again and again: they stay in the first-level cache. */
const RING_BYTES = 4096;

/**
 * Eight accumulators take two terms from each vector of a ring: adders and multipliers are busy, no register is spilled, there is one
 * load for two terms, and every turn has other addresses, or a compiler would keep the products.
 */
const peak = (name: string, lanes: 'f32x4' | 'i32x4' | 'i16x8', product: string) => `
export function ${name}(ring: usize, turns: i32): void {
  const left = v128.load(ring), right = v128.load(ring, 16), zero = ${lanes}.splat(0), end = ring + ${RING_BYTES};
  let a = zero, b = zero, c = zero, d = zero, e = zero, f = zero, g = zero, h = zero;
  for (let turn = 0; turn < turns; turn++) {
    for (let at = ring; at < end; at += 64) {
      let m = v128.load(at);
      a = ${lanes}.add(a, ${product}(left, m)); b = ${lanes}.add(b, ${product}(right, m));
      m = v128.load(at, 16);
      c = ${lanes}.add(c, ${product}(left, m)); d = ${lanes}.add(d, ${product}(right, m));
      m = v128.load(at, 32);
      e = ${lanes}.add(e, ${product}(left, m)); f = ${lanes}.add(f, ${product}(right, m));
      m = v128.load(at, 48);
      g = ${lanes}.add(g, ${product}(left, m)); h = ${lanes}.add(h, ${product}(right, m));
    }
  }
  const low = ${lanes}.add(${lanes}.add(a, b), ${lanes}.add(c, d));
  v128.store(end, ${lanes}.add(low, ${lanes}.add(${lanes}.add(e, f), ${lanes}.add(g, h))));
}`;

const SOURCE = `
${peak('floats', 'f32x4', 'f32x4.mul')}
${peak('integers', 'i32x4', 'i32x4.dot_i16x8_s')}
export function read(at: usize, count: usize): i32 {
  let a = i32x4.splat(0), b = a, c = a, d = a;
  for (const end = at + count; at < end; at += 64) {
    a = v128.xor(a, v128.load(at)); b = v128.xor(b, v128.load(at, 16));
    c = v128.xor(c, v128.load(at, 32)); d = v128.xor(d, v128.load(at, 48));
  }
  return i32x4.extract_lane(v128.xor(v128.xor(a, b), v128.xor(c, d)), 0);
}`;

const RELAXED_SOURCE = `
${peak('q4', 'i16x8', 'i16x8.relaxed_dot_i8x16_i7x16_s')}
${peak('q8', 'i32x4', 'pairs')}
// @ts-ignore: decorator
@inline
function pairs(x: v128, y: v128): v128 {
  return i32x4.dot_i16x8_s(i16x8.relaxed_dot_i8x16_i7x16_s(x, y), i16x8.splat(<i16>load<i8>(0)));
}`;

/** Operations of one turn of a peak loop over `lanes` products a vector: two terms for each vector, each a product and an addition. */
const turnOps = (lanes: number) => (RING_BYTES / 16) * 2 * 2 * lanes;
const TURNS = 2000;

type Loop = (at: number, count: number) => number;

/** @returns the loops of a source by name; undefined when this host does not know its instructions */
async function compile(source: string, memory: WebAssembly.Memory): Promise<Record<string, Loop> | undefined> {
  const { binary, error, stderr } = await asc.compileString(source, {
    optimizeLevel: 3,
    runtime: 'stub',
    importMemory: true,
    enable: ['simd', 'relaxed-simd'],
  });
  if (error || !binary) throw new Error(`the limits do not compile: ${stderr}`, { cause: error });
  const bytes = Uint8Array.from(binary);
  if (!WebAssembly.validate(bytes)) return undefined;
  const { instance } = await WebAssembly.instantiate(bytes, { env: { memory } });
  return instance.exports as Record<string, Loop>;
}

/** @param blockBytes the largest block that will be read */
export async function measureLimits(blockBytes: number): Promise<Limits> {
  const memory = new WebAssembly.Memory({ initial: Math.ceil(blockBytes / 65536) + 1 });
  const plain = (await compile(SOURCE, memory))!;
  const relaxed = await compile(RELAXED_SOURCE, memory);
  new Float32Array(memory.buffer).fill(0.5); // no subnormal numbers, and pages that exist
  const speed = (loop: Loop, lanes: number) => (TURNS * turnOps(lanes)) / leastMs(() => loop(0, TURNS)) / 1e6;

  return {
    gigaflops: speed(plain.floats!, 4),
    gigaops: {
      plain: speed(plain.integers!, 8),
      q8: relaxed && speed(relaxed.q8!, 16),
      q4: relaxed && speed(relaxed.q4!, 16),
    },
    gigabytes: (bytes) => {
      const times = Math.ceil(4e6 / bytes); // at least a tenth of a millisecond
      const ms = leastMs(() => {
        for (let i = 0; i < times; i++) plain.read!(0, bytes);
      });
      return (times * bytes) / ms / 1e6;
    },
  };
}

/** The least of many short runs: what the machine does when nobody else is at it. */
function leastMs(run: () => void): number {
  let least = Number.POSITIVE_INFINITY;
  const end = performance.now() + 400;
  while (performance.now() < end) {
    const start = performance.now();
    run();
    least = Math.min(least, performance.now() - start);
  }
  return least;
}
