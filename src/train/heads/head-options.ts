/**
 * Options of head training: defaults by kind, and every check that needs no data.
 * @module
 */
import { checkNames, outOfRange, wrongType } from '../../check-options.ts';
import type { Engine } from '../../engine/engine.ts';
import type { ThreadsOption } from '../../engine/threads.ts';
import { ForetokenError, quote } from '../../errors.ts';
import type { ModelConfig } from '../../formats/hf-config.ts';
import { HEAD_KINDS, type HeadConfig, type HeadKind, MOST_HEADS, MOST_RANKS } from '../../heads/format.ts';
import type { LoadOptions } from '../../load.ts';
import type { WorkerLike } from '../../runtime/workers.ts';
import { HEAD_LOSSES, type HeadLoss } from './head-graph.ts';

/** What the heads are, and how they are trained: whatever decides the bits of the result. */
export interface HeadRecipe {
  readonly kind: HeadKind;
  /** K: how many tokens behind the target's own are guessed; default 4. */
  readonly heads?: number;
  /** Residual blocks; default 1, 2 for `recurrent`, 4 for `hydra++`. Each has weights of its own. */
  readonly layers?: number;
  /** V': a head guesses among so many tokens, the most frequent of the texts; unless `loss` is `text` a multiple of 4. Default: all. */
  readonly draftVocab?: number;
  /** The output layer stays the target's own, and is not stored; not with `draftVocab`, nor for `recurrent`. Default false. */
  readonly tied?: boolean;
  /** What is learnt: the text's tokens (`text`), or the target's probabilities, by a divergence. Default `text`; `forward-kl` for `hydra++`. */
  readonly loss?: HeadLoss;
  /** The teacher's part of the mixture of `jsd`; default 0.5. */
  readonly beta?: number;
  /** The loss of head i counts decay^i times; default 0.8 for `medusa`, else 1. */
  readonly decay?: number;
  /** Updates; default 1000. */
  readonly steps?: number;
  /** Windows of an update; default 4. */
  readonly batch?: number;
  /** Tokens of a window; default 256, or the target's context. */
  readonly length?: number;
  /** At its peak; default 1e-3. It rises over the first tenth of the steps, and falls along a cosine to a tenth of itself. */
  readonly learningRate?: number;
  /** Default 0. */
  readonly weightDecay?: number;
  /** Windows that are held out to measure on; default 16. */
  readonly heldOut?: number;
  /** The target writes the texts itself, from the beginning of each window. Default false. */
  readonly onPolicy?: boolean | OnPolicy;
  /** Default 0. */
  readonly seed?: number;
}

export interface OnPolicy {
  /** Tokens of a window that it is given; default 32. */
  readonly prompt?: number;
  /** Default 0.3, as Medusa's self-distillation has it. */
  readonly temperature?: number;
}

/** Where the work is done, and what is heard of it. */
export interface HeadRun {
  /** How the target is loaded: its `dtype`, `kv`, `hub`. */
  readonly load?: Pick<LoadOptions, 'dtype' | 'kv' | 'hub' | 'tokenizer'>;
  /** Of target and training; default 1. */
  readonly threads?: ThreadsOption;
  /** What createTrainingEngine has made; target and training run on it. */
  readonly engine?: Engine;
  /** As of `createEngine`. */
  readonly worker?: () => WorkerLike;
  /** Most bytes that target and training may have together; default any number that the host gives. */
  readonly memoryLimit?: number;
  /** Steps between two measurements on what is held out; default a twentieth of all, 10 at least. */
  readonly evaluateEvery?: number;
  /** Steps between two checkpoints, where they are wanted; default 50. */
  readonly checkpointEvery?: number;
}

/** A recipe with nothing left open. */
export type FullRecipe = Required<Omit<HeadRecipe, 'onPolicy' | 'draftVocab'>> & {
  readonly draftVocab: number | undefined;
  readonly onPolicy: Required<OnPolicy> | undefined;
};

export const RECIPE_NAMES: readonly (keyof HeadRecipe)[] = [
  ...(['kind', 'heads', 'layers', 'draftVocab', 'tied', 'loss', 'beta', 'decay', 'steps', 'batch', 'length'] as const),
  ...(['learningRate', 'weightDecay', 'heldOut', 'onPolicy', 'seed'] as const),
];
export const RUN_NAMES: readonly (keyof HeadRun)[] = [
  ...(['load', 'threads', 'engine', 'worker', 'memoryLimit', 'evaluateEvery', 'checkpointEvery'] as const),
];

const LAYERS: Readonly<Record<HeadKind, number>> = { medusa: 1, hydra: 1, 'hydra++': 4, recurrent: 2 };
const LENGTH = 256;
const ON_POLICY: Required<OnPolicy> = { prompt: 32, temperature: 0.3 };
const MOST_STEPS = 2 ** 31;
/** Blocks of a head that the format knows. */
const MOST_LAYERS = 16;

/**
 * Fills in defaults and checks every value.
 * @throws {ForetokenError} `option.unknown`, `option.type`, `option.range`
 */
export function fullRecipe(recipe: HeadRecipe, { context, vocab, hidden }: ModelConfig): FullRecipe {
  checkNames(recipe, RECIPE_NAMES);
  const { kind, heads = 4, draftVocab, tied = false, onPolicy = false } = recipe;
  checkWord('kind', kind, HEAD_KINDS);
  const { loss = kind === 'hydra++' ? 'forward-kl' : 'text' } = recipe;
  checkWord('loss', loss, HEAD_LOSSES);
  const { layers = LAYERS[kind], beta = 0.5, decay = kind === 'medusa' ? 0.8 : 1, steps = 1000, batch = 4 } = recipe;
  const { length = Math.min(LENGTH, context), learningRate = 1e-3, weightDecay = 0, heldOut = 16, seed = 0 } = recipe;
  checkInteger('heads', heads, 1, MOST_HEADS);
  checkInteger('layers', layers, kind === 'hydra' || kind === 'hydra++' ? 1 : 0, MOST_LAYERS);
  checkInteger('steps', steps, 1, MOST_STEPS);
  checkInteger('batch', batch, 1, 4096);
  checkInteger('length', length, heads + 2, context);
  checkInteger('heldOut', heldOut, 1, MOST_STEPS);
  checkInteger('seed', seed, 0, Number.MAX_SAFE_INTEGER);
  checkNumber('beta', beta, beta > 0 && beta < 1, 'a number between 0 and 1');
  checkNumber('decay', decay, decay > 0 && decay <= 1, 'a number above 0, 1 at most');
  checkNumber('learningRate', learningRate, learningRate > 0 && learningRate < Infinity, 'a number above 0');
  checkNumber('weightDecay', weightDecay, weightDecay >= 0 && weightDecay < Infinity, 'a number, 0 or more');
  if (typeof tied !== 'boolean') throw wrongType('tied', 'true or false', tied);
  if (tied && (draftVocab !== undefined || kind === 'recurrent')) {
    throw outOfRange('tied', 'false with draftVocab, and for recurrent heads', 'true');
  }
  const tokens = draftVocab ?? vocab;
  if (draftVocab !== undefined) checkInteger('draftVocab', draftVocab, 4, vocab);
  // The target's probabilities are gathered row by row, four numbers at a time.
  if (loss !== 'text' && tokens % 4 !== 0) throw outOfRange('draftVocab', `a multiple of 4 for ${loss}`, tokens);
  if (hidden % 4 !== 0) throw new ForetokenError('config.unsupported', `hidden is ${hidden}: expected a multiple of 4`);
  return {
    ...{ kind, heads, layers, draftVocab, tied, loss, beta, decay, steps, batch, length },
    ...{ learningRate, weightDecay, heldOut, seed, onPolicy: policyOf(onPolicy, length) },
  };
}

function policyOf(onPolicy: boolean | OnPolicy, length: number): Required<OnPolicy> | undefined {
  if (onPolicy === false) return undefined;
  if (onPolicy !== true && (typeof onPolicy !== 'object' || onPolicy === null)) {
    throw wrongType('onPolicy', 'true, false or an object', onPolicy);
  }
  if (onPolicy !== true) checkNames(onPolicy, Object.keys(ON_POLICY));
  const policy = { ...ON_POLICY, ...(onPolicy === true ? {} : onPolicy) };
  checkInteger('onPolicy.prompt', policy.prompt, 1, length - 1);
  const { temperature } = policy;
  checkNumber('onPolicy.temperature', temperature, temperature >= 0 && temperature <= 100, 'a number, 0..100');
  return policy;
}

/** What the run options say, with defaults. @throws {ForetokenError} `option.range`, `option.type` */
export function pacesOf({ evaluateEvery, checkpointEvery = 50 }: HeadRun, { steps }: FullRecipe) {
  const paces = { evaluateEvery: evaluateEvery ?? Math.max(10, Math.ceil(steps / 20)), checkpointEvery };
  for (const [name, value] of Object.entries(paces)) checkInteger(name, value, 1, MOST_STEPS);
  return paces;
}

/** The configuration of the head that a recipe makes for a target. */
export function headConfigOf(recipe: FullRecipe, config: ModelConfig): HeadConfig {
  const { kind, heads, layers, tied, draftVocab } = recipe;
  const { hidden, vocab, intermediate, queryHeads, kvHeads, headDim, ropeTheta, rmsNormEpsilon } = config;
  const isRecurrent = kind === 'recurrent';
  return {
    ...{ kind, hidden, vocab, heads, layers, tied, draftVocab },
    accuracy: undefined,
    prefix: kind === 'hydra++' ? { intermediate, queryHeads, kvHeads, headDim, ropeTheta, rmsNormEpsilon } : undefined,
    exitDim: isRecurrent ? 2 * hidden : undefined,
    rnn: isRecurrent ? true : undefined,
    quantization: undefined,
  };
}

/** Guesses of each head that are measured. */
export function ranksOf({ draftVocab, vocab }: HeadConfig): number {
  return Math.min(10, MOST_RANKS, draftVocab ?? vocab);
}

function checkWord(name: string, value: unknown, words: readonly string[]): void {
  if (typeof value !== 'string') throw wrongType(name, 'a string', value);
  if (!words.includes(value)) throw outOfRange(name, words.join(', '), quote(value));
}

function checkInteger(name: string, value: unknown, least: number, most: number): void {
  if (typeof value !== 'number') throw wrongType(name, 'a number', value);
  if (!(Number.isInteger(value) && value >= least && value <= most)) {
    throw outOfRange(name, `an integer, ${least}..${most}`, value);
  }
}

function checkNumber(name: string, value: unknown, holds: boolean, expected: string): void {
  if (typeof value !== 'number') throw wrongType(name, 'a number', value);
  if (!holds) throw outOfRange(name, expected, value);
}
