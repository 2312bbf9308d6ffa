/**
 * Patience: how long drafting that earns less than it takes goes on. It belongs to a model and outlives generations, so that many short ones do
 * not all begin with the same losses.
 *
 * All drafting has one balance, of tokens won and of time spent: below a limit it is time for caution. Each drafter has a course of its own, as learning
 * takes time in every step, also where nothing is drafted:
 *
 *   steps   ................................ rest ................................ rest ...
 *           trial of 32, balance below 0          trial of 32
 *
 * A rest is so long that trials take a small share of the time: the cheaper a drafter's learning, the sooner it is tried again.
 * @module
 */

/** Steps after which the balance is drawn. */
export const TRIAL = 32;
/** Share of the time that trials in vain may take. */
const EXPLORATION = 0.001;
/** A drafter that takes less than this share rests only in times of caution: it would save little, and miss the moment when a copy begins. */
const CHEAP = 0.005;
/** Of all drafting, in plain steps: each token adds this allowance, so that losses stay below it in the long run ... */
const ALLOWANCE = 0.005;
/** ... what was won is soon forgotten, as it says little about the next text, losses later; below the limit it is time for caution. */
const MOST = 1;
const LEAST = -3;
const LIMIT = -1;

/** Asking that does not pay is tried again after 0, 1, 3, 7 ... steps, until it costs this share of the time. */
const ASKING = 0.005;
const LONGEST_PAUSE = 63;

interface Course {
  /** Of this trial: plain steps earned less those spent, and steps so far. */
  balance: number;
  steps: number;
  /** The step in which its rest ends; it works from there on. */
  until: number;
}

export class Patience {
  readonly #courses = new Map<string, Course>();
  /** Of all drafting: plain steps won less those lost. */
  #balance = 0;
  /** Steps so far. */
  #now = 0;
  /** The pause after the next proposal that does not pay. */
  #nextPause = 0;

  /** Whether drafting has lost more than it won: what drafters promise is to be doubted. */
  get isCautious(): boolean {
    return this.#balance < LIMIT;
  }

  /** The end of a step of so many tokens, whose pass and drafting took as long as so many plain steps. */
  settle(tokens: number, spent: number): void {
    this.#now++;
    this.#balance = Math.max(LEAST, Math.min(MOST, this.#balance + (1 + ALLOWANCE) * tokens - spent));
  }

  /** @returns for how many steps drafters are not asked after a proposal that did or did not pay, and took so many plain steps */
  pause(paid: boolean, spent: number): number {
    if (paid) {
      this.#nextPause >>= 1;
      return 0;
    }
    const pause = Math.min(this.#nextPause, LONGEST_PAUSE, Math.ceil(spent / ASKING) - 1);
    this.#nextPause = 2 * pause + 1;
    return pause;
  }

  /** Steps that a drafter still rests, this one included; 0 or less while it works. */
  rest(drafter: string): number {
    return this.#course(drafter).until - this.#now;
  }

  /**
   * A step in which the drafter worked; to be told before the step is settled.
   * @param earned what it promised to save; not believed in times of caution
   * @param spent  what its learning takes; both in plain steps
   * @returns whether it rests from the next step on
   */
  listen(drafter: string, earned: number, spent: number): boolean {
    const course = this.#course(drafter);
    const cautious = this.isCautious;
    course.balance += (cautious ? 0 : earned) - spent;
    if (++course.steps < TRIAL) return false;
    const rests = course.balance < 0 && (cautious || spent > CHEAP);
    if (rests) course.until = this.#now + 1 + Math.ceil((TRIAL * spent) / EXPLORATION);
    course.balance = course.steps = 0;
    return rests;
  }

  #course(drafter: string): Course {
    let course = this.#courses.get(drafter);
    if (!course) this.#courses.set(drafter, (course = { balance: 0, steps: 0, until: 0 }));
    return course;
  }
}
