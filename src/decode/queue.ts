/**
 * Calls on one model take turns: they share its memory.
 * @module
 */
import { ForetokenError } from '../errors.ts';

/** What a second call does while the first one runs: wait for its turn, or fail with `session.busy`. */
export type Concurrency = 'queue' | 'error';

/** Gives the turn back. Calling it again does nothing. */
export type Release = () => void;

/** A call in line. */
interface Waiting {
  admit(): void;
  refuse(error: ForetokenError): void;
}

/** One turn at a time, in order of asking. A generation holds its turn until it ends, fails, is aborted or is broken off. */
export class Queue {
  readonly #concurrency: Concurrency;
  readonly #waiting: Waiting[] = [];
  #closed: ForetokenError | undefined;
  #busy = false;

  constructor(concurrency: Concurrency = 'queue') {
    this.#concurrency = concurrency;
  }

  /**
   * Waits for the turn. It ends when it is given back, or when the signal aborts: whoever holds it then must not go on.
   * @throws {ForetokenError} `session.busy` when the turn is taken and calls are not queued; the error given to `close`
   * @throws the signal's reason when it aborts before the turn comes
   */
  async acquire(signal?: AbortSignal): Promise<Release> {
    signal?.throwIfAborted();
    if (this.#closed) throw this.#closed;
    if (this.#busy) {
      if (this.#concurrency === 'error') {
        throw new ForetokenError('session.busy', 'another call is running on this model');
      }
      await this.#wait(signal);
    }
    this.#busy = true;
    let held = true;
    const release = () => {
      if (!held) return;
      held = false;
      signal?.removeEventListener('abort', release);
      this.#next();
    };
    signal?.addEventListener('abort', release, { once: true });
    return release;
  }

  /** Refuses everyone who waits, and who comes later, with this error. */
  close(error: ForetokenError): void {
    this.#closed = error;
    for (const { refuse } of this.#waiting.splice(0)) refuse(error);
  }

  #wait(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiting: Waiting = {
        admit() {
          signal?.removeEventListener('abort', leave);
          resolve();
        },
        refuse(error) {
          signal?.removeEventListener('abort', leave);
          reject(error);
        },
      };
      const leave = () => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
        reject(signal!.reason);
      };
      this.#waiting.push(waiting);
      signal?.addEventListener('abort', leave, { once: true });
    });
  }

  /** The turn passes to the next in line without ever being free in between: a newcomer cannot slip in. */
  #next(): void {
    const next = this.#waiting.shift();
    if (next) next.admit();
    else this.#busy = false;
  }
}
