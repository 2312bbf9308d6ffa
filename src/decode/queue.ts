/**
 * Calls on one model take turns: they share its memory.
 * @module
 */
import { ForetokenError } from '../errors.ts';

/** What a second call does while the first one runs: wait for its turn, or fail with `session.busy`. */
export type Concurrency = 'queue' | 'error';

/** Gives the turn back. Calling it again does nothing. */
export type Release = () => void;

/** One turn at a time, in order of asking. A generation holds its turn until it ends, fails, is aborted or is broken off. */
export class Queue {
  readonly #concurrency: Concurrency;
  readonly #waiting: (() => void)[] = [];
  #busy = false;

  constructor(concurrency: Concurrency = 'queue') {
    this.#concurrency = concurrency;
  }

  /**
   * Waits for the turn.
   * @throws {ForetokenError} `session.busy` when the turn is taken and calls are not queued
   * @throws the signal's reason when it aborts before the turn comes
   */
  async acquire(signal?: AbortSignal): Promise<Release> {
    signal?.throwIfAborted();
    if (this.#busy) {
      if (this.#concurrency === 'error') {
        throw new ForetokenError('session.busy', 'another call is running on this model');
      }
      await this.#wait(signal);
    }
    this.#busy = true;
    let held = true;
    return () => {
      if (held) this.#next();
      held = false;
    };
  }

  #wait(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const turn = () => {
        signal?.removeEventListener('abort', leave);
        resolve();
      };
      const leave = () => {
        this.#waiting.splice(this.#waiting.indexOf(turn), 1);
        reject(signal!.reason);
      };
      this.#waiting.push(turn);
      signal?.addEventListener('abort', leave, { once: true });
    });
  }

  /** The turn passes to the next in line without ever being free in between: a newcomer cannot slip in. */
  #next(): void {
    const turn = this.#waiting.shift();
    if (turn) turn();
    else this.#busy = false;
  }
}
