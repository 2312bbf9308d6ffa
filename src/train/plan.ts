/**
 * Training plan: every byte of a trainer's memory, settled from its graph before there is any, and the programs that run in it.
 *
 *   programs │ parameters, each with its gradient and what the optimizer keeps of it │ inputs, masks, constants, losses │ scratch │ values and gradients
 *
 * Values that go backward needs stay until then; all others, and gradients, are alive from step to step only (order.ts), and share their place with
 * those that are not alive at the same time (placement.ts).
 * @module
 */
import { Arena, PAGE_BYTES } from '../engine/arena.ts';
import { ProgramWriter } from '../engine/program.ts';
import { ForetokenError } from '../errors.ts';
import type { Graph, Ids, Into, Loss, Mask, Tensor, Writer } from './graph.ts';
import { SQUARES_CHUNK, ZERO } from './opcodes.ts';
import { orderOf, type Step } from './order.ts';
import { place, type Span } from './placement.ts';

/** Where a parameter and what belongs to it lies. */
export interface ParameterPlan {
  readonly address: number;
  readonly elements: number;
  /** Of frozen parameters there is nothing else. */
  readonly trained: TrainedPlan | undefined;
}

export interface TrainedPlan {
  readonly gradient: number;
  /** Moving means of the gradient, and of its square. */
  readonly mean: number;
  readonly square: number;
  /** Moving mean of the parameter itself, where there is one. */
  readonly average: number;
  /** f64 sums of squares of the gradient, a chunk each. */
  readonly partials: number;
  readonly chunks: number;
}

export interface PlanOptions {
  readonly threads: number;
  /** Whether moving means of parameters are kept. */
  readonly average: boolean;
}

/** Words of an op. */
type Op = readonly number[];

export interface TrainingPlan {
  /** Of the whole memory. */
  readonly bytes: number;
  readonly parameters: ReadonlyMap<string, ParameterPlan>;
  /** Byte addresses: of inputs of numbers and of integers, of constants, of outputs. */
  readonly places: ReadonlyMap<Tensor | Ids, number>;
  readonly masks: ReadonlyMap<Mask, readonly [paths: number, depths: number]>;
  readonly losses: ReadonlyMap<Loss, number>;
  /** Values and gradients that are alive for some steps only. */
  readonly passing: { readonly address: number; readonly bytes: number };
  /** Forward, and forward with backward. */
  readonly evaluation: readonly Op[];
  readonly training: readonly Op[];
  /** Where programs are written: `evaluation`, `training`, and an update of all parameters. */
  readonly programs: { readonly evaluation: number; readonly training: number; readonly update: number };
  /** Ops that an update may have. */
  readonly updateOps: number;
}

/** Ops of an update for each parameter: of its squares, of its step, and of its moving mean. */
const UPDATE_OPS = 3;

/** @throws {ForetokenError} `train.graph` */
export function planTraining(graph: Graph, options: PlanOptions): TrainingPlan {
  const steps = orderOf(graph);
  const lives = livesOf(graph, steps);
  const arena = new Arena();
  const floats = (count: number) => arena.reserve(count * 4);

  // Programs are written once to be counted, with addresses that mean nothing, and again when all of them are known.
  const nowhere = { at: () => 64, mask: () => [64, 64] as const, gradientOf: () => 64, lossOf: () => 64, scratch: 64 };
  const opsOf = (addresses: Addresses, forwardOnly: boolean) => writeSteps(steps, addresses, forwardOnly);
  const trained = [...graph.parameters.values()].filter(({ tensor }) => tensor.trained).length; // one at least: a loss depends on it
  const updateOps = trained * UPDATE_OPS;
  const programs = {
    evaluation: arena.reserve(ProgramWriter.bytes(opsOf(nowhere, true).length)),
    training: arena.reserve(ProgramWriter.bytes(opsOf(nowhere, false).length)),
    update: arena.reserve(ProgramWriter.bytes(updateOps)),
  };

  const places = new Map<Tensor | Ids, number>();
  const gradients = new Map<Tensor, number>();
  const parameters = new Map<string, ParameterPlan>();
  for (const [name, { tensor }] of graph.parameters) {
    const { elements } = tensor;
    const address = floats(elements);
    places.set(tensor, address);
    const plan = tensor.trained ? planTrained(arena, elements, options) : undefined;
    if (plan) gradients.set(tensor, plan.gradient);
    parameters.set(name, { address, elements, trained: plan });
  }
  for (const input of graph.inputs.values()) {
    if (!('segments' in input)) places.set(input, floats('cols' in input ? input.elements : input.rows));
  }
  for (const tensor of graph.constants.keys()) places.set(tensor, floats(tensor.elements));
  const masks = new Map<Mask, readonly [number, number]>();
  for (const mask of graph.masks) {
    const segments = mask.name === undefined ? 1 : mask.segments;
    masks.set(mask, [floats(segments * mask.rows ** 2), floats(mask.segments * mask.rows)]);
  }
  const losses = new Map<Loss, number>();
  for (const step of graph.steps) if ('write' in step) losses.set(step, floats(step.rows));
  const scratch = arena.reserve(Math.max(64, ...steps.map((step) => scratchBytes(step, options.threads))));

  const { offsets, bytes } = place(lives.spans);
  const passing = { address: arena.reserve(bytes), bytes };
  for (const [tensor, span] of lives.values) places.set(tensor, passing.address + offsets[span]!);
  for (const [tensor, span] of lives.gradients) gradients.set(tensor, passing.address + offsets[span]!);

  const addresses: Addresses = {
    at: (x) => owned(places.get('base' in x ? x.base : x)),
    mask: (mask) => owned(masks.get(mask)),
    gradientOf: (base) => owned(gradients.get(base)),
    lossOf: (loss) => owned(losses.get(loss)),
    scratch,
  };
  return {
    bytes: arena.pages * PAGE_BYTES,
    parameters,
    places,
    masks,
    losses,
    passing,
    evaluation: opsOf(addresses, true),
    training: opsOf(addresses, false),
    programs,
    updateOps,
  };
}

function owned<T>(place: T | undefined): T {
  if (place === undefined) throw new ForetokenError('train.graph', 'an operation has an input of another graph');
  return place;
}

function planTrained(arena: Arena, elements: number, { average }: PlanOptions): TrainedPlan {
  const chunks = Math.ceil(elements / SQUARES_CHUNK);
  const [gradient, mean, square] = [0, 0, 0].map(() => arena.reserve(elements * 4)) as [number, number, number];
  return {
    gradient,
    mean,
    square,
    average: average ? arena.reserve(elements * 4) : 0,
    partials: arena.reserve(chunks * 8),
    chunks,
  };
}

function scratchBytes(step: Step, threads: number): number {
  return (step.kind === 'loss' ? step.loss : step.operation).scratchBytes?.(threads) ?? 0;
}

/** When values and gradients of operations are alive: the number of their span, by tensor. Of two tensors with one span, one is the other's gradient. */
interface Lives {
  readonly spans: readonly Span[];
  readonly values: ReadonlyMap<Tensor, number>;
  readonly gradients: ReadonlyMap<Tensor, number>;
}

function livesOf(graph: Graph, steps: readonly Step[]): Lives {
  const values = new Map<Tensor, { from: number; to: number }>();
  const gradients = new Map<Tensor, { from: number; to: number }>();
  /** Tensors whose gradient is first written by a loss, which may write it over their numbers. */
  const byLoss = new Set<Tensor>();
  const read = (tensors: readonly Tensor[], time: number) => {
    for (const { base } of tensors) {
      const life = values.get(base);
      if (life) life.to = time;
    }
  };
  const give = (tensors: readonly Tensor[], time: number, isLoss: boolean) => {
    for (const { base, trained } of tensors) {
      if (!trained || !base.operation || gradients.has(base)) continue;
      gradients.set(base, { from: time, to: time });
      if (isLoss) byLoss.add(base);
    }
  };
  steps.forEach((step, time) => {
    if (step.kind === 'loss') {
      read(step.loss.reads, time);
      give(step.loss.inputs, time, true);
      return;
    }
    const { operation, output } = step;
    if (step.kind === 'forward') {
      values.set(output, { from: time, to: time });
      read(operation.inputs, time);
      return;
    }
    read(operation.reads, time);
    give(operation.inputs, time, false);
    gradients.get(output)!.to = time;
  });
  for (const tensor of graph.outputs.values()) read([tensor], steps.length);

  const spans: Span[] = [];
  const valueSpans = new Map<Tensor, number>();
  for (const [tensor, { from, to }] of values) {
    valueSpans.set(tensor, spans.push({ bytes: tensor.elements * 4, from, to }) - 1);
  }
  const gradientSpans = new Map<Tensor, number>();
  for (const [tensor, { from, to }] of gradients) {
    const value = values.get(tensor)!;
    const inPlace = byLoss.has(tensor) && value.to === from;
    if (inPlace) {
      const span = valueSpans.get(tensor)!;
      spans[span] = { ...spans[span]!, to };
      gradientSpans.set(tensor, span);
    } else {
      gradientSpans.set(tensor, spans.push({ bytes: tensor.elements * 4, from, to }) - 1);
    }
  }
  return { spans, values: valueSpans, gradients: gradientSpans };
}

interface Addresses {
  at(x: Tensor | Ids): number;
  mask(mask: Mask): readonly [paths: number, depths: number];
  gradientOf(base: Tensor): number;
  lossOf(loss: Loss): number;
  readonly scratch: number;
}

function writeSteps(steps: readonly Step[], addresses: Addresses, forwardOnly: boolean): Op[] {
  const ops: Op[] = [];
  /** Gradients of which a part is there already; those of parameters always go on. */
  const begun = new Set<Tensor>();
  const into = ({ base, trained }: Tensor): Into => {
    if (!trained) return { address: 0, keep: 0 };
    const keep = begun.has(base) || !base.operation ? -1 : 0;
    begun.add(base);
    return { address: addresses.gradientOf(base), keep };
  };
  const writer: Writer = {
    ...addresses,
    push: (...words) => void ops.push(words),
    gradient: (output) => addresses.gradientOf(output.base),
    into,
    onto(input) {
      const { address, keep } = into(input);
      if (keep === 0) ops.push([ZERO, address, input.elements]);
      return address;
    },
  };
  for (const step of steps) {
    if (step.kind === 'loss') step.loss.write(writer, addresses.lossOf(step.loss));
    else if (step.kind === 'forward') step.operation.forward(writer, step.output);
    else if (!forwardOnly) step.operation.backward(writer, step.output);
  }
  return ops;
}
