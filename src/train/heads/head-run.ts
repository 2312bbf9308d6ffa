/**
 * A run of head training: updates, measurements, checkpoints, and the files at its end.
 * @module
 */
import { type HeadConfig, headShapes } from '../../heads/format.ts';
import { Breather } from '../../runtime/breathe.ts';
import type { Graph } from '../graph.ts';
import type { Trainer } from '../trainer.ts';
import { AccuracyCount, chainLength } from './accuracy.ts';
import type { DraftVocabulary } from './draft-vocabulary.ts';
import type { TextStates } from './frozen-target.ts';
import { headBatch, type LearntText } from './head-batch.ts';
import { DRAFT_VOCABULARY, type HeadType, headFiles, rounded } from './head-files.ts';
import { guessOutput } from './head-graph.ts';
import { type FullRecipe, ranksOf } from './head-options.ts';
import { type HeadEvaluation, type HeadHistory, type RunIdentity, readCheckpoint, writeCheckpoint } from './history.ts';
import type { CachedStates } from './state-cache.ts';
import type { TextWriter } from './text-writer.ts';
import { batchWindows, type Windows } from './windows.ts';

export interface HeadProgress {
  /** Updates done, of `steps`. */
  readonly step: number;
  readonly steps: number;
  readonly loss: number;
  readonly learningRate: number;
  /** Tokens of text that an update learnt from, by the time of this and the updates before it. */
  readonly tokensPerSecond: number;
  readonly secondsLeft: number;
}

export interface TrainedHead {
  /** With the accuracy of what is stored. */
  readonly config: HeadConfig;
  readonly recipe: FullRecipe;
  readonly stored: HeadType;
  readonly history: HeadHistory;
  /** Tokens of training text, and windows: trained on, and held out. */
  readonly tokens: number;
  readonly windows: { readonly training: number; readonly heldOut: number };
  /** config.json and model.safetensors. */
  readonly files: ReadonlyMap<string, Uint8Array>;
}

/** What is heard of a run, and how it is ended. */
export interface RunListeners {
  /** Ends the run between two passes, behind a last checkpoint. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: HeadProgress) => void;
  readonly onEvaluation?: (evaluation: HeadEvaluation) => void;
  /** Awaited. */
  readonly onCheckpoint?: (checkpoint: Uint8Array) => unknown;
}

/** Updates between two of each. */
interface Paces {
  readonly evaluateEvery: number;
  readonly checkpointEvery: number;
}

/** A text that is measured on, with the target's own choices. */
export type HeldOutText = LearntText & TextStates;

export interface RunParts {
  readonly recipe: FullRecipe;
  /** Of the head, without its accuracy. */
  readonly config: HeadConfig;
  readonly graph: Graph;
  readonly trainer: Trainer;
  readonly vocabulary: DraftVocabulary;
  readonly windows: Windows;
  readonly heldOut: readonly HeldOutText[];
  readonly writer: TextWriter;
  readonly states: CachedStates;
  readonly identity: RunIdentity;
  readonly stored: HeadType;
}

export class Run {
  readonly #parts: RunParts;
  readonly #options: RunListeners & Paces;
  readonly #losses: number[] = [];
  readonly #evaluations: HeadEvaluation[] = [];
  /** Seconds of the parts of the run before this one, and when it began. */
  #before = 0;
  readonly #began = performance.now();

  constructor(parts: RunParts, options: RunListeners & Paces) {
    this.#parts = parts;
    this.#options = options;
  }

  /** Goes on from a checkpoint. @throws {ForetokenError} `file.*`, `train.state` */
  async resume(file: Uint8Array): Promise<void> {
    const { history, trainer } = await readCheckpoint(file, this.#parts.identity);
    await this.#parts.trainer.load(trainer);
    this.#losses.push(...history.losses);
    this.#evaluations.push(...history.evaluations);
    this.#before = history.seconds;
  }

  /**
   * @throws {ForetokenError} `train.diverged`
   * @throws the signal's reason, once it aborts; what a listener throws
   */
  async toEnd(): Promise<TrainedHead> {
    const { trainer, recipe } = this.#parts;
    const { signal, onCheckpoint, evaluateEvery, checkpointEvery } = this.#options;
    const breather = new Breather();
    const first = trainer.updates;
    try {
      if (this.#evaluations.length === 0) this.#evaluate();
      while (trainer.updates < recipe.steps) {
        signal?.throwIfAborted();
        await this.#update(first);
        const isLast = trainer.updates === recipe.steps;
        if (isLast || trainer.updates % evaluateEvery === 0) this.#evaluate();
        if (onCheckpoint && !isLast && trainer.updates % checkpointEvery === 0) await onCheckpoint(this.#checkpoint());
        await breather.due();
      }
    } catch (error) {
      if (signal?.aborted) await onCheckpoint?.(this.#checkpoint());
      throw error;
    }
    return this.#finish();
  }

  /** Ends the training's threads and lets go of its memory. */
  dispose(): void {
    this.#parts.trainer.dispose();
  }

  async #update(first: number): Promise<void> {
    const { recipe, trainer, windows, writer, states, graph, vocabulary } = this.#parts;
    const { signal, onProgress } = this.#options;
    const { batch, seed, steps } = recipe;
    const texts: LearntText[] = [];
    for (const number of batchWindows(windows.training.length, batch, trainer.updates, seed)) {
      texts.push(await states.of(await writer.text(windows.training[number]!, number, signal), signal));
    }
    const { loss, learningRate } = trainer.step(headBatch(graph, texts, vocabulary, recipe));
    this.#losses.push(loss);
    const step = trainer.updates;
    const secondsPerStep = this.#secondsHere / (step - first);
    onProgress?.({
      ...{ step, steps, loss, learningRate },
      tokensPerSecond: (batch * recipe.length) / secondsPerStep,
      secondsLeft: secondsPerStep * (steps - step),
    });
  }

  /** Measures on what was held out, as it is now. */
  #evaluate(): void {
    const evaluation = this.#measured();
    this.#evaluations.push(evaluation);
    this.#options.onEvaluation?.(evaluation);
  }

  #measured(): HeadEvaluation {
    const { recipe, config, trainer, heldOut, graph, vocabulary } = this.#parts;
    const { batch, heads } = recipe;
    const count = new AccuracyCount(heads, ranksOf(config));
    let [loss, batches] = [0, 0];
    for (let first = 0; first < heldOut.length; first += batch, batches++) {
      const texts = heldOut.slice(first, first + batch);
      const filled = [...texts, ...Array<LearntText>(batch - texts.length).fill(NOTHING)];
      loss += trainer.evaluate(headBatch(graph, filled, vocabulary, recipe)).loss;
      const choices = texts.map((text) => text.choices);
      for (let i = 0; i < heads; i++) count.add(i, trainer.readIds(guessOutput(i)), choices, vocabulary, recipe);
    }
    const { accuracy } = count;
    return { step: trainer.updates, loss: loss / batches, accuracy, chainLength: chainLength(accuracy) };
  }

  /** Rounds the head as it is stored, measures what that comes to, and writes it. */
  #finish(): TrainedHead {
    const { recipe, config, trainer, vocabulary, windows, stored } = this.#parts;
    const values = new Map<string, Float32Array>();
    for (const [name, shape] of headShapes(config)) {
      if (name === DRAFT_VOCABULARY) continue;
      const trained = trainer.get(name);
      values.set(name, trained);
      if (shape.length > 1) trainer.set(name, rounded(trained, stored, name));
    }
    const measured = { ...config, accuracy: this.#measured().accuracy };
    return {
      ...{ config: measured, recipe, stored, history: this.#history },
      tokens: windows.training.reduce((sum, { length }) => sum + length, 0),
      windows: { training: windows.training.length, heldOut: windows.heldOut.length },
      files: headFiles(measured, values, vocabulary.targetIds, stored),
    };
  }

  #checkpoint(): Uint8Array {
    const { identity, trainer } = this.#parts;
    return writeCheckpoint({ identity, history: this.#history, trainer: trainer.save() });
  }

  get #history(): HeadHistory {
    const seconds = this.#before + this.#secondsHere;
    return { losses: this.#losses, evaluations: this.#evaluations, seconds };
  }

  get #secondsHere(): number {
    return (performance.now() - this.#began) / 1000;
  }
}

/** Of a segment that is left over. */
const NOTHING: LearntText = { tokens: new Int32Array(0), hidden: new Float32Array(0) };
