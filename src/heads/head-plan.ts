/**
 * Memory of a draft head: its own weights, the tables of the target that it reads, and the scratch of a pass over some nodes.
 *
 * A head reads embeddings, and without an output layer the target's, from copies: so a pass of it is one program in one memory, and what the target's last
 * pass has left stays as it is.
 * @module
 */
import { Arena, PAGE_BYTES } from '../engine/arena.ts';
import { BLOCK } from '../engine/opcodes.ts';
import { packedBytes, type WeightType } from '../engine/packing.ts';
import { ProgramWriter } from '../engine/program.ts';
import { ForetokenError } from '../errors.ts';
import type { TensorName } from '../model/architectures/layout.ts';
import { isBlocked, type MatrixPlan, MAX_TOP_K, type VectorPlan, type WeightsPlan } from '../model/memory-plan.ts';
import type { HeadConfig, HeadLayout, LinearLayout } from './format.ts';

/** Nodes that a pass of a head reads at most; more are read in several. */
export const MOST_ROWS = 16;
/** Ops of a pass without its residual blocks, and of one of them: upper bounds. */
const OPS_OUTSIDE_BLOCKS = 24;
const OPS_PER_BLOCK = 4;

/** Matrices of an `MlpLayout`. */
export interface MlpPlan {
  readonly residual: MatrixPlan | undefined;
  readonly update: MatrixPlan | undefined;
  readonly blocks: readonly MatrixPlan[];
  readonly output: MatrixPlan;
  /** Elements that it reads. */
  readonly inDim: number;
}

/** Scratch of a pass; R = MOST_ROWS. */
export interface HeadScratch {
  readonly program: number;
  readonly programOps: number;
  /** (R, K) i32. */
  readonly tokens: number;
  /** (R, K D) f32: embeddings of these. */
  readonly embedded: number;
  /** (R, widest input of an mlp) f32. */
  readonly input: number;
  /** (R, widest) f32 each: what residual blocks add to, what they add, and that before SiLU. */
  readonly stream: number;
  readonly update: number;
  readonly product: number;
  /** (R, D) f32: recurrent states. */
  readonly states: number;
  readonly quantized: number;
  readonly quantizedScales: number;
  /** (R, V') f32. */
  readonly logits: number;
  /** (R, 64) i32: answers of top-k. */
  readonly selected: number;
}

/** A table of the target, and its place here. */
export interface CopyPlan {
  readonly from: MatrixPlan;
  readonly to: MatrixPlan;
}

export interface HeadPlan {
  readonly mlps: readonly MlpPlan[];
  readonly cell: { readonly input: MatrixPlan; readonly state: MatrixPlan } | undefined;
  /** The target's; undefined for heads that read no tokens. */
  readonly embedding: MatrixPlan | undefined;
  readonly scratch: HeadScratch;
  /** What comes from the head's checkpoint, and from the target. */
  readonly weights: readonly (MatrixPlan | VectorPlan)[];
  readonly copies: readonly CopyPlan[];
  /** V'. */
  readonly choices: number;
  /** A multiple of the page size. */
  readonly bytes: number;
}

/**
 * @param target weights of the model that the head drafts for
 * @param stage  number of the head's memory, for who loads several
 * @throws {ForetokenError} `config.unsupported` when a width does not fit the kernels
 */
export function planHead(
  config: HeadConfig,
  layout: HeadLayout,
  dtype: WeightType,
  target: Pick<WeightsPlan, 'embedding' | 'head'>,
  stage = 0,
): HeadPlan {
  const arena = new Arena();
  const region = (bytes: number) => ({ stage, address: arena.reserve(bytes), bytes });
  const weights: (MatrixPlan | VectorPlan)[] = [];
  const vector = (tensor: TensorName): VectorPlan => {
    const plan = { ...region(tensor.shape[0]! * 4), tensors: [tensor] };
    weights.push(plan);
    return plan;
  };
  const linear = ({ weight, bias }: LinearLayout): MatrixPlan => {
    const [outDim, inDim] = weight.shape as [number, number];
    checkWidth(weight.name, inDim, dtype);
    const place = region(packedBytes(outDim, inDim, dtype));
    const plan = { ...place, dtype, outDim, inDim, tensors: [weight], bias: bias && vector(bias) };
    weights.push(plan);
    return plan;
  };
  const copies: CopyPlan[] = [];
  const copyOf = (from: MatrixPlan): MatrixPlan => {
    const known = copies.find((copy) => copy.from === from);
    if (known) return known.to;
    const to = { ...from, ...region(packedBytes(from.outDim, from.inDim, from.dtype)) };
    copies.push({ from, to });
    return to;
  };

  const mlps = layout.mlps.map(({ residual, update, blocks, output }) => {
    const parts = {
      residual: residual && linear(residual),
      update: update && linear(update),
      blocks: blocks.map(linear),
      output: output ? linear(output) : copyOf(target.head),
    };
    return { ...parts, inDim: (parts.residual ?? parts.blocks[0] ?? parts.output).inDim };
  });
  const cell = layout.cell && { input: linear(layout.cell.input), state: linear(layout.cell.state) };
  const embedding = config.kind === 'medusa' ? undefined : copyOf(target.embedding);
  const choices = mlps[0]!.output.outDim;
  const scratch = planScratch(arena, config, mlps, choices);
  return { mlps, cell, embedding, scratch, weights, copies, choices, bytes: arena.pages * PAGE_BYTES };
}

function planScratch(arena: Arena, config: HeadConfig, mlps: readonly MlpPlan[], choices: number): HeadScratch {
  const { hidden, heads, layers } = config;
  const words = (count: number) => arena.reserve(count * 4);
  const rows = (width: number) => words(MOST_ROWS * width);
  const widestInput = Math.max(...mlps.map(({ inDim }) => inDim));
  const widest = Math.max(widestInput, hidden, config.exitDim ?? 0);
  const programOps = OPS_OUTSIDE_BLOCKS + layers * OPS_PER_BLOCK;
  return {
    program: arena.reserve(ProgramWriter.bytes(programOps)),
    programOps,
    tokens: rows(heads),
    embedded: rows(heads * hidden),
    input: rows(widestInput),
    stream: rows(widest),
    update: rows(widest),
    product: rows(widest),
    states: rows(hidden),
    quantized: arena.reserve(MOST_ROWS * widest * 2),
    quantizedScales: rows(Math.ceil(widest / BLOCK) * 2),
    logits: rows(choices),
    selected: rows(MAX_TOP_K),
  };
}

/** What a head's matrices can be held in: whether every input has whole blocks. */
export function fits({ hidden, exitDim = hidden }: HeadConfig, dtype: WeightType): boolean {
  return [hidden, exitDim].every((width) => width % stepOf(dtype) === 0);
}

/** @throws {ForetokenError} `config.unsupported` */
function checkWidth(name: string, inDim: number, dtype: WeightType): void {
  if (inDim % stepOf(dtype) === 0) return;
  const message = `${name} has ${inDim} inputs: ${dtype} weights need a multiple of ${stepOf(dtype)}`;
  throw new ForetokenError('config.unsupported', message);
}

/** Kernels work on four lanes, and on whole blocks where weights are quantised. */
function stepOf(dtype: WeightType): number {
  return isBlocked(dtype) ? BLOCK : 4;
}
