/**
 * What is measured: a library with one model loaded, in a process or a page of its own.
 * @module
 */
import type { Precision } from '../formats/model-files.ts';

/** What one greedy generation took. */
export interface Generated {
  readonly tokens: readonly number[];
  /** Milliseconds from the call to the first token: the prompt's share. */
  readonly firstMs: number;
  /** One-token passes after that, and their milliseconds. */
  readonly passes: number;
  readonly passesMs: number;
}

export interface Contestant {
  /** What a reader has to know: type of the cache, versions, builds. */
  readonly details: string;
  /** Tokens that are the likeliest each; nothing of earlier calls is reused. Absent where a library has no transformer. */
  generate?(prompt: readonly number[], maxTokens: number): Promise<Generated>;
  /**
   * Milliseconds of one pass over n new tokens after those of the prompt, logits at each, for each n. The prompt is not measured.
   * Absent where a library cannot do it.
   */
  passes?(prompt: readonly number[], sizes: readonly number[]): Promise<number[]>;
}

/** What to load. */
export interface Job {
  /** A name of SHAPES. */
  readonly shape: string;
  readonly precision: Precision;
  readonly threads: number;
  /** Positions of the cache. */
  readonly context: number;
  /** Path or address of the model, in the contestant's format. */
  readonly model: string;
}

/** What every module of this folder exports as `load`. */
export type LoadContestant = (job: Job) => Promise<Contestant>;

/** A build or a library that does not know what a job asks for: said in the report, not an error. */
export class NotOffered extends Error {
  override readonly name = 'NotOffered';
}

/** The tokens of a measured pass. */
export function passTokens(count: number, vocab: number): number[] {
  return Array.from({ length: count }, (_, i) => (i * 7 + 11) % vocab);
}

/** Index of the largest value; the first of equal ones. */
export function argmax(values: Float32Array): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i]! > values[best]!) best = i;
  return best;
}
