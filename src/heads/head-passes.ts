/**
 * The passes of a draft head: what its kind has written as input, through an mlp, to the likeliest tokens of every row.
 * @module
 */
import type { Machine } from '../engine/engine.ts';
import * as op from '../engine/opcodes.ts';
import { ProgramWriter } from '../engine/program.ts';
import type { MatrixPlan } from '../model/memory-plan.ts';
import { pushEmbed, pushMatmul } from '../model/products.ts';
import type { HeadPlan } from './head-plan.ts';

/** The likeliest tokens after one node. */
export interface Guess {
  /** (k,) the target's ids, best first. */
  readonly tokens: Int32Array;
  /** (k,) the head's probability of each, among all that it can draft. */
  readonly probs: Float32Array;
}

export class HeadPasses {
  readonly #machine: Machine;
  readonly #plan: HeadPlan;
  readonly #program: ProgramWriter;
  /** (V',) the target's id of each token that can be drafted; undefined: its own. */
  readonly #draftVocab: Int32Array | undefined;

  /** @param machine of the plan's bytes, with the weights in place */
  constructor(machine: Machine, plan: HeadPlan, draftVocab?: Int32Array) {
    this.#machine = machine;
    this.#plan = plan;
    this.#program = new ProgramWriter(machine.memory, plan.scratch.program, plan.scratch.programOps);
    this.#draftVocab = draftVocab;
  }

  /** @returns (inDim,) what an mlp reads of a row, to be filled in */
  input(mlp: number, row: number): Float32Array {
    const { inDim } = this.#plan.mlps[mlp]!;
    return this.#floats(this.#plan.scratch.input + row * inDim * 4, inDim);
  }

  /** @returns (n, D) embeddings of tokens, at most R K of them; a view until the next pass */
  embed(tokens: readonly number[]): Float32Array {
    const { scratch, embedding } = this.#plan;
    new Int32Array(this.#machine.memory.buffer, scratch.tokens, tokens.length).set(tokens);
    pushEmbed(this.#program, embedding!, scratch.embedded, scratch.tokens, tokens.length);
    this.#run();
    return this.#floats(scratch.embedded, tokens.length * embedding!.inDim);
  }

  /**
   * The next recurrent states: SiLU(W embedded + U states + b), or embedded + states without weights, where `embedded` is what `embed` has returned last.
   * @param states (n, D), at most R rows
   * @returns (n, D) a view until the next pass
   */
  advance(states: Float32Array): Float32Array {
    const { cell, scratch, embedding } = this.#plan;
    const count = states.length;
    this.#floats(scratch.states, count).set(states);
    if (cell) {
      const rows = count / embedding!.inDim;
      this.#matmul(cell.state, scratch.states, scratch.stream, rows);
      this.#matmul(cell.input, scratch.embedded, scratch.product, rows);
      this.#add(scratch.stream, scratch.stream, scratch.product, count);
      this.#silu(scratch.states, scratch.stream, rows, cell.state.outDim);
    } else this.#add(scratch.states, scratch.states, scratch.embedded, count);
    this.#run();
    return this.#floats(scratch.states, count);
  }

  /**
   * Runs an mlp over the inputs of the first rows.
   * @param ranks how many tokens of each row, 1..min(V', 64)
   */
  guess(mlp: number, rows: number, ranks: number): Guess[] {
    const { residual, update, blocks, output } = this.#plan.mlps[mlp]!;
    const { scratch, choices } = this.#plan;
    let current = scratch.input;
    if (residual) {
      this.#matmul(residual, current, scratch.stream, rows);
      if (update) this.#addSilu(update, scratch.input, scratch.stream, rows);
      current = scratch.stream;
    }
    for (const block of blocks) {
      this.#addSilu(block, current, current, rows);
      current = scratch.stream;
    }
    this.#matmul(output, current, scratch.logits, rows);
    this.#program.push(op.TOP_K, scratch.selected, scratch.logits, rows, choices, ranks);
    this.#program.push(op.SOFTMAX, scratch.logits, rows, choices);
    this.#run();
    return Array.from({ length: rows }, (_, row) => this.#guessOf(row, ranks));
  }

  #guessOf(row: number, ranks: number): Guess {
    const { scratch, choices } = this.#plan;
    const ids = new Int32Array(this.#machine.memory.buffer, scratch.selected + row * ranks * 4, ranks);
    const probabilities = this.#floats(scratch.logits + row * choices * 4, choices);
    const draftVocab = this.#draftVocab;
    return {
      tokens: draftVocab ? ids.map((id) => draftVocab[id]!) : ids.slice(),
      probs: Float32Array.from(ids, (id) => probabilities[id]!),
    };
  }

  /** stream = base + SiLU(weight x + bias) */
  #addSilu(weight: MatrixPlan, x: number, base: number, rows: number): void {
    const { stream, update, product } = this.#plan.scratch;
    this.#matmul(weight, x, product, rows);
    this.#silu(update, product, rows, weight.outDim);
    this.#add(stream, base, update, rows * weight.outDim);
  }

  #matmul(weight: MatrixPlan, x: number, out: number, rows: number): void {
    pushMatmul(this.#program, weight, x, out, rows, this.#plan.scratch);
  }

  #silu(out: number, x: number, rows: number, dim: number): void {
    this.#program.push(op.SILU_GATE, out, x, 0, rows, dim, dim);
  }

  #add(out: number, a: number, b: number, count: number): void {
    this.#program.push(op.ADD, out, a, b, count);
  }

  #run(): void {
    const { address, ops } = this.#program;
    this.#program.clear();
    this.#machine.run(address, ops);
  }

  #floats(address: number, count: number): Float32Array {
    return new Float32Array(this.#machine.memory.buffer, address, count);
  }
}
