/**
 * Fixed trees: which ranks of which levels are guessed, whatever the text.
 *
 * A choice is a path of ranks from the root: [0, 2] is the third guess below the first. The value of a path is the chance that the target follows it, the
 * product of the accuracies of its ranks; a tree of the paths of highest value has the most tokens that can be expected of its size.
 *
 * Source: Cai et al., 2024, arXiv 2401.10774, section 2.3.3 and appendix.
 * @module
 */
import { outOfRange } from '../check-options.ts';
import { takeBest } from '../tree/best-first.ts';

/** Ranks from the root down. */
export type RankPath = readonly number[];

/** (levels, ranks) chance that the guess of a rank is right, where those above it are. */
export type Accuracy = readonly (readonly number[])[];

/**
 * The best tree of a size: again and again the path of highest value among those whose beginning is there, of equal ones the one that came first into
 * reach.
 *
 * @param nodes besides the root; fewer come back where the accuracies have no more ranks
 * @returns paths in the order in which they were chosen: each beginning of the list is the best tree of its size
 */
export function chooseTree(accuracy: Accuracy, nodes: number): RankPath[] {
  const chosen: RankPath[] = [];
  const candidates: { path: RankPath; joint: number }[] = [];
  const consider = (above: RankPath, rank: number, value: number) => {
    const chance = accuracy[above.length]?.[rank];
    if (chance !== undefined) candidates.push({ path: [...above, rank], joint: value * chance });
  };
  consider([], 0, 1);
  while (chosen.length < nodes && candidates.length > 0) {
    const { path, joint } = takeBest(candidates);
    chosen.push(path);
    const [above, rank] = [path.slice(0, -1), path.at(-1)!];
    consider(path, 0, joint);
    consider(above, rank + 1, valueOfPath(above, accuracy));
  }
  return chosen;
}

/** Tokens that one verification pass of a tree is expected to emit, the target's own included. */
export function expectedTokens(paths: readonly RankPath[], accuracy: Accuracy): number {
  return paths.reduce((sum, path) => sum + valueOfPath(path, accuracy), 1);
}

function valueOfPath(path: RankPath, accuracy: Accuracy): number {
  return path.reduce((value, rank, level) => value * (accuracy[level]?.[rank] ?? 0), 1);
}

/** @throws {ForetokenError} `option.range` for a path before its beginning or without it, one that is there twice, a rank that is none */
export function checkPaths(paths: readonly RankPath[], depth: number, ranks: number): readonly RankPath[] {
  const known = new Set(['']);
  for (const path of paths) {
    const isPath = path.length >= 1 && path.length <= depth;
    const good = isPath && path.every((rank) => Number.isInteger(rank) && rank >= 0 && rank < ranks);
    if (!good || known.has(path.join()) || !known.has(path.slice(0, -1).join())) {
      const expected = `paths of at most ${depth} ranks below ${ranks}, each once and after its beginning`;
      throw outOfRange('paths', expected, `[${path.join()}]`);
    }
    known.add(path.join());
  }
  return paths;
}

/** For some paths, their ranks in a row, how many children each of their first children has: ranks 0 to that number - 1. */
type ChildCounts = Readonly<Record<string, readonly number[]>>;

function pathsOf(root: number, counts: ChildCounts): RankPath[] {
  const paths: RankPath[] = [];
  let level: RankPath[] = Array.from({ length: root }, (_, rank) => [rank]);
  while (level.length > 0) {
    paths.push(...level);
    level = level.flatMap((path) => {
      const children = counts[path.slice(0, -1).join('')]?.[path.at(-1)!] ?? 0;
      return Array.from({ length: children }, (_, rank) => [...path, rank]);
    });
  }
  return paths;
}

/** The trees of 63 nodes that were published with Medusa's heads, level by level: for want of accuracies of one's own. */
export const PUBLISHED_TREES = {
  'mc-sim-7b-63': pathsOf(10, {
    '': [10, 7, 3, 2, 1, 1, 1, 1, 1, 1],
    0: [10, 3, 2, 1, 1, 1, 1, 1],
    1: [2],
    2: [1],
    '00': [2],
  }),
  'vicuna-7b-stage2': pathsOf(10, {
    '': [10, 5, 2, 2, 1, 1, 1, 1],
    0: [9, 4, 2, 1, 1, 1],
    1: [3, 1],
    2: [1],
    '00': [4, 1, 1],
    '01': [1],
  }),
  'zephyr-stage2': pathsOf(10, {
    '': [10, 6, 4, 2, 2, 1, 1, 1],
    0: [10, 4, 2, 1, 1, 1],
    1: [2, 1],
    2: [1],
    '00': [2, 1],
  }),
} as const;
