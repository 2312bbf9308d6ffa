/**
 * Known answers: a short program over the kernels whose bits decide, checked whenever an engine is made. A host that computes
 * anything else (a faulty SIMD lowering, a module of another version) is told at once instead of writing wrong text.
 * @module
 */
import { ForetokenError } from '../errors.ts';
import { encodeBf16, encodeF16 } from '../formats/float16.ts';
import { quantizeQ4 } from '../formats/q4.ts';
import { quantizeQ8 } from '../formats/q8.ts';
import { Arena } from './arena.ts';
import type { Engine } from './engine.ts';
import {
  MATMUL_BF16,
  MATMUL_F16,
  MATMUL_F32,
  MATMUL_Q4,
  MATMUL_Q8,
  PANEL,
  QUANTIZE_Q4,
  QUANTIZE_Q8,
  RMS_NORM,
  SOFTMAX,
} from './opcodes.ts';
import { packHalves, packedBytes, packF32, packQ4, packQ8 } from './packing.ts';
import { floatBits, ProgramWriter } from './program.ts';

/** Digest of the outputs. */
const ANSWER = 1_589_144_243;

const ROWS = 3;
const DIM = 64;
const OPS = 9;
/** A product of each format, side by side. */
const OUT_STRIDE = 5 * PANEL;

/** @throws {ForetokenError} `engine.selftest` */
export function selfTest(engine: Engine): void {
  const digest = selfTestDigest(engine);
  if (digest !== ANSWER) {
    throw new ForetokenError('engine.selftest', `the kernels' known answer is ${ANSWER}, this host computes ${digest}`);
  }
}

/** Runs the program on made-up numbers and folds every output word into 32 bits (FNV-1a over words). */
function selfTestDigest(engine: Engine): number {
  const arena = new Arena();
  const floats = (count: number) => arena.reserve(count * 4);
  const program = arena.reserve(ProgramWriter.bytes(OPS));
  const [x, weight, scales] = [floats(ROWS * DIM), floats(DIM), floats(ROWS * DIM)];
  const quantized = arena.reserve(ROWS * DIM * 2);
  const panels = (['f32', 'bf16', 'q8', 'q4', 'f16'] as const).map((dtype) =>
    arena.reserve(packedBytes(PANEL, DIM, dtype)),
  );
  const [f32, bf16, q8, q4, f16] = panels as [number, number, number, number, number];
  const [outputs, normed] = [floats(ROWS * OUT_STRIDE), floats(ROWS * DIM)];
  const end = arena.bytes;
  const machine = engine.createMachine(end);
  const { buffer } = machine.memory;

  // Multiples of 1/64 that a generator modulo a prime spreads over -2..2: exact in f32, the same on every host.
  let state = 1;
  const madeUp = (count: number) =>
    Float32Array.from({ length: count }, () => ((state = (state * 75) % 65_537) % 257) / 64 - 2);
  new Float32Array(buffer, x, ROWS * DIM).set(madeUp(ROWS * DIM));
  new Float32Array(buffer, weight, DIM).set(madeUp(DIM));
  const matrix = madeUp(PANEL * DIM);
  const halves = new Uint16Array(PANEL * DIM);
  encodeBf16(matrix, halves);
  packF32(buffer, f32, matrix, 0, DIM);
  packHalves(buffer, bf16, halves, 0, DIM);
  encodeF16(matrix, halves);
  packHalves(buffer, f16, halves, 0, DIM);
  packQ8(buffer, q8, quantizeQ8(matrix), 0, DIM);
  packQ4(buffer, q4, quantizeQ4(matrix), 0, DIM);

  const writer = new ProgramWriter(machine.memory, program, OPS);
  const sizes = [0, ROWS, DIM, PANEL, OUT_STRIDE]; // no bias
  writer.push(RMS_NORM, normed, x, weight, ROWS, DIM, floatBits(1e-5));
  writer.push(MATMUL_F32, outputs, normed, f32, ...sizes);
  writer.push(MATMUL_BF16, outputs + PANEL * 4, normed, bf16, ...sizes);
  writer.push(QUANTIZE_Q8, quantized, scales, normed, ROWS, DIM);
  writer.push(MATMUL_Q8, outputs + 2 * PANEL * 4, quantized, scales, q8, ...sizes);
  writer.push(QUANTIZE_Q4, quantized, scales, normed, ROWS, DIM);
  writer.push(MATMUL_Q4, outputs + 3 * PANEL * 4, quantized, scales, q4, ...sizes);
  writer.push(MATMUL_F16, outputs + 4 * PANEL * 4, normed, f16, ...sizes);
  writer.push(SOFTMAX, normed, ROWS, DIM);
  machine.run(program, writer.ops);

  let digest = 0x811c9dc5;
  for (const word of new Uint32Array(buffer, outputs, (end - outputs) / 4))
    digest = Math.imul(digest ^ word, 0x01000193);
  return digest >>> 0;
}
