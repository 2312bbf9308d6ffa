/**
 * How many threads a model gets.
 * @module
 */
import { outOfRange, wrongType } from '../check-options.ts';
import { processors, whyOneThread } from '../runtime/workers.ts';
import type { Engine } from './engine.ts';

/** A number; or as many as may pay, and then all of them or one, pass by pass (paying-threads.ts). */
export type ThreadsOption = number | 'auto';

/** What the choice depends on. */
export interface ThreadsWish {
  readonly threads?: ThreadsOption | undefined;
  readonly engine?: Engine | undefined;
}

export interface ThreadsChoice {
  readonly threads: number;
  /** Why they are fewer than were asked for. */
  readonly note: string | undefined;
}

const MOST_THREADS = 64;
/** Memory bandwidth is spent, as a rule, before more threads are at work. Not measured: no machine of ours has more than two processors. */
const MOST_CHOSEN = 8;
/**
 * A pass over a smaller model is over before threads that slept have found a processor each. On two processors, two threads decoded the
 * embedded model (7 MB as q8, 30 MB as f32) at 0.2 and 0.35 times the speed of one, a model of 150 MB at 1.8 times.
 */
const LEAST_WEIGHT_BYTES = 100_000_000;

/**
 * @param weightBytes of the model, asked for where the choice is left to us
 * @throws {ForetokenError} `option.type`, `option.range`
 */
export function chooseThreads(wish: ThreadsWish, weightBytes: () => number): ThreadsChoice {
  const { threads = 1 } = wish;
  checkThreads(threads);
  const note = whyFewerThreads(wish);
  if (threads === 1 || note !== undefined) return { threads: 1, note };
  if (threads !== 'auto') return { threads, note };
  return { threads: weightBytes() < LEAST_WEIGHT_BYTES ? 1 : Math.min(processors(), MOST_CHOSEN), note };
}

/** Why a model has one thread although more were asked for, in a sentence; undefined where it can have them. */
export function whyFewerThreads({ threads = 1, engine }: ThreadsWish): string | undefined {
  if (threads === 1) return undefined;
  if (engine && !engine.createTeam) return 'the engine was given compiled kernels, which take no shared memory';
  return whyOneThread();
}

function checkThreads(threads: unknown): void {
  if (typeof threads === 'string' && threads !== 'auto') throw outOfRange('threads', "a number or 'auto'", threads);
  if (threads === 'auto') return;
  if (typeof threads !== 'number') throw wrongType('threads', "a number or 'auto'", threads);
  if (!(Number.isInteger(threads) && threads >= 1 && threads <= MOST_THREADS)) {
    throw outOfRange('threads', `an integer, 1..${MOST_THREADS}, or 'auto'`, threads);
  }
}
