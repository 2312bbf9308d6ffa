/**
 * Draft trees in the simplest way: as lists of paths of tokens, each with its scores.
 * @module
 */
import type { DraftTree } from '../../src/tree/draft-tree.ts';
import { pathTo, scoreAt } from '../../src/tree/draft-tree.ts';
import type { ChoicesAfter } from './twin.ts';

/** A node: tokens from the root down, and the scores of those below the root. */
export interface TwinNode {
  readonly path: readonly number[];
  readonly scores: readonly number[];
}

const jointOf = ({ scores }: TwinNode): number => scores.reduce((product, score) => product * score, 1);

/** The nodes of highest joint probability: the best of all that can be reached, again and again. */
export function likeliestNodes(after: ChoicesAfter, root: number, depth: number, nodes: number): TwinNode[] {
  const chosen: TwinNode[] = [];
  const reach = (node: TwinNode): TwinNode[] =>
    after(node.path)
      .slice(0, nodes)
      .map(({ token, prob }) => ({ path: [...node.path, token], scores: [...node.scores, prob] }));
  let candidates = reach({ path: [root], scores: [] });
  while (chosen.length < nodes && candidates.length > 0) {
    candidates.sort((a, b) => jointOf(b) - jointOf(a));
    const [best, ...rest] = candidates as [TwinNode, ...TwinNode[]];
    chosen.push(best);
    candidates = best.scores.length < depth ? [...rest, ...reach(best)] : rest;
  }
  return chosen;
}

/** Beams, and what they have in common once. */
export function beamNodes(
  after: ChoicesAfter,
  root: number,
  depth: number,
  width: number,
  keepDouble = false,
): TwinNode[] {
  let beams: TwinNode[] = [{ path: [root], scores: [] }];
  for (let level = 0; level < depth; level++) {
    beams = beams
      .flatMap((beam) => {
        const kept = after(beam.path).slice(0, 50);
        const total = kept.reduce((sum, { prob }) => sum + prob, 0);
        return kept.map(({ token, prob }) => ({ path: [...beam.path, token], scores: [...beam.scores, prob / total] }));
      })
      .sort((a, b) => jointOf(b) - jointOf(a))
      .slice(0, width);
  }
  const all = beams.flatMap(({ path, scores }) =>
    scores.map((_, i) => ({ path: path.slice(0, i + 2), scores: scores.slice(0, i + 1) })),
  );
  if (keepDouble) return all;
  return all.filter(({ path }, i) => all.findIndex((other) => other.path.join() === path.join()) === i);
}

/** Paths of ranks. */
export function rankNodes(after: ChoicesAfter, root: number, paths: readonly (readonly number[])[]): TwinNode[] {
  return paths.map((ranks) =>
    ranks.reduce<TwinNode>(
      ({ path, scores }, rank) => {
        const { token, prob } = after(path)[rank]!;
        return { path: [...path, token], scores: [...scores, prob] };
      },
      { path: [root], scores: [] },
    ),
  );
}

/** Why a tree is not that of these nodes, whatever their order; undefined where it is. */
export function difference(tree: DraftTree, expected: readonly TwinNode[]): string | undefined {
  const { tokens } = tree;
  if (tokens.length !== expected.length + 1) return `${tokens.length - 1} nodes for ${expected.length}`;
  const scores = new Map(expected.map((node) => [node.path.join(), node.scores.at(-1)!]));
  for (let node = 1; node < tokens.length; node++) {
    const path = Array.from(pathTo(tree, node), (at) => tokens[at]!).join();
    const score = scores.get(path);
    if (score === undefined) return `node ${node} is none of them: ${path}`;
    if (!(Math.abs(score - scoreAt(tree, node)) < 1e-3)) return `node ${node}: ${scoreAt(tree, node)} for ${score}`;
  }
  return undefined;
}
