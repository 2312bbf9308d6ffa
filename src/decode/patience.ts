/**
 * Patience: how long drafters that earn less than they take are listened to. Learning takes time in every step, also where nothing is drafted.
 *
 *   steps   ................................ rest ................................ rest ...
 *           trial of 32, balance below 0          trial of 32
 *
 * A rest is so long that trials take a small share of the time: the cheaper a drafter's learning, the sooner it is tried again. Patience belongs to
 * a model and outlives generations, so that many short ones do not all begin with a trial.
 * @module
 */

/** Steps after which the balance is drawn. */
export const TRIAL = 32;
/** Share of the time that trials in vain may take. */
const EXPLORATION = 0.002;
/** A drafter that takes less than this share never rests: it would save little, and miss the moment when a copy begins. */
const CHEAP = 0.005;

interface Course {
  /** Of this trial: plain steps earned less those spent, and steps so far. */
  balance: number;
  steps: number;
  /** Steps of this rest that are left; 0 while the drafter works. */
  left: number;
}

export class Patience {
  readonly #courses = new Map<string, Course>();

  rests(drafter: string): boolean {
    return this.#course(drafter).left > 0;
  }

  /** A step in which the drafter rested. @returns whether the rest is over */
  wait(drafter: string): boolean {
    return --this.#course(drafter).left <= 0;
  }

  /**
   * A step in which the drafter worked.
   * @param earned what it promised to save
   * @param spent  what its learning takes; both in plain steps
   * @returns whether it rests from now on
   */
  listen(drafter: string, earned: number, spent: number): boolean {
    const course = this.#course(drafter);
    course.balance += earned - spent;
    if (++course.steps < TRIAL) return false;
    if (course.balance < 0 && spent > CHEAP) course.left = Math.ceil((TRIAL * spent) / EXPLORATION);
    course.balance = course.steps = 0;
    return course.left > 0;
  }

  #course(drafter: string): Course {
    let course = this.#courses.get(drafter);
    if (!course) this.#courses.set(drafter, (course = { balance: 0, steps: 0, left: 0 }));
    return course;
  }
}
