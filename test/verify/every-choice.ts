/**
 * All that can happen: a chooser that follows every choice, each with its probability.
 * @module
 */
import type { Chooser } from '../../src/verify/chooser.ts';

/** A choice that was met: probabilities of its branches, and the branch that is being followed. */
interface Fork {
  readonly probabilities: readonly number[];
  branch: number;
}

/**
 * Runs something once for each way in which its choices can fall.
 *
 *   run 1   accept? yes ── draw 0                 each run goes as the one before up to the last choice that has
 *   run 2   accept? yes ── draw 1                 a branch left, and takes that branch
 *   run 3   accept? no ─── draw 0
 *
 * @param visit what came out, and the probability of the choices that led to it
 * @returns number of runs
 */
export function everyChoice<T>(run: (chooser: Chooser) => T, visit: (outcome: T, probability: number) => void): number {
  const forks: Fork[] = [];
  let runs = 0;
  for (;;) {
    let met = 0;
    let probability = 1;
    const choose = (probabilities: readonly number[]): number => {
      if (met === forks.length) forks.push({ probabilities, branch: nextPossible(probabilities, -1) });
      const { branch } = forks[met++]!;
      probability *= probabilities[branch]!;
      return branch;
    };
    visit(run(chooserOf(choose)), probability);
    runs++;
    while (forks.length > 0) {
      const last = forks[forks.length - 1]!;
      last.branch = nextPossible(last.probabilities, last.branch);
      if (last.branch >= 0) break;
      forks.pop();
    }
    if (forks.length === 0) return runs;
  }
}

function chooserOf(choose: (probabilities: readonly number[]) => number): Chooser {
  const draw = (weights: ArrayLike<number>): number => {
    const sum = Array.from(weights).reduce((a, b) => a + b, 0);
    if (!(sum > 0)) throw new Error('nothing to draw from');
    return choose(Array.from(weights, (weight) => weight / sum));
  };
  return {
    accept(probability) {
      if (!(probability >= 0 && probability <= 1)) throw new Error(`a probability of ${probability}`);
      return choose([probability, 1 - probability]) === 0;
    },
    draw,
  };
}

function nextPossible(probabilities: readonly number[], after: number): number {
  for (let i = after + 1; i < probabilities.length; i++) if (probabilities[i]! > 0) return i;
  return -1;
}
