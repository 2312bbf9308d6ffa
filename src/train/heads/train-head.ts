/**
 * Training of draft heads: texts in, a head folder out.
 *
 *   texts ─► windows ─► the target's hidden states ─► batches ─► updates ─► measured on what was held out ─► files
 *
 * Bits: recipe, texts and target decide every bit of the result, on every runtime, on any number of threads, and wherever the run was interrupted.
 * @module
 */
import { checkNames, wrongType } from '../../check-options.ts';
import { MOST_MEMORY_BYTES } from '../../engine/arena.ts';
import { ForetokenError } from '../../errors.ts';
import type { ModelConfig } from '../../formats/hf-config.ts';
import { headLayout } from '../../heads/format.ts';
import { estimate, type LoadOptions, type ModelInput, openModel } from '../../load.ts';
import { formOf } from '../../model/form.ts';
import type { Graph } from '../graph.ts';
import { warmUpCosine } from '../learning-rate.ts';
import { createTrainer, estimateTraining, type TrainerOptions } from '../trainer.ts';
import { draftRows, draftVocabulary } from './draft-vocabulary.ts';
import { type FrozenTarget, loadTarget, readTargetMatrices } from './frozen-target.ts';
import { defaultType, HEAD_TYPES, type HeadType } from './head-files.ts';
import { type HeadBeginnings, headGraph } from './head-graph.ts';
import {
  type FullRecipe,
  fullRecipe,
  type HeadRecipe,
  type HeadRun,
  headConfigOf,
  pacesOf,
  RECIPE_NAMES,
  RUN_NAMES,
  ranksOf,
} from './head-options.ts';
import { type HeldOutText, type RunListeners, Run, type TrainedHead } from './head-run.ts';
import { CachedStates, sha256, type StateCache } from './state-cache.ts';
import { TextWriter } from './text-writer.ts';
import { cutWindows } from './windows.ts';

/** A document: text, or the target's token ids. */
export type TrainingText = string | ArrayLike<number>;

export interface TrainHeadOptions extends HeadRecipe, HeadRun, RunListeners {
  readonly texts: Iterable<TrainingText> | AsyncIterable<TrainingText>;
  /** How matrices are stored; default `q8` where every width is a multiple of 32, else `bf16`. */
  readonly stored?: HeadType;
  /** Keeps hidden states, for further epochs and other heads; default: they are computed again. */
  readonly cache?: StateCache;
  /** Goes on from what `onCheckpoint` was given, by the same recipe and texts. */
  readonly resume?: Uint8Array;
}

/** Bytes of memory: of the training, and of the target beside it. */
export interface HeadTrainingMemory {
  readonly training: number;
  readonly target: number;
  readonly total: number;
}

const NAMES: readonly (keyof TrainHeadOptions)[] = [
  ...RECIPE_NAMES,
  ...RUN_NAMES,
  ...(['texts', 'stored', 'cache', 'resume', 'signal', 'onProgress', 'onEvaluation', 'onCheckpoint'] as const),
];

/**
 * The memory that a run will take, from the target's configuration alone.
 * @throws {ForetokenError} as `trainHead`, for the recipe and the configuration
 */
export async function estimateHeadTraining(
  target: ModelInput,
  options: HeadRecipe & HeadRun,
): Promise<HeadTrainingMemory> {
  const { load = {}, threads, memoryLimit } = options;
  const config = await configOf(target, options);
  const recipe = fullRecipe(recipeOf(options), config);
  const graph = graphOf(recipe, config);
  const training = estimateTraining(graph, trainerOptions(recipe, { ...(threads !== undefined && { threads }) }));
  const { tokenizer: _, ...held } = load;
  const memory = await estimate(target, { ...held, context: recipe.length, sessions: sessionsOf(recipe) });
  // Beginnings are there twice: as they were read, and in the training's memory.
  const matrices = config.vocab * config.hidden * 4 * (config.tied ? 1 : 2);
  const total = training + memory.total + matrices;
  if (training > MOST_MEMORY_BYTES) throw tooLarge('training needs', training, MOST_MEMORY_BYTES);
  if (memoryLimit !== undefined && total > memoryLimit) throw tooLarge('target and training need', total, memoryLimit);
  return { training, target: memory.total + matrices, total };
}

/**
 * Trains heads for a target, which stays as it is.
 *
 * @param target as for `load`
 * @returns the head with its files; the numbers are those of the end, or of the last step
 * @throws {ForetokenError} before anything is computed: `option.*`, `config.*`, `memory.limit` when target and training take more than `memoryLimit`,
 *   `train.data` for too few texts; for the target what `load` states; `train.state` and `file.*` for `resume`; `train.diverged`
 * @throws the signal's reason, once it aborts
 * @example
 * const head = await trainHead('my-model', { kind: 'medusa', texts, steps: 500, onProgress: ({ loss }) => show(loss) });
 * for (const [name, bytes] of head.files) await write(name, bytes);
 */
export async function trainHead(target: ModelInput, options: TrainHeadOptions): Promise<TrainedHead> {
  checkNames(options, NAMES);
  checkCallbacks(options);
  await estimateHeadTraining(target, options);
  const config = await configOf(target, options);
  const recipe = fullRecipe(recipeOf(options), config);
  pacesOf(options, recipe);
  const frozen = await loadTarget(target, loadOptions(options, recipe));
  let run: Run | undefined;
  try {
    run = await prepare(target, frozen, recipe, options);
    if (options.resume) await run.resume(options.resume);
    return await run.toEnd();
  } finally {
    run?.dispose();
    frozen.dispose();
  }
}

/** @throws {ForetokenError} `option.type`, `option.range` */
function checkCallbacks(options: TrainHeadOptions): void {
  const { texts, stored, onProgress, onEvaluation, onCheckpoint } = options;
  for (const [name, value] of Object.entries({ onProgress, onEvaluation, onCheckpoint })) {
    if (value !== undefined && typeof value !== 'function') throw wrongType(name, 'a function', value);
  }
  const isList =
    typeof texts === 'object' && texts !== null && (Symbol.iterator in texts || Symbol.asyncIterator in texts);
  if (!isList) throw wrongType('texts', 'a list of texts or of lists of token ids', texts);
  if (stored !== undefined && !HEAD_TYPES.includes(stored)) {
    throw new ForetokenError('option.range', `stored: expected ${HEAD_TYPES.join(', ')}`);
  }
}

async function configOf(target: ModelInput, { load = {} }: HeadRun): Promise<ModelConfig> {
  const model = await openModel(target, undefined, load.hub);
  model.close();
  return model.config;
}

function loadOptions({ load, threads, engine, worker, signal }: TrainHeadOptions, recipe: FullRecipe): LoadOptions {
  return {
    ...load,
    context: recipe.length,
    sessions: sessionsOf(recipe),
    ...(threads !== undefined && { threads }),
    ...(engine && { engine }),
    ...(worker && { worker }),
    ...(signal && { signal }),
  };
}

/** One for hidden states, and one to write in. */
const sessionsOf = ({ onPolicy }: FullRecipe): number => (onPolicy ? 2 : 1);

function trainerOptions(
  { learningRate: peak, weightDecay, steps, seed }: FullRecipe,
  { threads, engine, worker }: HeadRun,
): TrainerOptions {
  const learningRate = warmUpCosine({ peak, warmUp: Math.floor(steps / 10), updates: steps, floor: peak / 10 });
  return {
    ...{ seed, optimizer: { learningRate, weightDecay } },
    ...(threads !== undefined && { threads }),
    ...(engine && { engine }),
    ...(worker && { worker }),
  };
}

function graphOf(recipe: FullRecipe, config: ModelConfig, from?: HeadBeginnings): Graph {
  const head = headConfigOf(recipe, config);
  const { batch: segments, length, loss, beta, decay } = recipe;
  return headGraph({
    ...{ config: head, layout: headLayout(head), segments, length, loss, beta, decay, from },
    ...{ ranks: ranksOf(head), logitCap: formOf(config).logitCap },
  });
}

/** Reads the texts, computes what is held out, and sets up the training. */
async function prepare(
  target: ModelInput,
  frozen: FrozenTarget,
  recipe: FullRecipe,
  options: TrainHeadOptions,
): Promise<Run> {
  const { config } = frozen;
  const { signal, cache } = options;
  const { length, heads, heldOut: count, batch, seed, draftVocab } = recipe;
  const texts: Int32Array[] = [];
  for await (const text of options.texts) texts.push(tokensOf(text, frozen));
  const windows = cutWindows(texts, { length, least: heads + 2, heldOut: count, batch, seed });
  const vocabulary = draftVocabulary(windows.training, draftVocab ?? config.vocab, config.vocab);

  const writer = new TextWriter(frozen, recipe);
  const heldOut: HeldOutText[] = [];
  for (const [number, window] of windows.heldOut.entries()) {
    const tokens = await writer.text(window, windows.training.length + number, signal);
    heldOut.push({ tokens, ...(await frozen.states(tokens, true, signal)) });
  }
  const fingerprint = await fingerprintOf(frozen, length);
  const identity = { ...recipe, texts: await sha256(...windows.training), target: fingerprint };
  const matrices = await readTargetMatrices(target, { ...options.load, ...(signal && { signal }) });
  const graph = graphOf(recipe, config, {
    embedding: matrices.embedding,
    outputRows: draftRows(matrices.head, vocabulary),
    hiddenScale: rootMeanSquare(heldOut),
  });
  const trainer = await createTrainer(graph, trainerOptions(recipe, options));
  const states = new CachedStates(frozen, fingerprint, cache);
  const head = headConfigOf(recipe, config);
  const stored = options.stored ?? defaultType(head);
  return new Run(
    { recipe, config: head, graph, trainer, vocabulary, windows, heldOut, writer, states, identity, stored },
    { ...options, ...pacesOf(options, recipe) },
  );
}

/** What a target computes for its first tokens: another target, or the same in another type, computes something else. */
async function fingerprintOf(target: FrozenTarget, length: number): Promise<string> {
  const tokens = Int32Array.from({ length: Math.min(64, length, target.config.vocab) }, (_, token) => token);
  return sha256((await target.states(tokens, false)).hidden);
}

/** @throws {ForetokenError} `prompt.token`, `prompt.tokenizer` */
function tokensOf(text: TrainingText, target: FrozenTarget): Int32Array {
  if (typeof text === 'string') return target.encode(text);
  const { vocab } = target.config;
  const tokens = Int32Array.from(text);
  const wrong = tokens.findIndex((token, i) => !(token === text[i] && token >= 0 && token < vocab));
  if (wrong < 0) return tokens;
  throw new ForetokenError('prompt.token', `token ${wrong} of a text is ${text[wrong]}: expected 0..${vocab - 1}`);
}

function rootMeanSquare(texts: readonly HeldOutText[]): number {
  let [sum, count] = [0, 0];
  for (const { hidden } of texts) {
    for (const value of hidden) sum += value * value;
    count += hidden.length;
  }
  return Math.sqrt(sum / count);
}

/** The recipe among all options. */
function recipeOf(options: HeadRecipe & HeadRun): HeadRecipe {
  const names: readonly string[] = RECIPE_NAMES;
  return Object.fromEntries(Object.entries(options).filter(([name]) => names.includes(name))) as unknown as HeadRecipe;
}

function tooLarge(what: string, bytes: number, limit: number): ForetokenError {
  return new ForetokenError(
    'memory.limit',
    `${what} ${bytes} bytes: the limit is ${limit}. A smaller batch, length or draftVocab needs less`,
  );
}
