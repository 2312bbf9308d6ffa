/**
 * The transformer: one pass over N new tokens, written as a program for the kernels.
 *
 *   stream = embedding[tokens]
 *   for each layer:  stream += attention(norm(stream));  stream += feedForward(norm(stream))
 *   logits = head(norm(stream))
 *
 * Source: Vaswani et al., 2017, arXiv 1706.03762, in the Llama form (architectures/llama.ts).
 * Bits: a row's result depends on the tokens of its path only, never on the other rows of the pass (each kernel's header says how).
 * @module
 */
import type { Machine } from '../engine/engine.ts';
import { exp, log } from '../engine/math.ts';
import * as op from '../engine/opcodes.ts';
import { floatBits, ProgramWriter } from '../engine/program.ts';
import type { ModelConfig } from '../formats/hf-config.ts';
import type { CachePlan, LayerPlan, MatrixPlan, MemoryPlan, PassPlan, VectorPlan } from './memory-plan.ts';
import type { LogitRows } from './target.ts';

/** The new tokens of a pass, and the cache that they extend. */
export interface PassInput {
  /** (N,) token ids. */
  readonly tokens: Int32Array;
  /** (N,) parents, -1 for the root; topological. */
  readonly parents: Int32Array;
  /** (N,) distance from the root. */
  readonly depths: Int32Array;
  readonly cache: CachePlan;
  /** Committed positions: the root stands at this position, node i lies in slot `length + i`. */
  readonly length: number;
}

/** Pairing of rotated elements: element i of a head turns with element i + headDim / 2. */
const ROPE_HALVES = 0;

/** How a row of an embedding is read. */
const EMBED = { f32: op.EMBED_F32, bf16: op.EMBED_BF16, q8: op.EMBED_Q8, q4: op.EMBED_Q4 } as const;

export class Transformer {
  readonly #machine: Machine;
  readonly #config: ModelConfig;
  readonly #plan: MemoryPlan;
  readonly #pass: PassPlan;
  readonly #program: ProgramWriter;

  constructor(machine: Machine, config: ModelConfig, plan: MemoryPlan) {
    this.#machine = machine;
    this.#config = config;
    this.#plan = plan;
    this.#pass = plan.pass;
    this.#program = new ProgramWriter(machine.memory, plan.pass.program, plan.pass.programOps);
    writeRopeFrequencies(new Float32Array(machine.memory.buffer, plan.pass.frequencies, config.headDim / 2), config);
  }

  /** Runs one pass: keys and values of the new tokens go to their slots, logits to `pass.logits`, row i for node i. */
  forward(input: PassInput, logitRows: LogitRows): void {
    const { cache, length } = input;
    const rows = input.tokens.length;
    const { weights } = this.#plan;
    this.#writeInput(input);

    this.#program.clear();
    this.#embed(weights.embedding, rows);
    this.#push(
      op.ROPE_TABLE,
      this.#pass.ropeTable,
      this.#pass.positions,
      this.#pass.frequencies,
      rows,
      this.#config.headDim / 2,
    );
    weights.layers.forEach((layer, index) => {
      this.#attention(layer, cache.keys[index]!, cache.values[index]!, length, rows);
      this.#feedForward(layer, rows);
    });
    if (logitRows === 'all') this.#logits(0, rows);
    else if (logitRows === 'last') this.#logits(rows - 1, 1);
    this.#machine.run(this.#program.address, this.#program.ops);
  }

  /** Moves one slot of every layer of a cache. */
  moveSlot(cache: CachePlan, from: number, to: number): void {
    const { kvHeads, headDim, layers } = this.#config;
    this.#program.clear();
    for (let layer = 0; layer < layers; layer++) {
      this.#push(op.KV_MOVE, cache.keys[layer]!, cache.values[layer]!, from, to, kvHeads, headDim, this.#plan.capacity);
    }
    this.#runAlone();
  }

  /** @returns (k,) ids of the k largest logits of a node of the last pass, best first; a view that the next selection overwrites */
  select(node: number, k: number): Int32Array {
    const { vocab } = this.#config;
    const { logits, selected } = this.#pass;
    const row = logits + node * vocab * 4;
    this.#program.clear();
    if (k === 1) this.#push(op.ARGMAX, selected, row, 1, vocab);
    else this.#push(op.TOP_K, selected, row, 1, vocab, k);
    this.#runAlone();
    return new Int32Array(this.#machine.memory.buffer, selected, k);
  }

  #writeInput({ tokens, parents, depths, length }: PassInput): void {
    const { buffer } = this.#machine.memory;
    const rows = tokens.length;
    const integers = (address: number, count: number) => new Int32Array(buffer, address, count);
    integers(this.#pass.tokens, rows).set(tokens);
    integers(this.#pass.depths, rows).set(depths);
    integers(this.#pass.positions, rows).set(depths.map((depth) => length + depth));
    const paths = integers(this.#pass.paths, rows * rows);
    for (let row = 0; row < rows; row++) {
      const parent = parents[row]!;
      const start = row * rows;
      if (parent >= 0) paths.copyWithin(start, parent * rows, parent * rows + depths[row]!);
      paths[start + depths[row]!] = row;
    }
  }

  #embed(table: MatrixPlan, rows: number): void {
    const { stream, tokens } = this.#pass;
    this.#push(EMBED[table.dtype], stream, table.address, tokens, rows, this.#config.hidden, floatBits(1));
  }

  #attention(layer: LayerPlan, keys: number, values: number, length: number, rows: number): void {
    const { queryHeads, kvHeads, headDim } = this.#config;
    const { normed, queryKeyValue, attended, update, ropeTable, paths, depths, attentionScratch } = this.#pass;
    const { capacity } = this.#plan;
    const stride = layer.queryKeyValue.outDim;
    const key = queryKeyValue + queryHeads * headDim * 4;
    const value = key + kvHeads * headDim * 4;

    this.#norm(layer.attentionNorm, rows);
    this.#matmul(layer.queryKeyValue, normed, queryKeyValue, rows);
    // Query and key heads lie side by side and turn alike.
    this.#push(
      op.ROPE,
      queryKeyValue,
      ropeTable,
      rows,
      queryHeads + kvHeads,
      headDim,
      headDim / 2,
      stride,
      ROPE_HALVES,
    );
    this.#push(op.KV_STORE, keys, values, key, value, length, rows, kvHeads, headDim, capacity, stride);
    this.#push(
      op.ATTENTION,
      ...[attended, queryKeyValue, keys, values, paths, depths, length, rows, queryHeads, kvHeads],
      ...[headDim, capacity, stride, attentionScratch, floatBits(1 / Math.sqrt(headDim))],
    );
    this.#matmul(layer.output, attended, update, rows);
    this.#addUpdate(rows);
  }

  #feedForward(layer: LayerPlan, rows: number): void {
    const { intermediate } = this.#config;
    const { normed, gateUp, gated, update } = this.#pass;

    this.#norm(layer.feedForwardNorm, rows);
    this.#matmul(layer.gateUp, normed, gateUp, rows);
    this.#push(op.SILU_GATE, gated, gateUp, gateUp + intermediate * 4, rows, intermediate, 2 * intermediate);
    this.#matmul(layer.down, gated, update, rows);
    this.#addUpdate(rows);
  }

  #logits(firstRow: number, rows: number): void {
    const { hidden, vocab } = this.#config;
    const { stream, normed, logits } = this.#pass;
    const { finalNorm, head } = this.#plan.weights;
    this.#norm(finalNorm, rows, stream + firstRow * hidden * 4);
    this.#matmul(head, normed, logits + firstRow * vocab * 4, rows);
  }

  /** normed = RMSNorm(x) */
  #norm(weight: VectorPlan, rows: number, x = this.#pass.stream): void {
    const { hidden, rmsNormEpsilon } = this.#config;
    this.#push(op.RMS_NORM, this.#pass.normed, x, weight.address, rows, hidden, floatBits(rmsNormEpsilon));
  }

  /** out (rows, outDim) = x (rows, inDim) weightᵀ; for weights in blocks x is quantised first. */
  #matmul(weight: MatrixPlan, x: number, out: number, rows: number): void {
    const { address, dtype, inDim, outDim } = weight;
    const sizes = [rows, inDim, outDim, outDim];
    if (dtype === 'f32' || dtype === 'bf16') {
      this.#push(dtype === 'f32' ? op.MATMUL_F32 : op.MATMUL_BF16, out, x, address, 0, ...sizes);
      return;
    }
    const { quantized, quantizedScales } = this.#pass;
    this.#push(dtype === 'q8' ? op.QUANTIZE_Q8 : op.QUANTIZE_Q4, quantized, quantizedScales, x, rows, inDim);
    this.#push(dtype === 'q8' ? op.MATMUL_Q8 : op.MATMUL_Q4, out, quantized, quantizedScales, address, 0, ...sizes);
  }

  /** stream += update */
  #addUpdate(rows: number): void {
    const { stream, update } = this.#pass;
    this.#push(op.ADD, stream, stream, update, rows * this.#config.hidden);
  }

  #push(opcode: number, ...operands: number[]): void {
    this.#program.push(opcode, ...operands);
  }

  /** For programs with so little to do that waking other threads would take longer. */
  #runAlone(): void {
    this.#machine.run(this.#program.address, this.#program.ops, true);
  }
}

/**
 * frequencies[i] = theta^(-2i / headDim): the angle by which pair i turns from one position to the next.
 * Source: Su et al., 2021, arXiv 2104.09864, section 3.2.2. Computed in f64, stored as f32.
 */
function writeRopeFrequencies(frequencies: Float32Array, { ropeTheta, headDim }: ModelConfig): void {
  const logTheta = log(ropeTheta);
  for (let i = 0; i < frequencies.length; i++) frequencies[i] = exp((-2 * i * logTheta) / headDim);
}
