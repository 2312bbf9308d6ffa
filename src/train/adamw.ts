/**
 * AdamW as a trainer runs it: options, and the numbers of each update. The arithmetic itself is assembly/gradient/adamw.ts.
 * @module
 */
import { checkNames, outOfRange, wrongType } from '../check-options.ts';
import { floatBits } from '../engine/program.ts';
import type { LearningRate } from './learning-rate.ts';
import { ADAMW, COMBINE, SQUARES } from './opcodes.ts';
import type { Workspace } from './workspace.ts';

export interface AdamWOptions {
  /** Of every update, or the same for all; default 1e-3. */
  readonly learningRate?: number | LearningRate;
  /** How slowly the moving means of the gradient and of its square change; default 0.9 and 0.999. */
  readonly beta1?: number;
  readonly beta2?: number;
  /** Added to the root of the latter; default 1e-8. */
  readonly epsilon?: number;
  /** Part of a weight that an update takes away, times the learning rate; default 0.01. */
  readonly weightDecay?: number;
  /** Which parameters decay; default: matrices, not vectors. */
  readonly decays?: (name: string, rows: number, cols: number) => boolean;
  /** The gradient of all parameters together is made no longer than this; default 1, Infinity for any length. */
  readonly clipNorm?: number;
  /** Moving means of all parameters are kept, which change so slowly: 0.999, say. Default: none are. */
  readonly average?: number;
}

export type AdamW = Required<Omit<AdamWOptions, 'average' | 'learningRate'>> & {
  readonly learningRate: LearningRate;
  readonly average: number | undefined;
};

const NAMES: readonly (keyof AdamWOptions)[] = [
  ...(['learningRate', 'beta1', 'beta2', 'epsilon', 'weightDecay', 'decays', 'clipNorm', 'average'] as const),
];

/** @throws {ForetokenError} `option.unknown`, `option.type`, `option.range` */
export function adamW(options: AdamWOptions = {}): AdamW {
  checkNames(options, NAMES);
  const { learningRate = 1e-3, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weightDecay = 0.01 } = options;
  const { decays = (_name, rows) => rows > 1, clipNorm = 1, average } = options;
  const ranges: [string, number, boolean, string][] = [
    ['beta1', beta1, beta1 >= 0 && beta1 < 1, 'a number, 0 or more, below 1'],
    ['beta2', beta2, beta2 >= 0 && beta2 < 1, 'a number, 0 or more, below 1'],
    ['epsilon', epsilon, epsilon > 0 && epsilon < 1, 'a number between 0 and 1'],
    ['weightDecay', weightDecay, weightDecay >= 0 && weightDecay < Infinity, 'a number, 0 or more'],
    ['clipNorm', clipNorm, clipNorm > 0, 'a number above 0'],
    ['average', average ?? 0, average === undefined || (average > 0 && average < 1), 'a number between 0 and 1'],
  ];
  for (const [name, value, holds, expected] of ranges) {
    if (typeof value !== 'number') throw wrongType(name, 'a number', value);
    if (!holds) throw outOfRange(name, expected, value);
  }
  if (typeof decays !== 'function') throw wrongType('decays', 'a function', decays);
  if (typeof learningRate !== 'number' && typeof learningRate !== 'function') {
    throw wrongType('learningRate', 'a number or a function', learningRate);
  }
  const rate = typeof learningRate === 'number' ? () => learningRate : learningRate;
  return { learningRate: rate, beta1, beta2, epsilon, weightDecay, decays, clipNorm, average };
}

/** What the ops of one update share. */
export interface UpdateNumbers {
  readonly rate: number;
  /** rate / (1 - beta1ⁿ) and 1 / sqrt(1 - beta2ⁿ): both moving means begin at 0, and are that much too small. */
  readonly step: number;
  readonly correction: number;
}

/**
 * @param update   from 0
 * @throws {ForetokenError} `option.range` for a learning rate that is none
 */
export function updateNumbers({ learningRate, beta1, beta2 }: AdamW, update: number): UpdateNumbers {
  const rate = learningRate(update);
  if (!(rate >= 0 && rate < Infinity))
    throw outOfRange(`learningRate of update ${update}`, 'a number, 0 or more', rate);
  return {
    rate,
    step: rate / (1 - power(beta1, update + 1)),
    correction: 1 / Math.sqrt(1 - power(beta2, update + 1)),
  };
}

/** Length of all gradients together, as they are. Squares are added in f64, chunk by chunk in one order. */
export function gradientNorm(workspace: Workspace): number {
  workspace.update((program) => {
    for (const { plan, values } of workspace.trained) {
      program.push(SQUARES, plan.trained.partials, plan.trained.gradient, values.length);
    }
  });
  let sum = 0;
  for (const { partials } of workspace.trained) for (const part of partials) sum += part;
  return Math.sqrt(sum);
}

/** Added to the norm that a gradient is divided by, as PyTorch does. */
const CLIP_EPSILON = 1e-6;

/**
 * Changes the parameters, and their moving means.
 * @param norm of the mean gradient
 * @param batches whose sum the gradients are
 */
export function applyUpdate(
  workspace: Workspace,
  { beta1, beta2, epsilon, weightDecay, decays, clipNorm, average }: AdamW,
  { rate, step, correction }: UpdateNumbers,
  norm: number,
  batches: number,
): void {
  const gradientScale = Math.min(1, clipNorm / (norm + CLIP_EPSILON)) / batches;
  const shared = [beta1, 1 - beta1, beta2, 1 - beta2, step, correction, epsilon];
  workspace.update((program) => {
    for (const { name, rows, cols, plan } of workspace.trained) {
      const { address, elements, trained } = plan;
      const decay = decays(name, rows, cols) ? 1 - rate * weightDecay : 1;
      const reals = [gradientScale, decay, ...shared].map(floatBits);
      program.push(ADAMW, address, trained.mean, trained.square, trained.gradient, elements, ...reals);
      if (average === undefined) continue;
      const sizes = [rows, cols, cols, cols, cols];
      const [kept, taken] = [floatBits(average), floatBits(1 - average)];
      program.push(COMBINE, trained.average, 0, trained.average, kept, address, taken, ...sizes);
    }
  });
}

/** base^n by squaring: the bits of Math.pow are each runtime's own. */
function power(base: number, n: number): number {
  let result = 1;
  for (let factor = base, left = n; left > 0; left = Math.floor(left / 2)) {
    if (left % 2 === 1) result *= factor;
    factor *= factor;
  }
  return result;
}
