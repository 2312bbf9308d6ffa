import { attentionScratchBytes } from '../../src/engine/kv-type.ts';
import * as op from '../../src/engine/opcodes.ts';
import { floatBits } from '../../src/engine/program.ts';
import { assert, random, randomFloats, randomInt, test } from '../harness.ts';
import { BUILDS, type Build, type KernelHost, kernelHost } from './kernel-host.ts';

/** One op, and the same work as a plain call of the kernel. */
interface Example {
  readonly kernel: string;
  /** Words of the op, without the padding. */
  readonly words: readonly number[];
  /** Operands of the kernel. */
  readonly operands: readonly number[];
  /** Address of scratch, which lies behind everything else and may hold anything afterwards. */
  readonly scratch?: number;
}

const ROWS = 3;
const DIM = 64;
/** Not a multiple of PANEL, so that the last panel is short. */
const OUT_DIM = 2 * op.PANEL + 3;
const EPSILON = Math.fround(1e-5);
const SCALE = 0.25;
const MOST_THREADS = 7;

/** Places random arrays in a host; the same seed places the same arrays at the same addresses. */
function placer(host: KernelHost, seed: number) {
  const next = random(seed);
  return {
    floats: (n: number) => host.place(randomFloats(next, n)),
    bytes: (n: number) => host.place(Int8Array.from({ length: n }, () => randomInt(next, 255) - 127)),
    shorts: (n: number) => host.place(Int16Array.from({ length: n }, () => randomInt(next, 255) - 127)),
    ints: (...values: number[]) => host.place(Int32Array.from(values)),
  };
}

type Place = ReturnType<typeof placer>;

/** A q8 or q4 weight: integers, with tame numbers where the scales lie. */
function packedBlocks(host: KernelHost, place: Place, dtype: 'q8' | 'q4', panels: number): number {
  const blocks = panels * (DIM / op.BLOCK);
  const [blockBytes, scales] = dtype === 'q8' ? [op.Q8_BLOCK_BYTES, 256] : [op.Q4_BLOCK_BYTES, 128];
  const address = place.bytes(blocks * blockBytes);
  for (let block = 0; block < blocks; block++) {
    host.write(address + block * blockBytes + scales, new Float32Array(op.PANEL).fill((block + 1) / 64));
  }
  return address;
}

/** Quantised activations of ROWS rows and, `words` a block, what belongs to them. */
function quantized(place: Place, words: number): [number, number] {
  return [place.shorts(ROWS * DIM), place.floats((words * ROWS * DIM) / op.BLOCK)];
}

type MakeExample = (host: KernelHost, place: Place) => Example;

/** Ops on a cache of a type: 16 slots, as many bytes as the largest type takes. */
function kvStore(type: number): MakeExample {
  return (_, place) => {
    const [keys, values, k] = [place.floats(4 * 16 * 16), place.floats(4 * 16 * 16), place.floats(ROWS * 130)];
    const words = [op.KV_STORE_F32 + type, keys, values, k, k + DIM * 4, 5, ROWS, 4, 16, 16, 130];
    return { kernel: 'kvStore', words, operands: [type, keys, values, k, k + DIM * 4, 5, ROWS, 16, 16, 130, 0, 4] };
  };
}

function kvMove(type: number): MakeExample {
  return (_, place) => {
    const [keys, values] = [place.floats(4 * 16 * 16), place.floats(4 * 16 * 16)];
    const words = [op.KV_MOVE_F32 + type, keys, values, 7, 2, 4, 16, 16];
    return { kernel: 'kvMove', words, operands: [type, keys, values, 7, 2, 16, 16, 0, 4] };
  };
}

function attention(type: number): MakeExample {
  return (_, place) => {
    const [out, q, keys, values] = [
      place.floats(ROWS * DIM),
      place.floats(ROWS * 70),
      place.floats(2 * 16 * 16),
      place.floats(2 * 16 * 16),
    ];
    const [paths, depths] = [place.ints(...[0, -1, -1], ...[0, 1, -1], ...[0, 2, -1]), place.ints(0, 1, 1)];
    const [scratch, length] = [place.floats((MOST_THREADS * attentionScratchBytes(16, 16)) / 4), 6];
    const shared = [out, q, keys, values, paths, depths, length, ROWS, 4, 2, 16, 16, 70, scratch];
    const words = [op.ATTENTION_F32 + type, ...shared, floatBits(SCALE), 5, floatBits(SCALE)];
    return { kernel: 'attention', words, operands: [type, ...shared, SCALE, 5, SCALE, 0, 4], scratch };
  };
}

/** Every opcode; (heads, headDim) of a row is (4, DIM / 4). */
const EXAMPLES: Record<string, MakeExample> = {
  EMBED_F32(_, place) {
    const [out, table, tokens] = [place.floats(ROWS * DIM), place.floats(16 * DIM), place.ints(9, 0, 15)];
    const words = [op.EMBED_F32, out, table, tokens, ROWS, DIM, floatBits(SCALE)];
    return { kernel: 'embedF32', words, operands: [out, table, tokens, DIM, SCALE, 0, ROWS] };
  },
  EMBED_Q8(host, place) {
    const [out, table, tokens] = [place.floats(ROWS * DIM), packedBlocks(host, place, 'q8', 2), place.ints(9, 0, 15)];
    const words = [op.EMBED_Q8, out, table, tokens, ROWS, DIM, floatBits(SCALE)];
    return { kernel: 'embedQ8', words, operands: [out, table, tokens, DIM, SCALE, 0, ROWS] };
  },
  EMBED_Q4(host, place) {
    const [out, table, tokens] = [place.floats(ROWS * DIM), packedBlocks(host, place, 'q4', 2), place.ints(9, 0, 15)];
    const words = [op.EMBED_Q4, out, table, tokens, ROWS, DIM, floatBits(SCALE)];
    return { kernel: 'embedQ4', words, operands: [out, table, tokens, DIM, SCALE, 0, ROWS] };
  },
  EMBED_BF16(_, place) {
    const [out, table, tokens] = [place.floats(ROWS * DIM), place.shorts(16 * DIM), place.ints(9, 0, 15)];
    const words = [op.EMBED_BF16, out, table, tokens, ROWS, DIM, floatBits(SCALE)];
    return { kernel: 'embedBf16', words, operands: [out, table, tokens, DIM, SCALE, 0, ROWS] };
  },
  EMBED_F16(_, place) {
    const [out, table, tokens] = [place.floats(ROWS * DIM), place.shorts(16 * DIM), place.ints(9, 0, 15)];
    const words = [op.EMBED_F16, out, table, tokens, ROWS, DIM, floatBits(SCALE)];
    return { kernel: 'embedF16', words, operands: [out, table, tokens, DIM, SCALE, 0, ROWS] };
  },
  RMS_NORM(_, place) {
    const [out, x, weight] = [place.floats(ROWS * DIM), place.floats(ROWS * DIM), place.floats(DIM)];
    const words = [op.RMS_NORM, out, x, weight, ROWS, DIM, floatBits(EPSILON)];
    return { kernel: 'rmsNorm', words, operands: [out, x, weight, DIM, EPSILON, 0, ROWS] };
  },
  LAYER_NORM(_, place) {
    const [out, x, weight, bias] = [
      place.floats(ROWS * DIM),
      place.floats(ROWS * DIM),
      place.floats(DIM),
      place.floats(DIM),
    ];
    const words = [op.LAYER_NORM, out, x, weight, bias, ROWS, DIM, floatBits(EPSILON)];
    return { kernel: 'layerNorm', words, operands: [out, x, weight, bias, DIM, EPSILON, 0, ROWS] };
  },
  QUANTIZE_Q8(_, place) {
    const shared = [...quantized(place, 1), place.floats(ROWS * DIM)];
    return { kernel: 'quantizeQ8', words: [op.QUANTIZE_Q8, ...shared, ROWS, DIM], operands: [...shared, DIM, 0, ROWS] };
  },
  QUANTIZE_Q4(_, place) {
    const shared = [...quantized(place, 2), place.floats(ROWS * DIM)];
    return { kernel: 'quantizeQ4', words: [op.QUANTIZE_Q4, ...shared, ROWS, DIM], operands: [...shared, DIM, 0, ROWS] };
  },
  MATMUL_F32(_, place) {
    const [out, x, weight, bias] = [
      place.floats(ROWS * 24),
      place.floats(ROWS * DIM),
      place.floats(24 * DIM),
      place.floats(OUT_DIM),
    ];
    const shared = [out, x, weight, bias, ROWS, DIM, OUT_DIM, 24];
    return { kernel: 'matmulF32', words: [op.MATMUL_F32, ...shared], operands: [...shared, 0, 3] };
  },
  MATMUL_BF16(_, place) {
    const [out, x, weight, bias] = [
      place.floats(ROWS * 24),
      place.floats(ROWS * DIM),
      place.shorts(24 * DIM),
      place.floats(OUT_DIM),
    ];
    const shared = [out, x, weight, bias, ROWS, DIM, OUT_DIM, 24];
    return { kernel: 'matmulBf16', words: [op.MATMUL_BF16, ...shared], operands: [...shared, 0, 3] };
  },
  MATMUL_F16(_, place) {
    const [out, x, weight, bias] = [
      place.floats(ROWS * 24),
      place.floats(ROWS * DIM),
      place.shorts(24 * DIM),
      place.floats(OUT_DIM),
    ];
    const shared = [out, x, weight, bias, ROWS, DIM, OUT_DIM, 24];
    return { kernel: 'matmulF16', words: [op.MATMUL_F16, ...shared], operands: [...shared, 0, 3] };
  },
  MATMUL_Q8(host, place) {
    const [weight, bias] = [packedBlocks(host, place, 'q8', 3), place.floats(OUT_DIM)];
    const shared = [place.floats(ROWS * 24), ...quantized(place, 1), weight, bias, ROWS, DIM, OUT_DIM, 24];
    return { kernel: 'matmulQ8', words: [op.MATMUL_Q8, ...shared], operands: [...shared, 0, 3] };
  },
  MATMUL_Q4(host, place) {
    const [weight, bias] = [packedBlocks(host, place, 'q4', 3), place.floats(OUT_DIM)];
    const shared = [place.floats(ROWS * 24), ...quantized(place, 2), weight, bias, ROWS, DIM, OUT_DIM, 24];
    return { kernel: 'matmulQ4', words: [op.MATMUL_Q4, ...shared], operands: [...shared, 0, 3] };
  },
  ROPE_TABLE(_, place) {
    const [table, positions, frequencies] = [place.floats(ROWS * 2 * 8), place.ints(0, 77, 2047), place.floats(8)];
    const words = [op.ROPE_TABLE, table, positions, frequencies, ROWS, 8, floatBits(SCALE)];
    return { kernel: 'ropeTable', words, operands: [table, positions, frequencies, 8, SCALE, 0, ROWS] };
  },
  ROPE(_, place) {
    const [x, table] = [place.floats(ROWS * 70), place.floats(ROWS * 2 * 8)];
    const words = [op.ROPE, x, table, ROWS, 4, 16, 8, 70, 1];
    return { kernel: 'rope', words, operands: [x, table, ROWS, 16, 8, 70, 1, 0, 4] };
  },
  HEAD_NORM(_, place) {
    const [x, weight] = [place.floats(ROWS * 70), place.floats(16)];
    const words = [op.HEAD_NORM, x, weight, ROWS, 4, 16, 70, floatBits(EPSILON)];
    return { kernel: 'headNorm', words, operands: [x, weight, ROWS, 16, 70, EPSILON, 0, 4] };
  },
  KV_STORE_F32: kvStore(op.KV_F32),
  KV_STORE_F16: kvStore(op.KV_F16),
  KV_STORE_Q8: kvStore(op.KV_Q8),
  KV_MOVE_F32: kvMove(op.KV_F32),
  KV_MOVE_F16: kvMove(op.KV_F16),
  KV_MOVE_Q8: kvMove(op.KV_Q8),
  ATTENTION_F32: attention(op.KV_F32),
  ATTENTION_F16: attention(op.KV_F16),
  ATTENTION_Q8: attention(op.KV_Q8),
  SILU_GATE(_, place) {
    const [out, gate] = [place.floats(ROWS * DIM), place.floats(ROWS * 2 * DIM)];
    const shared = [out, gate, gate + DIM * 4, ROWS, DIM, 2 * DIM];
    return { kernel: 'siluGate', words: [op.SILU_GATE, ...shared], operands: [...shared, 0, DIM] };
  },
  GELU_GATE(_, place) {
    const [out, gate] = [place.floats(ROWS * DIM), place.floats(ROWS * 2 * DIM)];
    const shared = [out, gate, gate + DIM * 4, ROWS, DIM, 2 * DIM];
    return { kernel: 'geluGate', words: [op.GELU_GATE, ...shared], operands: [...shared, 0, DIM] };
  },
  GELU_ERF_GATE(_, place) {
    const [out, gate] = [place.floats(ROWS * DIM), place.floats(ROWS * DIM)];
    const shared = [out, gate, 0, ROWS, DIM, DIM];
    return { kernel: 'geluErfGate', words: [op.GELU_ERF_GATE, ...shared], operands: [...shared, 0, DIM] };
  },
  SOFT_CAP(_, place) {
    const [x, count] = [place.floats(ROWS * 13), ROWS * 13]; // not a multiple of 4
    return { kernel: 'softCap', words: [op.SOFT_CAP, x, count, floatBits(SCALE)], operands: [x, SCALE, 0, count] };
  },
  ADD(_, place) {
    const shared = [place.floats(ROWS * DIM), place.floats(ROWS * DIM), place.floats(ROWS * DIM)];
    return { kernel: 'add', words: [op.ADD, ...shared, ROWS * DIM], operands: [...shared, 0, ROWS * DIM] };
  },
  SOFTMAX(_, place) {
    const x = place.floats(ROWS * DIM);
    return { kernel: 'softmax', words: [op.SOFTMAX, x, ROWS, DIM], operands: [x, DIM, 0, ROWS] };
  },
  ARGMAX(_, place) {
    const shared = [place.ints(-1, -1, -1), place.floats(ROWS * DIM)];
    return { kernel: 'argmax', words: [op.ARGMAX, ...shared, ROWS, DIM], operands: [...shared, DIM, 0, ROWS] };
  },
  TOP_K(_, place) {
    const shared = [place.ints(...new Array(ROWS * 5).fill(-1)), place.floats(ROWS * DIM)];
    return { kernel: 'topK', words: [op.TOP_K, ...shared, ROWS, DIM, 5], operands: [...shared, DIM, 5, 0, ROWS] };
  },
};

const PAGE = 65_536;

/** All that lies in the host's memory behind its first page, after `act` was called with an example of `name`. */
function memoryAfter(
  name: string,
  act: (host: KernelHost, example: Example) => void,
  build: Build = 'plain',
): Int32Array {
  const host = kernelHost(build);
  const example = EXAMPLES[name]!(host, placer(host, 1));
  const end = example.scratch ?? host.place(new Uint8Array(0));
  act(host, example);
  return host.ints(PAGE, (end - PAGE) / 4);
}

/** Places ops in memory. @returns their address */
function placeProgram(host: KernelHost, ops: readonly (readonly number[])[]): number {
  const words = new Int32Array(ops.length * op.OP_WORDS);
  ops.forEach((operands, i) => {
    words.set(operands, i * op.OP_WORDS);
  });
  return host.place(words);
}

function sameMemory(a: Int32Array, b: Int32Array): boolean {
  return a.length === b.length && a.every((word, i) => word === b[i]);
}

test('every opcode has an example here', () => {
  const sizes = [
    'OP_WORDS',
    'PANEL',
    'BLOCK',
    'Q8_BLOCK_BYTES',
    'Q4_BLOCK_BYTES',
    'KEY_BLOCK',
    'ATTENTION_TILE',
    'ATTENTION_BLOCK',
  ];
  const constants = [...sizes, 'KV_F32', 'KV_F16', 'KV_Q8'];
  const opcodes = Object.keys(op).filter((name) => !constants.includes(name));
  assert.equal(opcodes.sort(), Object.keys(EXAMPLES).sort());
});

for (const name of Object.keys(EXAMPLES)) {
  test(`${name}: an op leaves in memory what the plain call leaves, on one thread and on several in turn, in both builds (seed 1)`, () => {
    for (const build of BUILDS) {
      const untouched = memoryAfter(name, () => {}, build);
      const want = memoryAfter(name, (host, { kernel, operands }) => host.kernels[kernel]!(...operands), build);
      assert.not(sameMemory(want, untouched), 'the call writes something');
      for (const threads of [1, 2, 3, MOST_THREADS]) {
        const runAll = (host: KernelHost, { words }: Example) => {
          const program = placeProgram(host, [words]);
          for (let thread = 0; thread < threads; thread++) host.kernels.runProgram!(program, 1, thread, threads);
        };
        assert.ok(sameMemory(memoryAfter(name, runAll, build), want), `${build}, ${threads} threads`);
      }
    }
  });
}

test('the ops of a program run in order, and only as many as asked for', () => {
  const host = kernelHost();
  const [a, b] = [host.place(Float32Array.of(1, 2, 3, 4)), host.place(new Float32Array(4))];
  const add = (out: number, x: number, y: number) => [op.ADD, out, x, y, 4];
  const program = placeProgram(host, [add(b, a, a), add(b, b, b), add(a, b, b)]);
  host.kernels.runProgram!(program, 2, 0, 1);
  assert.equal([...host.floats(b, 4)], [4, 8, 12, 16]);
  assert.equal([...host.floats(a, 4)], [1, 2, 3, 4]);
});

test('a program with an operand in the wrong place is seen (planted fault)', () => {
  const want = memoryAfter('ROPE', (host, { kernel, operands }) => host.kernels[kernel]!(...operands));
  const got = memoryAfter('ROPE', (host, { words }) => {
    const faulty = [...words];
    [faulty[6], faulty[8]] = [faulty[8]!, faulty[6]!]; // half and pairing
    host.kernels.runProgram!(placeProgram(host, [faulty]), 1, 0, 1);
  });
  assert.not(sameMemory(got, want));
});

test.run();
