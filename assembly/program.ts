/**
 * Runs a program: the flat array of kernel calls that src/engine/opcodes.ts describes.
 *
 * Each of `threads` threads runs the same program. An op's work is divided by output row, head, column or panel, never along a
 * reduction, so the number of threads never shows in a bit.
 */
import * as code from '../src/engine/opcodes';
import { add, geluErfGate, geluGate, siluGate, softCap } from './activation';
import { attention, attentionScratchBytes, attentionTiles } from './attention';
import { embedBf16, embedF16, embedF32, embedQ4, embedQ8 } from './embed';
import { kvMove, kvStore } from './kv-cache';
import { matmulBf16 } from './matmul/bf16';
import { matmulF16 } from './matmul/f16';
import { matmulF32 } from './matmul/f32';
import { matmulQ4 } from './matmul/q4';
import { matmulQ8 } from './matmul/q8';
import { headNorm, layerNorm, rmsNorm } from './norm';
import { quantizeQ4, quantizeQ8 } from './quantize';
import { rope, ropeTable } from './rope';
import { argmax, topK } from './select';
import { softmax } from './softmax';

/** Bytes of one op. */
const OP_BYTES = code.OP_WORDS << 2;

/** Operand n of an op, from 1: an address. */
// @ts-ignore: decorator
@inline
export function at(op: usize, n: i32): usize {
  return <usize>load<u32>(op + (<usize>n << 2));
}

/** Operand n of an op: an integer. */
// @ts-ignore: decorator
@inline
export function int(op: usize, n: i32): i32 {
  return load<i32>(op + (<usize>n << 2));
}

/** Operand n of an op: an f32. */
// @ts-ignore: decorator
@inline
export function real(op: usize, n: i32): f32 {
  return load<f32>(op + (<usize>n << 2));
}

/**
 * Runs a stretch of a program: `ops` ops, or as many of them as several threads can run without meeting. One thread meets nobody, and runs
 * them all.
 *
 * @param program  (ops, OP_WORDS) words
 * @param ops      at least 1
 * @param thread   0..threads - 1: which share of every op is done here
 * @returns how many ops that was: where to go on, once all threads have come so far (team/index.ts)
 */
export function runProgram(program: usize, ops: i32, thread: i32, threads: i32): i32 {
  let done = 0;
  let op = program;
  do {
    const parts = partsOf(op);
    runParts(op, <i32>((<i64>parts * thread) / threads), <i32>((<i64>parts * (thread + 1)) / threads), thread);
    done++;
    op += OP_BYTES;
  } while (done < ops && (threads == 1 || !meetBetween(op - OP_BYTES, op)));
  return done;
}

/**
 * Whether all threads must have done an op before any begins the next. Not so where both make each row of their output from the same row of
 * their input alone: what a thread looks for in the second, it has written itself in the first.
 */
export function meetBetween(op: usize, next: usize): bool {
  return !(worksByRow(op) && worksByRow(next) && partsOf(op) == partsOf(next));
}

function worksByRow(op: usize): bool {
  switch (int(op, 0)) {
    case code.EMBED_F32:
    case code.EMBED_BF16:
    case code.EMBED_F16:
    case code.EMBED_Q8:
    case code.EMBED_Q4:
    case code.RMS_NORM:
    case code.LAYER_NORM:
    case code.QUANTIZE_Q8:
    case code.QUANTIZE_Q4:
    case code.ROPE_TABLE:
      return true;
    default:
      return false;
  }
}

/** How many parts an op's work has: rows, heads, panels of a matrix, tiles of attention, or groups of four columns. */
export function partsOf(op: usize): i32 {
  switch (int(op, 0)) {
    case code.EMBED_F32:
    case code.EMBED_BF16:
    case code.EMBED_F16:
    case code.EMBED_Q8:
    case code.EMBED_Q4:
    case code.RMS_NORM:
    case code.QUANTIZE_Q8:
    case code.QUANTIZE_Q4:
    case code.ROPE_TABLE:
      return int(op, 4);
    case code.LAYER_NORM:
      return int(op, 5);
    case code.MATMUL_F32:
    case code.MATMUL_BF16:
    case code.MATMUL_F16:
      return panels(int(op, 7));
    case code.MATMUL_Q8:
    case code.MATMUL_Q4:
      return panels(int(op, 8));
    case code.ROPE:
    case code.HEAD_NORM:
      return int(op, 4);
    case code.KV_STORE_F32:
    case code.KV_STORE_F16:
    case code.KV_STORE_Q8:
      return int(op, 7);
    case code.KV_MOVE_F32:
    case code.KV_MOVE_F16:
    case code.KV_MOVE_Q8:
      return int(op, 5);
    case code.ATTENTION_F32:
    case code.ATTENTION_F16:
    case code.ATTENTION_Q8:
      return attentionTiles(int(op, 8), int(op, 9), int(op, 10));
    case code.SILU_GATE:
    case code.GELU_GATE:
    case code.GELU_ERF_GATE:
      return int(op, 5) >> 2;
    case code.ADD:
      return int(op, 4) >> 2;
    case code.SOFT_CAP:
      return (int(op, 2) + 3) >> 2;
    case code.SOFTMAX:
      return int(op, 2);
    default:
      return int(op, 3); // ARGMAX, TOP_K
  }
}

/** Panels of a packed weight. */
// @ts-ignore: decorator
@inline
function panels(outDim: i32): i32 {
  return (outDim + code.PANEL - 1) / code.PANEL;
}

/** Does parts from..to - 1 of an op. */
export function runParts(op: usize, from: i32, to: i32, thread: i32): void {
  switch (int(op, 0)) {
    case code.EMBED_F32:
      return embedF32(at(op, 1), at(op, 2), at(op, 3), int(op, 5), real(op, 6), from, to);
    case code.EMBED_BF16:
      return embedBf16(at(op, 1), at(op, 2), at(op, 3), int(op, 5), real(op, 6), from, to);
    case code.EMBED_F16:
      return embedF16(at(op, 1), at(op, 2), at(op, 3), int(op, 5), real(op, 6), from, to);
    case code.EMBED_Q8:
      return embedQ8(at(op, 1), at(op, 2), at(op, 3), int(op, 5), real(op, 6), from, to);
    case code.EMBED_Q4:
      return embedQ4(at(op, 1), at(op, 2), at(op, 3), int(op, 5), real(op, 6), from, to);
    case code.RMS_NORM:
      return rmsNorm(at(op, 1), at(op, 2), at(op, 3), int(op, 5), real(op, 6), from, to);
    case code.LAYER_NORM:
      return layerNorm(at(op, 1), at(op, 2), at(op, 3), at(op, 4), int(op, 6), real(op, 7), from, to);
    case code.QUANTIZE_Q8:
      return quantizeQ8(at(op, 1), at(op, 2), at(op, 3), int(op, 5), from, to);
    case code.QUANTIZE_Q4:
      return quantizeQ4(at(op, 1), at(op, 2), at(op, 3), int(op, 5), from, to);
    case code.MATMUL_F32:
      return matmulF32(at(op, 1), at(op, 2), at(op, 3), at(op, 4), int(op, 5), int(op, 6), int(op, 7), int(op, 8), from, to);
    case code.MATMUL_BF16:
      return matmulBf16(at(op, 1), at(op, 2), at(op, 3), at(op, 4), int(op, 5), int(op, 6), int(op, 7), int(op, 8), from, to);
    case code.MATMUL_F16:
      return matmulF16(at(op, 1), at(op, 2), at(op, 3), at(op, 4), int(op, 5), int(op, 6), int(op, 7), int(op, 8), from, to);
    case code.MATMUL_Q8:
      return matmulQ8(at(op, 1), at(op, 2), at(op, 3), at(op, 4), at(op, 5), int(op, 6), int(op, 7), int(op, 8), int(op, 9), from, to);
    case code.MATMUL_Q4:
      return matmulQ4(at(op, 1), at(op, 2), at(op, 3), at(op, 4), at(op, 5), int(op, 6), int(op, 7), int(op, 8), int(op, 9), from, to);
    case code.ROPE_TABLE:
      return ropeTable(at(op, 1), at(op, 2), at(op, 3), int(op, 5), real(op, 6), from, to);
    case code.ROPE:
      return rope(at(op, 1), at(op, 2), int(op, 3), int(op, 5), int(op, 6), int(op, 7), int(op, 8), from, to);
    case code.HEAD_NORM:
      return headNorm(at(op, 1), at(op, 2), int(op, 3), int(op, 5), int(op, 6), real(op, 7), from, to);
    case code.KV_STORE_F32:
    case code.KV_STORE_F16:
    case code.KV_STORE_Q8:
      return kvStore(int(op, 0) - code.KV_STORE_F32, at(op, 1), at(op, 2), at(op, 3), at(op, 4), int(op, 5), int(op, 6), int(op, 8), int(op, 9), int(op, 10), from, to);
    case code.KV_MOVE_F32:
    case code.KV_MOVE_F16:
    case code.KV_MOVE_Q8:
      return kvMove(int(op, 0) - code.KV_MOVE_F32, at(op, 1), at(op, 2), int(op, 3), int(op, 4), int(op, 6), int(op, 7), from, to);
    case code.ATTENTION_F32:
    case code.ATTENTION_F16:
    case code.ATTENTION_Q8:
      return attention(
        int(op, 0) - code.ATTENTION_F32, at(op, 1), at(op, 2), at(op, 3), at(op, 4), at(op, 5), at(op, 6), int(op, 7), int(op, 8), int(op, 9), int(op, 10),
        int(op, 11), int(op, 12), int(op, 13), at(op, 14) + <usize>thread * attentionScratchBytes(int(op, 12), int(op, 11)), real(op, 15),
        int(op, 16), real(op, 17), from, to,
      );
    case code.SILU_GATE:
      return siluGate(at(op, 1), at(op, 2), at(op, 3), int(op, 4), int(op, 5), int(op, 6), from << 2, to << 2);
    case code.GELU_GATE:
      return geluGate(at(op, 1), at(op, 2), at(op, 3), int(op, 4), int(op, 5), int(op, 6), from << 2, to << 2);
    case code.GELU_ERF_GATE:
      return geluErfGate(at(op, 1), at(op, 2), at(op, 3), int(op, 4), int(op, 5), int(op, 6), from << 2, to << 2);
    case code.SOFT_CAP:
      return softCap(at(op, 1), real(op, 3), from << 2, min(to << 2, int(op, 2)));
    case code.ADD:
      return add(at(op, 1), at(op, 2), at(op, 3), from << 2, to << 2);
    case code.SOFTMAX:
      return softmax(at(op, 1), int(op, 3), from, to);
    case code.ARGMAX:
      return argmax(at(op, 1), at(op, 2), int(op, 4), from, to);
    case code.TOP_K:
      return topK(at(op, 1), at(op, 2), int(op, 4), int(op, 5), from, to);
  }
}
