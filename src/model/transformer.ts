/**
 * The transformer: one pass over N new tokens, written as a program for the kernels.
 *
 *   stream = embedding[tokens]
 *   for each layer:  stream += attention(norm(stream));  stream += feedForward(norm(stream))
 *   logits = head(norm(stream))
 *
 * Families of models differ in what form.ts describes, and in the tensors that a layer has: a norm or a bias that is not in its plan is left out.
 *
 * Ops are written for the memory that holds the layer. Where that is another than the last layer's, the stream moves there.
 *
 * Source: Vaswani et al., 2017, arXiv 1706.03762; those of a family are in its file in architectures/.
 * Bits: a row's result depends on the tokens of its path only, never on the other rows of the pass (each kernel's header says how).
 * @module
 */
import type { Machine } from '../engine/engine.ts';
import { KV_TYPES } from '../engine/kv-type.ts';
import * as op from '../engine/opcodes.ts';
import { floatBits } from '../engine/program.ts';
import type { ModelConfig } from '../formats/hf-config.ts';
import { formOf, frequenciesFor, type LayerForm, type ModelForm } from './form.ts';
import type { CachePlan, LayerPlan, MatrixPlan, MemoryPlan, NormPlan, PassPlan } from './memory-plan.ts';
import { pushEmbed, pushMatmul } from './products.ts';
import { Stage } from './stage.ts';
import type { LogitRows } from './target.ts';

/** The new tokens of a pass, and the cache that they extend. */
export interface PassInput {
  /** (N,) token ids; with `weights` (M,), all of one node. */
  readonly tokens: Int32Array;
  /** (M,) what a single node that mixes tokens has of each of their embeddings. */
  readonly weights?: ArrayLike<number>;
  /** (N,) parents, -1 for the root; topological. */
  readonly parents: Int32Array;
  /** (N,) distance from the root. */
  readonly depths: Int32Array;
  readonly cache: CachePlan;
  /** Committed positions: the root stands at this position, node i lies in slot `length + i`. */
  readonly length: number;
  /** (N, D) f32, where layers read something else than the embeddings of `tokens`. */
  readonly states?: Float32Array | undefined;
}

/** Pairing of rotated elements: element i of a head turns with element i + headDim / 2. */
const ROPE_HALVES = 0;

/** An activation, times the up projection where there is a gate. */
const ACTIVATIONS = { silu: op.SILU_GATE, gelu: op.GELU_ERF_GATE, 'gelu-tanh': op.GELU_GATE } as const;

export class Transformer {
  readonly #config: ModelConfig;
  readonly #form: ModelForm;
  readonly #plan: MemoryPlan;
  readonly #stages: readonly Stage[];
  /** Where ops are written to. */
  #stage: Stage;
  /** Number of the cache's type, which its opcodes are told by. */
  readonly #kv: number;

  /** @param machines one for each stage of the plan */
  constructor(machines: readonly Machine[], config: ModelConfig, plan: MemoryPlan) {
    this.#config = config;
    this.#form = formOf(config);
    this.#plan = plan;
    this.#kv = KV_TYPES[plan.options.kv];
    this.#stages = plan.stages.map((stage, i) => new Stage(machines[i]!, stage));
    this.#stage = this.#stages[0]!;
    const { memory, pass } = this.#stage;
    this.#form.ropes.forEach((rope, i) => {
      const frequencies = frequenciesFor(rope, plan.options.context);
      new Float32Array(memory.buffer, pass.ropes[i]!.frequencies, frequencies.length).set(frequencies);
    });
  }

  /** Runs one pass: keys and values of the new tokens go to their slots, logits to `pass.logits`, row i for node i. */
  forward(input: PassInput, logitRows: LogitRows): void {
    const { cache, length } = input;
    const rows = input.depths.length;
    const { weights } = this.#plan;
    this.#stage = this.#stages[weights.embedding.stage]!;
    this.#stage.begin(input);

    if (!input.states) this.#embed(rows, input.weights ?? [1]);
    this.#form.ropes.forEach(({ scale }, i) => {
      const { frequencies, table } = this.#pass.ropes[i]!;
      const half = this.#form.rotated / 2;
      this.#push(op.ROPE_TABLE, table, this.#pass.positions, frequencies, rows, half, floatBits(scale));
    });
    const isParallel = this.#form.residual === 'parallel';
    weights.layers.forEach((layer, index) => {
      this.#moveTo(layer.stage, rows);
      const { stream } = this.#pass;
      this.#norm(layer.attentionNorm, stream, rows);
      this.#attention(layer, this.#form.layers[index]!, cache.keys[index]!, cache.values[index]!, length, rows);
      if (isParallel) this.#norm(layer.feedForwardNorm, stream, rows);
      this.#addUpdate(layer.attentionPostNorm, rows);
      if (!isParallel) this.#norm(layer.feedForwardNorm, stream, rows);
      this.#feedForward(layer, rows);
      this.#addUpdate(layer.feedForwardPostNorm, rows);
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

  /** @returns (D,) the stream of a node of the last pass; a view that the next pass overwrites */
  stream(node: number): Float32Array {
    const { hidden } = this.#config;
    const { pass, memory } = this.#headStage;
    return new Float32Array(memory.buffer, pass.stream + node * hidden * 4, hidden);
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

  /** @returns (N, D) the stream of all `rows` nodes of the last pass, behind the final norm; a view that the next pass overwrites */
  hidden(rows: number): Float32Array {
    const { layers, head, finalNorm } = this.#plan.weights;
    this.#stage = this.#stages[layers.at(-1)!.stage]!;
    this.#moveTo(head.stage, rows);
    const { stream, normed } = this.#pass;
    this.#norm(finalNorm, stream, rows);
    this.#stage.run();
    return new Float32Array(this.#stage.memory.buffer, normed, rows * this.#config.hidden);
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
    next.takeOver(this.#stage, rows, this.#config, this.#form);
    this.#stage = next;
  }

  /** stream = embedding[tokens] * scale + positions[positions]; of a mixture the sum over its tokens, each times its weight, in their order */
  #embed(rows: number, weights: ArrayLike<number>): void {
    const { embedding, positions } = this.#plan.weights;
    const { stream, update } = this.#pass;
    const { program } = this.#stage;
    for (let i = 0; i < weights.length; i++) {
      const scale = this.#form.embeddingScale * weights[i]!;
      pushEmbed(program, embedding, i > 0 ? update : stream, this.#pass.tokens + 4 * i, rows, scale);
      if (i === 0) continue;
      this.#addUpdate(undefined, rows);
      // The program has room for one pass: what goes beyond it runs before.
      this.#stage.run(true);
    }
    if (!positions) return;
    pushEmbed(program, positions, update, this.#pass.positions, rows);
    this.#addUpdate(undefined, rows);
  }

  /** update = attention(normed) */
  #attention(layer: LayerPlan, form: LayerForm, keys: number, values: number, length: number, rows: number): void {
    const { queryHeads, kvHeads, headDim, rmsNormEpsilon } = this.#config;
    const { rotated, scoreScale, scoreCap } = this.#form;
    const { normed, queryKeyValue, attended, update, ropes, paths, depths, attentionScratch } = this.#pass;
    const { capacity } = this.#plan;
    const stride = layer.queryKeyValue.outDim;
    const key = queryKeyValue + queryHeads * headDim * 4;
    const value = key + kvHeads * headDim * 4;

    this.#matmul(layer.queryKeyValue, normed, queryKeyValue, rows);
    const headNorm = (norm: NormPlan | undefined, x: number, heads: number) => {
      if (norm) this.#push(op.HEAD_NORM, x, norm.address, rows, heads, headDim, stride, floatBits(rmsNormEpsilon));
    };
    headNorm(layer.queryNorm, queryKeyValue, queryHeads);
    headNorm(layer.keyNorm, key, kvHeads);
    if (form.rope !== undefined) {
      const { table } = ropes[form.rope]!;
      // Query and key heads lie side by side and turn alike.
      const heads = queryHeads + kvHeads;
      this.#push(op.ROPE, queryKeyValue, table, rows, heads, headDim, rotated / 2, stride, ROPE_HALVES);
    }
    const target = [keys, values, key, value, length];
    this.#push(op.KV_STORE_F32 + this.#kv, ...target, rows, kvHeads, headDim, capacity, stride);
    this.#push(
      op.ATTENTION_F32 + this.#kv,
      ...[attended, queryKeyValue, keys, values, paths, depths, length, rows, queryHeads, kvHeads],
      ...[headDim, capacity, stride, attentionScratch, floatBits(scoreScale), form.window, floatBits(scoreCap)],
    );
    this.#matmul(layer.output, attended, update, rows);
  }

  /** update = down(activation(gate normed) * up normed) */
  #feedForward(layer: LayerPlan, rows: number): void {
    const { intermediate } = this.#config;
    const { activation, gated: hasGate } = this.#form;
    const { normed, gateUp, gated, update } = this.#pass;

    this.#matmul(layer.gateUp, normed, gateUp, rows);
    const up = hasGate ? gateUp + intermediate * 4 : 0;
    this.#push(ACTIVATIONS[activation], gated, gateUp, up, rows, intermediate, layer.gateUp.outDim);
    this.#matmul(layer.down, gated, update, rows);
  }

  /** Logits of rows firstRow..rows - 1. */
  #head(firstRow: number, rows: number): void {
    const { hidden, vocab } = this.#config;
    const { stream, normed, logits } = this.#pass;
    const { logitCap } = this.#form;
    const { finalNorm, head } = this.#plan.weights;
    const count = rows - firstRow;
    const out = logits + firstRow * vocab * 4;
    this.#norm(finalNorm, stream + firstRow * hidden * 4, count);
    this.#matmul(head, normed, out, count);
    if (logitCap > 0) this.#push(op.SOFT_CAP, out, count * vocab, floatBits(logitCap));
  }

  /** out = norm(x), by default `normed` */
  #norm({ address, bias }: NormPlan, x: number, rows: number, out = this.#pass.normed): void {
    const sizes = [rows, this.#config.hidden, floatBits(this.#config.rmsNormEpsilon)];
    if (bias) this.#push(op.LAYER_NORM, out, x, address, bias.address, ...sizes);
    else this.#push(op.RMS_NORM, out, x, address, ...sizes);
  }

  #matmul(weight: MatrixPlan, x: number, out: number, rows: number): void {
    pushMatmul(this.#stage.program, weight, x, out, rows, this.#pass);
  }

  /** stream += update, or the norm of it */
  #addUpdate(norm: NormPlan | undefined, rows: number): void {
    const { stream, update } = this.#pass;
    if (norm) this.#norm(norm, update, rows, update);
    this.#push(op.ADD, stream, stream, update, rows * this.#config.hidden);
  }

  #push(opcode: number, ...operands: number[]): void {
    this.#stage.program.push(opcode, ...operands);
  }
}
