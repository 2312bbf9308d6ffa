/** Smaller trees out of larger ones. */
import { bestFirst } from '../../src/tree/best-first.ts';
import { clipDepth, jointScores, keepBest, keepOrder, subtree } from '../../src/tree/prune.ts';
import { depths, pathTo, type DraftTree } from '../../src/tree/draft-tree.ts';
import { Draws } from '../../src/tree/draws.ts';
import { assert, random, randomInt, test } from '../harness.ts';

function randomTree(next: () => number, nodes: number): DraftTree {
  return {
    tokens: Int32Array.from({ length: nodes }, (_, node) => node),
    parents: Int32Array.from({ length: nodes }, (_, node) => (node === 0 ? -1 : randomInt(next, node))),
    // Few different values, so that ties are frequent.
    scores: Float32Array.from({ length: nodes }, (_, node) => (node === 0 ? 1 : (1 + randomInt(next, 4)) / 4)),
    sources: Uint8Array.from({ length: nodes }, () => randomInt(next, 3)),
  };
}

const jointSum = (tree: DraftTree, nodes: Iterable<number>): number => {
  const joint = jointScores(tree, tree.scores!);
  let sum = 0;
  for (const node of nodes) sum += joint[node]!;
  return sum;
};

/** The largest sum of joint scores over all subtrees of `count` nodes, by trying every set of nodes. */
function bestSum(tree: DraftTree, count: number): number {
  const nodes = tree.tokens.length;
  let best = 0;
  for (let set = 1; set < 1 << nodes; set += 2) {
    const members = Array.from({ length: nodes }, (_, node) => node).filter((node) => set & (1 << node));
    const closed = members.every((node) => node === 0 || set & (1 << tree.parents[node]!));
    if (closed && members.length === count) best = Math.max(best, jointSum(tree, members));
  }
  return best;
}

test('the kept nodes are a subtree, and none of that size has a higher joint score (seed 1)', () => {
  const next = random(1);
  for (let round = 0; round < 40; round++) {
    const tree = randomTree(next, 9);
    for (let count = 1; count <= 9; count++) {
      const kept = keepBest(tree, count);
      depths(kept);
      // Tokens are the old node numbers.
      assert.is(kept.tokens.length, count);
      assert.is(jointSum(tree, kept.tokens), bestSum(tree, count));
      for (let node = 1; node < count; node++) {
        assert.is(kept.tokens[kept.parents[node]!], tree.parents[kept.tokens[node]!]);
        assert.is(kept.scores![node], tree.scores![kept.tokens[node]!]);
        assert.is(kept.sources![node], tree.sources![kept.tokens[node]!]);
      }
    }
  }
});

test('the best node comes first, ties in tree order, so that every beginning is a subtree (seed 2)', () => {
  const next = random(2);
  for (let round = 0; round < 40; round++) {
    const tree = randomTree(next, 30);
    const joint = jointScores(tree, tree.scores!);
    const order = bestFirst(joint);
    const seen = new Set<number>();
    order.forEach((node, i) => {
      assert.ok(node === 0 || seen.has(tree.parents[node]!));
      if (i > 0)
        assert.ok(
          joint[order[i - 1]!]! > joint[node]! || (joint[order[i - 1]!] === joint[node] && order[i - 1]! < node),
        );
      seen.add(node);
    });
  }
});

test('a joint score is the product of the scores on the way (seed 3)', () => {
  const tree = randomTree(random(3), 20);
  const joint = jointScores(tree, tree.scores!);
  for (let node = 0; node < 20; node++) {
    assert.is(
      joint[node],
      pathTo(tree, node).reduce((product, at) => product * tree.scores![at]!, 1),
    );
  }
});

test('clipping drops the nodes that are too deep, and no others (seed 4)', () => {
  const next = random(4);
  for (let round = 0; round < 20; round++) {
    const tree = randomTree(next, 15);
    const nodeDepths = depths(tree);
    for (let deepest = 0; deepest < 15; deepest++) {
      const clipped = clipDepth(tree, deepest);
      assert.equal(
        [...clipped.tokens],
        [...tree.tokens].filter((node) => nodeDepths[node]! <= deepest),
      );
      assert.ok(depths(clipped).every((depth) => depth <= deepest));
    }
  }
});

test('a tree without scores keeps having none, nearest nodes first', () => {
  const { tokens, parents } = { tokens: Int32Array.of(0, 1, 2, 3), parents: Int32Array.of(-1, 0, 1, 0) };
  const kept = keepBest({ tokens, parents }, 3);
  assert.equal([...kept.tokens], [0, 1, 3]);
  assert.is(kept.scores, undefined);
  assert.is(subtree(kept, Int32Array.of(0)).tokens.length, 1);
});

/** 0 ─┬─ 1 ── 3, drawn but for 2, 4 and 5; q of the root and of 1. */
function drawnTree(): DraftTree {
  const [q, r] = [Float64Array.of(0.5, 0.5), Float64Array.of(0.25, 0.75)];
  return {
    tokens: Int32Array.of(0, 1, 2, 3, 4, 5),
    parents: Int32Array.of(-1, 0, 0, 1, 2, 1),
    scores: Float32Array.of(1, 0.01, 0.9, 0.01, 0.9, 0.5),
    draws: new Draws([
      [{ draftProb: q, children: Int32Array.of(1, 1) }],
      [{ draftProb: r, children: Int32Array.of(3) }],
    ]),
  };
}

test('drawn nodes stay with their draws, however unlikely; the best of the others have the room that is left', () => {
  const tree = drawnTree();
  const { order, least } = keepOrder(tree, jointScores(tree));
  assert.is(least, 3);
  assert.equal([...order], [0, 1, 3, 2, 4, 5]);
  for (const [count, tokens] of [
    [1, [0, 1, 3]],
    [3, [0, 1, 3]],
    [4, [0, 1, 2, 3]],
    [5, [0, 1, 2, 3, 4]],
  ] as const) {
    const kept = keepBest(tree, count);
    assert.equal([...kept.tokens], tokens);
    assert.equal([...kept.draws!.at(0)![0]!.children], [1, 1]);
    const [below] = kept.draws!.at(1)!;
    assert.equal([...below!.children], [kept.tokens.indexOf(3)]);
    assert.is(below!.draftProb[1], 0.75);
  }
});

test('where a drawn node is cut off, the draws that it was one of go with it, and no others', () => {
  const clipped = clipDepth(drawnTree(), 1);
  assert.equal([...clipped.tokens], [0, 1, 2]);
  assert.equal([...clipped.draws!.at(0)![0]!.children], [1, 1]);
  assert.is(clipped.draws!.at(1), undefined);
  assert.is(subtree(drawnTree(), Int32Array.of(0, 2)).draws!.at(0), undefined);
});

test.run();
