/**
 * Memory plan: every byte of a model's linear memory, settled from its configuration before anything is loaded.
 *
 * A model that is larger than one memory may be is split over several. Each is a *stage* of a pass: it holds some layers with their part of
 * every cache, and the scratch of a pass, while the stream goes on from one to the next.
 *
 *   stage 0   embedding, layers 0..k-1, their keys and values, scratch
 *   stage 1   layers k..2k-1, theirs, scratch
 *   ...
 *   the last  layers ..L-1, theirs, scratch; final norm, head, logits (in stage 0 where the head is the embedding)
 *
 * Stages are as few as hold the model, and nearly equal in bytes: a host refuses a large memory sooner than two of half its size.
 * @module
 */
import { Arena, PAGE_BYTES } from '../engine/arena.ts';
import { attentionScratchBytes, type KvType, kvRowBytes } from '../engine/kv-type.ts';
import { BLOCK, KEY_BLOCK } from '../engine/opcodes.ts';
import { packedBytes, type WeightType } from '../engine/packing.ts';
import { ProgramWriter } from '../engine/program.ts';
import { ForetokenError } from '../errors.ts';
import type { ModelConfig } from '../formats/hf-config.ts';
import type { CheckpointLayout, TensorName } from './architectures/layout.ts';
import { formOf } from './form.ts';

export type { KvType } from '../engine/kv-type.ts';
export type { WeightType } from '../engine/packing.ts';

/** What a plan depends on besides the configuration. */
export interface PlanOptions {
  readonly dtype: WeightType;
  /** Type of keys and values. */
  readonly kv: KvType;
  /** Positions of each session's cache. */
  readonly context: number;
  /** Caches that can be in use at once. */
  readonly sessions: number;
  /** Largest number of tokens in one pass. */
  readonly maxNodes: number;
  /** Threads that run a pass together. */
  readonly threads: number;
  /** Most bytes of one memory. */
  readonly largestMemory: number;
}

/** Where weights lie. */
export interface Region {
  /** Number of the memory. */
  readonly stage: number;
  readonly address: number;
  /** What is left free up to the next region is counted. */
  readonly bytes: number;
}

/** A packed weight matrix: the rows of one or more tensors, one below the other. */
export interface MatrixPlan extends Region {
  readonly dtype: WeightType;
  readonly outDim: number;
  readonly inDim: number;
  readonly tensors: readonly TensorName[];
  readonly bias: VectorPlan | undefined;
}

/** A weight vector, f32: one or more tensors, one behind the other. */
export interface VectorPlan extends Region {
  readonly tensors: readonly TensorName[];
}

/** The weight of a norm; one with a bias is a LayerNorm, one without an RMSNorm. */
export interface NormPlan extends VectorPlan {
  readonly bias: VectorPlan | undefined;
}

export interface LayerPlan {
  /** Number of the memory that holds its weights, and its keys and values. */
  readonly stage: number;
  readonly attentionNorm: NormPlan;
  /** Query, key and value projections as one matrix. */
  readonly queryKeyValue: MatrixPlan;
  /** Norms of every head of queries, and of keys. */
  readonly queryNorm: NormPlan | undefined;
  readonly keyNorm: NormPlan | undefined;
  readonly output: MatrixPlan;
  /** Norms of what a half-layer adds to the stream. */
  readonly attentionPostNorm: NormPlan | undefined;
  readonly feedForwardNorm: NormPlan;
  /** Gate, where there is one, and up projections as one matrix. */
  readonly gateUp: MatrixPlan;
  readonly down: MatrixPlan;
  readonly feedForwardPostNorm: NormPlan | undefined;
}

export interface WeightsPlan {
  readonly embedding: MatrixPlan;
  /** A row for each position, in the embedding's memory. */
  readonly positions: MatrixPlan | undefined;
  readonly layers: readonly LayerPlan[];
  readonly finalNorm: NormPlan;
  /** The embedding itself when tied. */
  readonly head: MatrixPlan;
}

/** One session's cache: the addresses of keys and values of each layer, in that layer's memory (layouts in opcodes.ts). */
export interface CachePlan {
  readonly keys: readonly number[];
  readonly values: readonly number[];
}

/** Scratch of a pass; N = maxNodes. */
export interface PassPlan {
  readonly program: number;
  readonly programOps: number;
  /** (N,) i32 each. */
  readonly tokens: number;
  readonly positions: number;
  readonly depths: number;
  /** (N, N) i32. */
  readonly paths: number;
  /** Of each rope (rotated / 2,) f32, the rotation per position of each pair; and (N, rotated) f32, cosines and sines of a pass. */
  readonly ropes: readonly { readonly frequencies: number; readonly table: number }[];
  /** (N, hidden) f32: the residual stream. */
  readonly stream: number;
  readonly normed: number;
  /** (N, hidden) f32: what a half-layer adds to the stream. */
  readonly update: number;
  /** (N, (queryHeads + 2 kvHeads) headDim) f32. */
  readonly queryKeyValue: number;
  /** (N, queryHeads headDim) f32. */
  readonly attended: number;
  /** (N, 2 intermediate) f32. */
  readonly gateUp: number;
  /** (N, intermediate) f32. */
  readonly gated: number;
  /** (N, widest input) integers, up to 16 bits each, and what belongs to their blocks: a scale, f32, for q4 followed by a second word. */
  readonly quantized: number;
  readonly quantizedScales: number;
  /** For each thread its own. */
  readonly attentionScratch: number;
  /** (N, vocab) f32, in the head's memory; no room in others. */
  readonly logits: number;
  /** (N, 64) i32: answers of argmax and top-k. */
  readonly selected: number;
}

/** One memory. */
export interface StagePlan {
  readonly pass: PassPlan;
  /** A multiple of the page size. */
  readonly bytes: number;
}

export interface MemoryPlan {
  readonly options: PlanOptions;
  readonly weights: WeightsPlan;
  readonly sessions: readonly CachePlan[];
  readonly stages: readonly StagePlan[];
  /** Slots of a session's cache: every position of the context, and room for the nodes of one more pass, in whole blocks of keys. */
  readonly capacity: number;
  /** All memories together, and their parts. */
  readonly bytes: number;
  readonly weightBytes: number;
  readonly cacheBytes: number;
  readonly passBytes: number;
  /** What each thread takes, as a part of `passBytes`. */
  readonly threadBytes: number;
}

/** Ids that `argmax` and `topK` keep for one row. */
export const MAX_TOP_K = 64;
/** Ops of one layer and of the rest of a pass: an upper bound, checked by the transformer's tests. */
const OPS_PER_LAYER = 20;
const OPS_OUTSIDE_LAYERS = 12;
/** 256 GiB: more than a host of WebAssembly has. */
export const MOST_STAGES = 64;

const roundUp = (value: number, step: number): number => Math.ceil(value / step) * step;

/**
 * @throws {ForetokenError} `config.unsupported` when a width does not fit the kernels; `memory.limit` when a part of the model that cannot be
 *   split is larger than one memory may be, or the whole larger than MOST_STAGES of them
 */
export function planMemory(config: ModelConfig, layout: CheckpointLayout, options: PlanOptions): MemoryPlan {
  const problem = misfit(config, options.dtype);
  if (problem !== undefined) throw new ForetokenError('config.unsupported', problem);
  const { largestMemory } = options;
  const whole = planStages(config, layout, options, Array(config.layers + 2).fill(0));

  // Laid end to end, the model is cut into equal parts, one if that fits. A layer lies where its middle falls; what nothing falls into is left out.
  const { weights, weightBytes, cacheBytes } = whole;
  const totalBytes = weightBytes + cacheBytes;
  const embeddingBytes = weights.embedding.bytes; // and the head's, where it is not the embedding
  const layerBytes = Math.ceil((totalBytes - (layout.head ? 2 : 1) * embeddingBytes) / config.layers);
  for (let count = Math.ceil(whole.bytes / largestMemory); count <= MOST_STAGES; count++) {
    const partOf = (layer: number) => Math.floor(((embeddingBytes + (layer + 0.5) * layerBytes) * count) / totalBytes);
    const parts = [0, ...layout.layers.map((_, layer) => partOf(layer)), layout.head ? count - 1 : 0];
    const used = [...new Set(parts)];
    const split = parts.map((part) => used.indexOf(part));
    const plan = planStages(config, layout, options, split);
    if (plan.stages.every(({ bytes }) => bytes <= largestMemory)) return plan;
  }
  throw new ForetokenError(
    'memory.limit',
    `the plan needs ${whole.bytes} bytes, which cannot be split over ${MOST_STAGES} memories of ${largestMemory}: a layer with its caches has ${layerBytes}, the embedding ${embeddingBytes}`,
  );
}

/** For the embedding, each layer and the head the number of their memory. */
type Split = readonly number[];

function planStages(config: ModelConfig, layout: CheckpointLayout, options: PlanOptions, split: Split): MemoryPlan {
  const arenas = Array.from(new Set(split), () => new Arena());
  const sum = (bytesOf: (arena: Arena) => number) => arenas.reduce((total, arena) => total + bytesOf(arena), 0);
  const measured = <T>(plan: () => T): [T, number] => {
    const before = sum(({ bytes }) => bytes);
    const result = plan();
    return [result, sum(({ bytes }) => bytes) - before];
  };
  const capacity = roundUp(options.context + options.maxNodes, KEY_BLOCK);
  const [passes, passBytes] = measured(() =>
    arenas.map((arena, stage) => planPass(arena, config, options, capacity, stage === split.at(-1))),
  );
  const [sessions, cacheBytes] = measured(() =>
    Array.from({ length: options.sessions }, () => planCache(arenas, split, config, options.kv, capacity)),
  );
  const [weights, weightBytes] = measured(() => planWeights(arenas, split, layout, options.dtype));
  return {
    options,
    weights,
    sessions,
    stages: arenas.map(({ pages }, stage) => ({ pass: passes[stage]!, bytes: pages * PAGE_BYTES })),
    capacity,
    bytes: sum(({ pages }) => pages * PAGE_BYTES),
    weightBytes,
    cacheBytes,
    passBytes,
    threadBytes: arenas.length * attentionScratchBytes(capacity, config.headDim),
  };
}

/**
 * Why the kernels cannot hold a model's weights in a type, or undefined when they can: they work on four lanes, and on whole blocks
 * where weights are quantised.
 */
export function misfit(config: ModelConfig, dtype: WeightType): string | undefined {
  const { hidden, intermediate, queryHeads, headDim } = config;
  const step = isBlocked(dtype) ? BLOCK : 4;
  const inputs = { hidden, intermediate, 'queryHeads * headDim': queryHeads * headDim };
  const wrong = Object.entries(inputs).find(([, width]) => width % step !== 0);
  if (wrong) return `${wrong[0]} is ${wrong[1]}: ${dtype} weights need a multiple of ${step}`;
  return headDim % 4 === 0 ? undefined : `headDim is ${headDim}: expected a multiple of 4`;
}

/** Whether weights of a type share scales, and activations are quantised for them. */
export function isBlocked(dtype: WeightType): boolean {
  return dtype === 'q8' || dtype === 'q4';
}

function planWeights(arenas: readonly Arena[], split: Split, layout: CheckpointLayout, dtype: WeightType): WeightsPlan {
  let stage = 0;
  const region = (bytes: number): Region => {
    const arena = arenas[stage]!;
    const address = arena.reserve(bytes);
    return { stage, address, bytes: arena.bytes - address };
  };
  const matrix = (parts: Parts, biases: Parts = []): MatrixPlan => {
    const tensors = present(parts);
    const { shape, exact } = tensors[0]!;
    const [inDim, outDim] = [shape[1]!, rowsOf(tensors)];
    const held = exact ? 'f32' : dtype;
    return { ...region(packedBytes(outDim, inDim, held)), dtype: held, outDim, inDim, tensors, bias: vector(biases) };
  };
  const vector = (parts: Parts): VectorPlan | undefined => {
    const tensors = present(parts);
    return tensors.length > 0 ? { ...region(rowsOf(tensors) * 4), tensors } : undefined;
  };
  const norm = <Weight extends TensorName | undefined>(weight: Weight, bias?: TensorName) => {
    const plan = vector([weight]);
    return (plan && { ...plan, bias: vector([bias]) }) as Weight extends TensorName ? NormPlan : NormPlan | undefined;
  };
  const embedding = matrix([layout.embedding]);
  const positions = layout.positions && matrix([layout.positions]);
  const layers = layout.layers.map((layer, index) => {
    stage = split[index + 1]!;
    return {
      stage,
      attentionNorm: norm(layer.attentionNorm, layer.attentionNormBias),
      queryKeyValue: matrix([layer.query, layer.key, layer.value], [layer.queryBias, layer.keyBias, layer.valueBias]),
      queryNorm: norm(layer.queryNorm),
      keyNorm: norm(layer.keyNorm),
      output: matrix([layer.output], [layer.outputBias]),
      attentionPostNorm: norm(layer.attentionPostNorm),
      feedForwardNorm: norm(layer.feedForwardNorm, layer.feedForwardNormBias),
      gateUp: matrix([layer.gate, layer.up], [layer.gateBias, layer.upBias]),
      down: matrix([layer.down], [layer.downBias]),
      feedForwardPostNorm: norm(layer.feedForwardPostNorm),
    };
  });
  stage = split.at(-1)!;
  const finalNorm = norm(layout.finalNorm, layout.finalNormBias);
  return { embedding, positions, layers, finalNorm, head: layout.head ? matrix([layout.head]) : embedding };
}

/** Parts of a matrix or a vector, of which a layout may leave out some. */
type Parts = readonly (TensorName | undefined)[];

const present = (parts: Parts): TensorName[] => parts.filter((part) => part !== undefined);

const rowsOf = (tensors: readonly TensorName[]): number => tensors.reduce((sum, { shape }) => sum + shape[0]!, 0);

/** All matrices and vectors, each once, in the order in which a pass comes to them. */
export function weightPlans({
  embedding,
  positions,
  layers,
  finalNorm,
  head,
}: WeightsPlan): (MatrixPlan | VectorPlan)[] {
  const ofLayers = layers.flatMap((layer) => [
    ...[
      layer.attentionNorm,
      layer.queryKeyValue,
      layer.queryNorm,
      layer.keyNorm,
      layer.output,
      layer.attentionPostNorm,
    ],
    ...[layer.feedForwardNorm, layer.gateUp, layer.down, layer.feedForwardPostNorm],
  ]);
  const plans = new Set([embedding, positions, ...ofLayers, finalNorm, head]);
  return [...plans].flatMap((plan) => (plan ? (plan.bias ? [plan, plan.bias] : [plan]) : []));
}

function planCache(
  arenas: readonly Arena[],
  split: Split,
  config: ModelConfig,
  kv: KvType,
  capacity: number,
): CachePlan {
  const bytes = kvRowBytes(kv, config.kvHeads * capacity, config.headDim);
  const regions = () => Array.from({ length: config.layers }, (_, layer) => arenas[split[layer + 1]!]!.reserve(bytes));
  return { keys: regions(), values: regions() };
}

function planPass(
  arena: Arena,
  config: ModelConfig,
  options: PlanOptions,
  capacity: number,
  holdsHead: boolean,
): PassPlan {
  const { dtype, maxNodes, threads } = options;
  const words = (count: number) => arena.reserve(count * 4);
  const rows = (width: number) => words(maxNodes * width);
  const queryDim = config.queryHeads * config.headDim;
  const { ropes, rotated } = formOf(config);
  const widest = Math.max(config.hidden, config.intermediate, queryDim);
  const programOps = config.layers * OPS_PER_LAYER + OPS_OUTSIDE_LAYERS;
  return {
    program: arena.reserve(ProgramWriter.bytes(programOps)),
    programOps,
    tokens: rows(1),
    positions: rows(1),
    depths: rows(1),
    paths: rows(maxNodes),
    ropes: ropes.map(() => ({ frequencies: words(rotated / 2), table: rows(rotated) })),
    stream: rows(config.hidden),
    normed: rows(config.hidden),
    update: rows(config.hidden),
    queryKeyValue: rows(queryDim + 2 * config.kvHeads * config.headDim),
    attended: rows(queryDim),
    gateUp: rows(2 * config.intermediate),
    gated: rows(config.intermediate),
    quantized: arena.reserve(maxNodes * widest * 2),
    quantizedScales: rows(Math.ceil(widest / BLOCK) * (dtype === 'q4' ? 2 : 1)),
    attentionScratch: arena.reserve(threads * attentionScratchBytes(capacity, config.headDim)),
    logits: rows(holdsHead ? config.vocab : 0),
    selected: rows(MAX_TOP_K),
  };
}
