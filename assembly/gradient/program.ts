/**
 * Runs a program of training: ops of src/train/opcodes.ts, and among them any of inference.
 *
 * Work is divided as in ../program.ts: by output row, head, column or panel, never along a reduction.
 */
import { OP_WORDS } from '../../src/engine/opcodes';
import * as code from '../../src/train/opcodes';
import { at, int, meetBetween, partsOf as partsOfInference, real, runParts as runInference } from '../program';
import { activate, activateBackward } from './activation';
import { adamW, squares } from './adamw';
import { attend, attendBackward, attendScratchBytes } from './attention';
import { combine, multiplyPairs } from './elementwise';
import { crossEntropy, divergence, smoothL1 } from './loss';
import { normBackward, normWeightBackward } from './norm';
import { product, productParts } from './product';
import { rotate } from './rotate';
import { addBias, addRows, COLUMN_GROUP, columnSums, takeRows } from './rows';

const OP_BYTES = OP_WORDS << 2;

/** As ../program.ts has it, for both kinds of ops. */
export function runProgram(program: usize, ops: i32, thread: i32, threads: i32): i32 {
  let done = 0;
  let op = program;
  do {
    const parts = partsOf(op);
    const from = <i32>((<i64>parts * thread) / threads), to = <i32>((<i64>parts * (thread + 1)) / threads);
    if (int(op, 0) < code.FIRST_OF_TRAINING) runInference(op, from, to, thread);
    else runParts(op, from, to, thread);
    done++;
    op += OP_BYTES;
  } while (done < ops && (threads == 1 || !meetBetween(op - OP_BYTES, op)));
  return done;
}

/** How many parts an op's work has: rows, heads, panels or quads of a product, or groups of columns or elements. */
function partsOf(op: usize): i32 {
  switch (int(op, 0)) {
    case code.PRODUCT:
      return productParts(int(op, 4), int(op, 5));
    case code.ADD_BIAS:
      return int(op, 3);
    case code.COLUMN_SUMS:
      return (int(op, 4) + COLUMN_GROUP - 1) / COLUMN_GROUP;
    case code.TAKE_ROWS:
      return int(op, 4);
    case code.ADD_ROWS:
      return int(op, 5) >> 2;
    case code.NORM_BACKWARD:
      return int(op, 7);
    case code.NORM_WEIGHT_BACKWARD:
      return int(op, 6) >> 2;
    case code.ROTATE:
      return int(op, 5);
    case code.ATTEND:
      return int(op, 8) * int(op, 11);
    case code.ATTEND_BACKWARD:
      return int(op, 11) * int(op, 14);
    case code.ACTIVATE:
      return int(op, 4) >> 2;
    case code.ACTIVATE_BACKWARD:
      return int(op, 8) >> 2;
    case code.COMBINE:
      return int(op, 7);
    case code.MULTIPLY:
      return int(op, 5) >> 2;
    case code.CROSS_ENTROPY:
    case code.DIVERGENCE:
    case code.SMOOTH_L1:
      return int(op, 8);
    case code.SQUARES:
      return (int(op, 3) + code.SQUARES_CHUNK - 1) / code.SQUARES_CHUNK;
    case code.ADAMW:
      return (int(op, 5) + 3) >> 2;
    case code.ZERO:
      return (int(op, 2) + 3) >> 2;
    default:
      return partsOfInference(op);
  }
}

/** The part of operand n, an address, that a thread has for itself. */
// @ts-ignore: decorator
@inline
function own(op: usize, n: i32, bytes: usize, thread: i32): usize {
  return at(op, n) + <usize>thread * bytes;
}

/** Bytes of `rows` rows of scratch. */
// @ts-ignore: decorator
@inline
function rowScratch(rows: i32, dim: i32): usize {
  return <usize>(rows * ((dim + 3) & -4)) << 2;
}

/** Does parts from..to - 1 of an op. */
function runParts(op: usize, from: i32, to: i32, thread: i32): void {
  switch (int(op, 0)) {
    case code.PRODUCT:
      return product(
        at(op, 1), at(op, 2), at(op, 3), int(op, 4), int(op, 5), int(op, 6), int(op, 7), int(op, 8), int(op, 9), int(op, 10),
        own(op, 11, code.PRODUCT_SCRATCH, thread), from, to,
      );
    case code.ADD_BIAS:
      return addBias(at(op, 1), at(op, 2), int(op, 4), from, to);
    case code.COLUMN_SUMS:
      return columnSums(at(op, 1), at(op, 2), int(op, 3), int(op, 4), from, to);
    case code.TAKE_ROWS:
      return takeRows(at(op, 1), at(op, 2), at(op, 3), int(op, 5), real(op, 6), from, to);
    case code.ADD_ROWS:
      return addRows(at(op, 1), at(op, 2), at(op, 3), int(op, 4), int(op, 5), real(op, 6), from, to);
    case code.NORM_BACKWARD:
      return normBackward(at(op, 1), int(op, 2), at(op, 3), at(op, 4), at(op, 5), at(op, 6), int(op, 8), real(op, 9), int(op, 10), from, to);
    case code.NORM_WEIGHT_BACKWARD:
      return normWeightBackward(at(op, 1), at(op, 2), at(op, 3), at(op, 4), int(op, 5), int(op, 6), from, to);
    case code.ROTATE:
      return rotate(at(op, 1), int(op, 2), at(op, 3), at(op, 4), int(op, 6), int(op, 7), int(op, 8), int(op, 9), real(op, 10), from, to);
    case code.ATTEND:
      return attend(
        at(op, 1), at(op, 2), at(op, 3), at(op, 4), at(op, 5), at(op, 6), int(op, 7), int(op, 9), int(op, 10), int(op, 11), int(op, 12), real(op, 13),
        own(op, 14, attendScratchBytes(int(op, 9), int(op, 12)), thread), from, to,
      );
    case code.ATTEND_BACKWARD:
      return attendBackward(
        at(op, 1), at(op, 2), at(op, 3), at(op, 4), at(op, 5), at(op, 6), at(op, 7), at(op, 8), at(op, 9), int(op, 10), int(op, 12), int(op, 13),
        int(op, 14), int(op, 15), real(op, 16), own(op, 17, attendScratchBytes(int(op, 12), int(op, 15)), thread), from, to,
      );
    case code.ACTIVATE:
      return activate(at(op, 1), at(op, 2), at(op, 3), int(op, 4), int(op, 5), from, to);
    case code.ACTIVATE_BACKWARD:
      return activateBackward(
        at(op, 1), int(op, 2), at(op, 3), int(op, 4), at(op, 5), at(op, 6), at(op, 7), int(op, 9), own(op, 10, code.ACTIVATION_CHUNK << 2, thread),
        from, to,
      );
    case code.COMBINE:
      return combine(
        at(op, 1), int(op, 2), at(op, 3), real(op, 4), at(op, 5), real(op, 6), int(op, 8), int(op, 9), int(op, 10), int(op, 11), from, to,
      );
    case code.MULTIPLY:
      return multiplyPairs(at(op, 1), int(op, 2), at(op, 3), at(op, 4), from, to);
    case code.CROSS_ENTROPY:
      return crossEntropy(
        at(op, 1), int(op, 2), at(op, 3), at(op, 4), at(op, 5), at(op, 6), real(op, 7), int(op, 9), own(op, 10, rowScratch(1, int(op, 9)), thread),
        from, to,
      );
    case code.DIVERGENCE:
      return divergence(
        at(op, 1), int(op, 2), at(op, 3), at(op, 4), at(op, 5), at(op, 6), real(op, 7), int(op, 10), real(op, 11), int(op, 9),
        own(op, 12, rowScratch(2, int(op, 9)), thread), from, to,
      );
    case code.SMOOTH_L1:
      return smoothL1(at(op, 1), int(op, 2), at(op, 3), at(op, 4), at(op, 5), at(op, 6), real(op, 7), int(op, 9), real(op, 10), from, to);
    case code.SQUARES:
      return squares(at(op, 1), at(op, 2), int(op, 3), from, to);
    case code.ADAMW:
      return adamW(
        at(op, 1), at(op, 2), at(op, 3), at(op, 4), real(op, 6), real(op, 7), real(op, 8), real(op, 9), real(op, 10), real(op, 11), real(op, 12),
        real(op, 13), real(op, 14), from, to,
      );
    case code.ZERO:
      return memory.fill(at(op, 1) + (<usize>from << 4), 0, <usize>(to - from) << 4);
  }
}
