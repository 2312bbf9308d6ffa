/**
 * Known answers: a short program over the kernels whose bits decide, checked whenever an engine is made. A host that computes
 * anything else (a faulty SIMD lowering, a module of another version) is told at once instead of writing wrong text.
 * @module
 */
import { ForetokenError } from '../errors.ts';
import { Arena } from './arena.ts';
import type { Engine } from './engine.ts';
import { BLOCK, MATMUL_F32, MATMUL_Q8, PANEL, Q8_BLOCK_BYTES, QUANTIZE, RMS_NORM, SOFTMAX } from './opcodes.ts';
import { floatBits, ProgramWriter } from './program.ts';

/** Digest of the outputs. */
const ANSWER = 1_591_082_885;

const ROWS = 3;
const DIM = 2 * BLOCK;

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
  const program = arena.reserve(ProgramWriter.bytes(5));
  const [x, weight, panel, normed, scales] = [
    floats(ROWS * DIM),
    floats(DIM),
    floats(PANEL * DIM),
    floats(ROWS * DIM),
    floats(ROWS * 2),
  ];
  const quantized = arena.reserve(ROWS * DIM * 2);
  const q8Panel = arena.reserve((DIM / BLOCK) * Q8_BLOCK_BYTES);
  const outputs = floats(2 * ROWS * PANEL);
  const machine = engine.createMachine(arena.bytes);
  const { buffer } = machine.memory;

  // Multiples of 1/64 that a generator modulo a prime spreads over -2..2: exact in f32, the same on every host.
  let state = 1;
  const fill = (address: number, count: number) => {
    const target = new Float32Array(buffer, address, count);
    for (let i = 0; i < count; i++) target[i] = ((state = (state * 75) % 65_537) % 257) / 64 - 2;
  };
  fill(x, ROWS * DIM);
  fill(weight, DIM);
  fill(panel, PANEL * DIM);
  for (let block = 0; block < DIM / BLOCK; block++) {
    const start = q8Panel + block * Q8_BLOCK_BYTES;
    const bytes = new Int8Array(buffer, start, PANEL * BLOCK);
    for (let i = 0; i < bytes.length; i++) bytes[i] = ((state = (state * 75) % 65_537) % 255) - 127;
    fill(start + PANEL * BLOCK, PANEL);
  }

  const writer = new ProgramWriter(machine.memory, program, 5);
  writer.push(RMS_NORM, normed, x, weight, ROWS, DIM, floatBits(1e-5));
  writer.push(QUANTIZE, quantized, scales, normed, ROWS, DIM);
  writer.push(MATMUL_Q8, outputs, quantized, scales, q8Panel, 0, ROWS, DIM, PANEL, 2 * PANEL);
  writer.push(MATMUL_F32, outputs + PANEL * 4, normed, panel, 0, ROWS, DIM, PANEL, 2 * PANEL);
  writer.push(SOFTMAX, outputs, ROWS, 2 * PANEL);
  machine.run(program, writer.ops);

  let digest = 0x811c9dc5;
  for (const word of new Uint32Array(buffer, outputs, 2 * ROWS * PANEL)) digest = Math.imul(digest ^ word, 0x01000193);
  return digest >>> 0;
}
