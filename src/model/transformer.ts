/**
 * The transformer: one pass over N new tokens, written as a program for the kernels.
 *
 *   stream = embedding[tokens]
 *   for each layer:  stream += attention(norm(stream));  stream += feedForward(norm(stream))
 *   logits = head(norm(stream))
 *
 * Ops are written for the memory that holds the layer. Where that is another than the last layer's, the stream moves there.
 *
 * Source: Vaswani et al., 2017, arXiv 1706.03762, in the Llama form (architectures/llama.ts).
 * Bits: a row's result depends on the tokens of its path only, never on the other rows of the pass (each kernel's header says how).
 * @module
 */
import type { Machine } from '../engine/engine.ts';
import { KV_TYPES } from '../engine/kv-type.ts';
import { exp, log } from '../engine/math.ts';
import * as op from '../engine/opcodes.ts';
import { floatBits } from '../engine/program.ts';
import type { ModelConfig } from '../formats/hf-config.ts';
import {
  type CachePlan,
  isBlocked,
  type LayerPlan,
  type MatrixPlan,
  type MemoryPlan,
  type PassPlan,
  type VectorPlan,
} from './memory-plan.ts';
import { Stage } from './stage.ts';
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
const EMBED = {
  f32: op.EMBED_F32,
  bf16: op.EMBED_BF16,
  f16: op.EMBED_F16,
  q8: op.EMBED_Q8,
  q4: op.EMBED_Q4,
} as const;
const MATMUL = {
  f32: op.MATMUL_F32,
  bf16: op.MATMUL_BF16,
  f16: op.MATMUL_F16,
  q8: op.MATMUL_Q8,
  q4: op.MATMUL_Q4,
} as const;

export class Transformer {
  readonly #config: ModelConfig;
  readonly #plan: MemoryPlan;
  readonly #stages: readonly Stage[];
  /** Where ops are written to. */
  #stage: Stage;
  /** Number of the cache's type, which its opcodes are told by. */
  readonly #kv: number;

  /** @param machines one for each stage of the plan */
  constructor(machines: readonly Machine[], config: ModelConfig, plan: MemoryPlan) {
    this.#config = config;
    this.#plan = plan;
    this.#kv = KV_TYPES[plan.options.kv];
    this.#stages = plan.stages.map((stage, i) => new Stage(machines[i]!, stage));
    this.#stage = this.#stages[0]!;
    const { memory, pass } = this.#stage;
    writeRopeFrequencies(new Float32Array(memory.buffer, pass.frequencies, config.headDim / 2), config);
  }

  /** Runs one pass: keys and values of the new tokens go to their slots, logits to `pass.logits`, row i for node i. */
  forward(input: PassInput, logitRows: LogitRows): void {
    const { cache, length } = input;
    const rows = input.tokens.length;
    const { weights } = this.#plan;
    this.#stage = this.#stages[weights.embedding.stage]!;
    this.#stage.begin(input);

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
      this.#moveTo(layer.stage, rows);
      this.#attention(layer, cache.keys[index]!, cache.values[index]!, length, rows);
      this.#feedForward(layer, rows);
    });
    if (logitRows !== 'none') {
      this.#moveTo(weights.head.stage, rows);
      this.#head(logitRows === 'all' ? 0 : rows - 1, rows);
    }
    this.#stage.run();
  }

  /** Moves one slot of every layer of a cache. */
  moveSlot(cache: CachePlan, from: number, to: number): void {
    const { kvHeads, headDim } = this.#config;
    this.#plan.weights.layers.forEach(({ stage }, layer) => {
      this.#stage = this.#stages[stage]!;
      const [keys, values] = [cache.keys[layer]!, cache.values[layer]!];
      this.#push(op.KV_MOVE_F32 + this.#kv, keys, values, from, to, kvHeads, headDim, this.#plan.capacity);
    });
    for (const stage of this.#stages) stage.run(true);
  }

  /** @returns (V,) logits of a node of the last pass; a view that the next pass overwrites */
  logits(node: number): Float32Array {
    const { vocab } = this.#config;
    const { pass, memory } = this.#headStage;
    return new Float32Array(memory.buffer, pass.logits + node * vocab * 4, vocab);
  }

  /** @returns (k,) ids of the k largest logits of a node of the last pass, best first; a view that the next selection overwrites */
  select(node: number, k: number): Int32Array {
    const { vocab } = this.#config;
    this.#stage = this.#headStage;
    const { logits, selected } = this.#pass;
    const row = logits + node * vocab * 4;
    if (k === 1) this.#push(op.ARGMAX, selected, row, 1, vocab);
    else this.#push(op.TOP_K, selected, row, 1, vocab, k);
    this.#stage.run(true);
    return new Int32Array(this.#stage.memory.buffer, selected, k);
  }

  get #headStage(): Stage {
    return this.#stages[this.#plan.weights.head.stage]!;
  }

  /** Scratch of the memory where ops are written to. */
  get #pass(): PassPlan {
    return this.#stage.pass;
  }

  /** Goes on in another memory: what was written so far runs, and the stream is copied. Within one memory nothing happens. */
  #moveTo(stage: number, rows: number): void {
    const next = this.#stages[stage]!;
    if (next === this.#stage) return;
    this.#stage.run();
    next.takeOver(this.#stage, rows, this.#config);
    this.#stage = next;
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
    const target = [keys, values, key, value, length];
    this.#push(op.KV_STORE_F32 + this.#kv, ...target, rows, kvHeads, headDim, capacity, stride);
    this.#push(
      op.ATTENTION_F32 + this.#kv,
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

  /** Logits of rows firstRow..rows - 1. */
  #head(firstRow: number, rows: number): void {
    const { hidden, vocab } = this.#config;
    const { stream, normed, logits } = this.#pass;
    const { finalNorm, head } = this.#plan.weights;
    this.#norm(finalNorm, rows - firstRow, stream + firstRow * hidden * 4);
    this.#matmul(head, normed, logits + firstRow * vocab * 4, rows - firstRow);
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
    if (!isBlocked(dtype)) {
      this.#push(MATMUL[dtype], out, x, address, 0, ...sizes);
      return;
    }
    const { quantized, quantizedScales } = this.#pass;
    this.#push(dtype === 'q8' ? op.QUANTIZE_Q8 : op.QUANTIZE_Q4, quantized, quantizedScales, x, rows, inDim);
    this.#push(MATMUL[dtype], out, quantized, quantizedScales, address, 0, ...sizes);
  }

  /** stream += update */
  #addUpdate(rows: number): void {
    const { stream, update } = this.#pass;
    this.#push(op.ADD, stream, stream, update, rows * this.#config.hidden);
  }

  #push(opcode: number, ...operands: number[]): void {
    this.#stage.program.push(opcode, ...operands);
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
