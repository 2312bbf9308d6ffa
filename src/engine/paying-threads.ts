/**
 * Threads where they pay: a machine that finds out for every size of pass whether one thread is faster or all of them, by the passes that
 * decoding runs anyway. A pass has the same bits either way, so only time depends on the choice.
 *
 *   trial     together, together, alone, alone     the first of each pair, in which threads may have been asleep, does not count
 *   decided   the faster way, for a while          then the slower one is tried again, twice: soon at first, and ever more seldom
 *                                                  while the answer stays the same; at once when the faster one has become slow
 * @module
 */
import type { Machine } from './engine.ts';

/**
 * Word of a program's first op that holds the number of tokens (opcodes.ts): a pass begins with an embedding, or with a norm in later
 * memories of a model that is split over several.
 */
const ROWS_WORD = 4;
/** Passes until the slower way is tried again: at first, and in the end. */
const FIRST_REST = 16;
const LONGEST_REST = 4096;
/** A change must be worth so much: times of equal ways differ by a few per cent. */
const WORTH = 0.95;
/** Weight of the newest time in the mean of the faster way. */
const NEWEST = 0.25;
/** The faster way is doubted when its mean has grown by this factor since it was chosen. */
const SLOW = 1.5;

/** One size of pass. */
class Trial {
  /** Whether the faster way is alone; undefined until both have been tried. */
  #alone: boolean | undefined;
  /** Milliseconds of the faster way, on average, and when it was chosen; of `together` until that is known. */
  #ms = 0;
  #msThen = 0;
  /** Passes since the last trial began, and how many the faster way is to have. */
  #passes = 0;
  #rest = FIRST_REST;

  /** Whether the next pass runs alone. */
  next(): boolean {
    if (this.#alone === undefined) return this.#passes >= 2;
    return this.#passes < this.#rest ? this.#alone : !this.#alone;
  }

  /** Tells how long it took. */
  took(ms: number): void {
    const pass = ++this.#passes;
    if (this.#alone === undefined) {
      if (pass === 2) this.#ms = ms;
      if (pass === 4) this.#choose(ms < this.#ms, Math.min(ms, this.#ms));
    } else if (pass <= this.#rest) {
      this.#ms += NEWEST * (ms - this.#ms);
      if (this.#ms > SLOW * this.#msThen) this.#rest = pass;
    } else if (pass === this.#rest + 2) {
      const changed = ms < WORTH * this.#ms;
      this.#rest = changed ? FIRST_REST : Math.min(2 * this.#rest, LONGEST_REST);
      if (changed) this.#choose(!this.#alone, ms);
      else this.#choose(this.#alone, this.#ms);
    }
  }

  #choose(alone: boolean, ms: number): void {
    this.#alone = alone;
    this.#ms = this.#msThen = ms;
    this.#passes = 0;
  }
}

/** @param now milliseconds */
export function payingThreads(machine: Machine, now: () => number = () => performance.now()): Machine {
  const trials = new Map<number, Trial>();
  /** Sizes within a factor of two share a trial, if their first op is the same: a memory may have two parts of a pass. */
  const trialOf = (opcode: number, rows: number) => {
    const key = (opcode << 5) - Math.clz32(rows);
    let trial = trials.get(key);
    if (!trial) trials.set(key, (trial = new Trial()));
    return trial;
  };
  return {
    ...machine,
    run(program, ops, alone) {
      if (alone) return machine.run(program, ops, true);
      const op = new Int32Array(machine.memory.buffer, program, ROWS_WORD + 1);
      const trial = trialOf(op[0]!, op[ROWS_WORD]!);
      const started = now();
      machine.run(program, ops, trial.next());
      trial.took(now() - started);
    },
  };
}
