/**
 * Trees of heads: the published ones, the choice by accuracies, the merging of beams; of guesses that are written down here.
 * @module
 */
import {
  beamTree,
  chooseTree,
  expectedTokens,
  fixedTree,
  likeliestTree,
  PUBLISHED_TREES,
} from '../../src/heads/index.ts';
import type { GuessBelow, HeadNode } from '../../src/heads/head.ts';
import { type DraftTree, depths, pathTo } from '../../src/tree/draft-tree.ts';
import { hasCode } from '../codes.ts';
import { assert, test } from '../harness.ts';

const root: HeadNode = { token: 101, parent: undefined, score: 1, joint: 1 };
const limits = { depth: 4, mostRanks: 64, accuracy: undefined };

/** Depths of the levels below the root, and leaves, of paths. */
function shapeOf(paths: readonly (readonly number[])[]) {
  const levels: number[] = [];
  for (const { length } of paths) levels[length - 1] = (levels[length - 1] ?? 0) + 1;
  const parents = new Set(paths.map((path) => path.slice(0, -1).join()));
  return { nodes: paths.length, levels, leaves: paths.filter((path) => !parents.has(path.join())).length };
}

test('the published trees have the published sizes', () => {
  const shapes = Object.fromEntries(Object.entries(PUBLISHED_TREES).map(([name, paths]) => [name, shapeOf(paths)]));
  assert.equal(shapes['mc-sim-7b-63'], { nodes: 63, levels: [10, 28, 23, 2], leaves: 42 });
  assert.equal(shapes['vicuna-7b-stage2'], { nodes: 63, levels: [10, 23, 23, 7], leaves: 42 });
  assert.equal(shapes['zephyr-stage2']!.levels, [10, 27, 23, 3]);
});

test('tokens expected of two of them, where rank r of head k is right in 0.9^k / 2^(r + 1) of the cases', () => {
  const accuracy = Array.from({ length: 5 }, (_, k) => Array.from({ length: 10 }, (_, r) => 0.5 ** (r + 1) * 0.9 ** k));
  assert.is(expectedTokens(PUBLISHED_TREES['mc-sim-7b-63'], accuracy).toFixed(5), '3.29913');
  assert.is(expectedTokens(PUBLISHED_TREES['vicuna-7b-stage2'], accuracy).toFixed(5), '3.37001');
});

const ACCURACY = [
  [0.5, 0.2, 0.1, 0.05],
  [0.4, 0.15, 0.08, 0.04],
  [0.3, 0.1, 0.05, 0.02],
];

test('the tree of most expected tokens for measured accuracies', () => {
  const paths = chooseTree(ACCURACY, 8);
  assert.equal(
    paths.map((path) => path.join('')),
    ['0', '00', '1', '2', '10', '01', '000', '3'],
  );
  assert.is(expectedTokens(paths, ACCURACY).toFixed(3), '2.265');
  assert.is(expectedTokens(chooseTree(ACCURACY, 12), ACCURACY).toFixed(3), '2.399');
});

test('a smaller tree is the beginning of a larger one, and no other tree of its size has more expected tokens', () => {
  const all = chooseTree(ACCURACY, 84);
  assert.is(all.length, 4 + 16 + 64);
  for (const nodes of [1, 5, 20]) assert.equal(chooseTree(ACCURACY, nodes), all.slice(0, nodes));
  const values = all.map((path) => expectedTokens([path], ACCURACY) - 1).sort((a, b) => b - a);
  for (const nodes of [1, 3, 8, 30]) {
    const most = 1 + values.slice(0, nodes).reduce((sum, value) => sum + value, 0);
    assert.ok(Math.abs(expectedTokens(all.slice(0, nodes), ACCURACY) - most) < 1e-12);
  }
});

/** Guesses that are looked up by the tokens of the path. */
function scripted(after: Readonly<Record<string, Readonly<Record<number, number>>>>) {
  const asked: string[][] = [];
  const guess: GuessBelow = (_level, nodes, ranks) => {
    const paths = nodes.map((node) => pathOf(node).join(' '));
    asked.push(paths);
    return paths.map((path) => {
      const entries = Object.entries(after[path] ?? {}).sort((a, b) => b[1] - a[1]);
      const kept = entries.slice(0, ranks);
      return { tokens: Int32Array.from(kept, ([id]) => Number(id)), probs: Float32Array.from(kept, ([, p]) => p) };
    });
  };
  const first = guess(0, [root], 64)[0]!;
  return { guess, first, asked };
}

const pathOf = ({ token, parent }: HeadNode): number[] => (parent ? [...pathOf(parent), token] : [token]);

/** Every node as the tokens on the way to it. */
const pathsOf = (tree: DraftTree): string[] =>
  Array.from(tree.tokens, (_, node) => Array.from(pathTo(tree, node), (at) => tree.tokens[at]!).join(' '));

test('beams that begin alike are merged: twelve tokens of three beams become eight nodes, row by row', () => {
  const { guess, first } = scripted({
    '101': { 102: 1 },
    '101 102': { 103: 0.5, 203: 0.3, 303: 0.2 },
    '101 102 103': { 104: 1 },
    '101 102 203': { 204: 1 },
    '101 102 303': { 104: 1 },
  });
  const tree = beamTree({ width: 3, length: 3 }).start(limits)(guess, root, first, 64);
  assert.equal([...tree.tokens], [101, 102, 103, 104, 203, 204, 303, 104]);
  assert.equal([...tree.parents], [-1, 0, 1, 2, 1, 4, 1, 6]);
});

const WORDS = {
  '101': { 1: 0.6, 2: 0.3, 3: 0.1 },
  '101 1': { 4: 0.9, 5: 0.1 },
  '101 2': { 6: 0.5, 7: 0.5 },
  '101 3': { 8: 1 },
  '101 1 4': { 9: 0.2, 10: 0.2 },
  '101 2 6': { 11: 1 },
};

test('the likeliest tree holds the nodes of highest joint probability, and looks below those alone that may matter', () => {
  const { guess, first, asked } = scripted(WORDS);
  // 1: 0.6, 1 4: 0.54, 2: 0.3, 2 6: 0.15, 2 7: 0.15; then 1 4 9: 0.108
  const tree = likeliestTree().start(limits)(guess, root, first, 6);
  assert.equal(pathsOf(tree), ['101', '101 1', '101 1 4', '101 2', '101 2 6', '101 2 7']);
  assert.equal(
    Array.from(tree.scores!, (score) => score.toFixed(2)),
    ['1.00', '0.60', '0.90', '0.30', '0.50', '0.50'],
  );
  assert.equal(asked.slice(1)[0], ['101 1', '101 2', '101 3']);
  assert.ok(!asked.flat().includes('101 3 8'), 'what cannot be among the best is not looked below');
});

test('a narrow tree looks below fewer nodes, a small budget keeps fewer, and one of depth 1 asks nothing', () => {
  const narrow = scripted(WORDS);
  likeliestTree({ width: 1 }).start(limits)(narrow.guess, root, narrow.first, 6);
  assert.equal(narrow.asked[1], ['101 1']);
  const small = scripted(WORDS);
  assert.equal(pathsOf(likeliestTree().start(limits)(small.guess, root, small.first, 2)), ['101', '101 1']);
  const flat = scripted(WORDS);
  likeliestTree().start({ ...limits, depth: 1 })(flat.guess, root, flat.first, 6);
  assert.is(flat.asked.length, 1);
});

test('a fixed tree takes ranks, scores them by measured accuracies, and its beginning where the budget is small', () => {
  const { guess, first } = scripted(WORDS);
  const measured = { ...limits, accuracy: ACCURACY };
  const grow = fixedTree([[1], [0], [1, 0], [0, 1]]).start(measured);
  const tree = grow(guess, root, first, 64);
  assert.equal(pathsOf(tree), ['101', '101 2', '101 1', '101 2 6', '101 1 5']);
  assert.equal(
    Array.from(tree.scores!, (score) => score.toFixed(2)),
    ['1.00', '0.20', '0.50', '0.40', '0.15'],
  );
  assert.equal(pathsOf(grow(guess, root, first, 3)), ['101', '101 2', '101 1']);
  const valuable = fixedTree([[0], [0, 0], [1]]).start(limits);
  assert.equal(pathsOf(valuable(guess, root, first, 3)), ['101', '101 1', '101 1 4']);
});

test('a published tree of 63 nodes asks a head for 1 + 10 + 10 + 1 guesses', () => {
  let asked = 0;
  const count: GuessBelow = (_level, nodes, ranks) => {
    asked += nodes.length;
    const tokens = Int32Array.from({ length: ranks }, (_, rank) => rank);
    return nodes.map(() => ({ tokens, probs: new Float32Array(ranks).fill(1 / ranks) }));
  };
  const first = count(0, [root], 10)[0]!;
  const tree = fixedTree(PUBLISHED_TREES['mc-sim-7b-63']).start(limits)(count, root, first, 64);
  assert.is(asked, 22);
  assert.is(tree.tokens.length, 64);
  assert.is(Math.max(...depths(tree)), 4);
});

test('shapes that are none are refused', () => {
  const refused = (call: () => unknown) => assert.throws(call, hasCode('option.range'));
  refused(() => likeliestTree({ width: 0 }));
  refused(() => beamTree({ width: 65 }));
  refused(() => beamTree({ length: 1.5 }));
  refused(() => fixedTree().start(limits));
  refused(() => fixedTree([[0, 0]]).start(limits));
  refused(() => fixedTree([[0, 0], [0]]).start(limits));
  refused(() => fixedTree([[0], [0]]).start(limits));
  refused(() => fixedTree([[64]]).start(limits));
  refused(() => fixedTree([[0], [0, 0], [0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0, 0]]).start(limits));
});

test.run();
