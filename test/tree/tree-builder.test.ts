/** The trie of candidate continuations. */
import { TreeBuilder } from '../../src/tree/tree-builder.ts';
import { chain, depths, pathTo, type DraftTree } from '../../src/tree/draft-tree.ts';
import { assert, random, randomInt, test } from '../harness.ts';

function started(root: number, capacity: number, sharedSource?: number): TreeBuilder {
  const builder = new TreeBuilder(sharedSource);
  builder.start(root, capacity);
  return builder;
}

/** Paths of all nodes, as text, in tree order. */
const paths = (tree: DraftTree): string[] =>
  Array.from(tree.tokens, (_, node) => [...pathTo(tree, node)].map((at) => tree.tokens[at]).join(' '));

test('candidates share their common beginnings, and children keep the order in which they came', () => {
  const builder = started(9, 10);
  builder.addTree(chain([9, 1, 2, 3]));
  builder.addTree(chain([9, 1, 4]));
  builder.addTree(chain([9, 5]));
  builder.addTree(chain([9, 1, 2, 3, 6]));
  assert.equal(paths(builder.build()), ['9', '9 1', '9 1 2', '9 1 2 3', '9 1 4', '9 5', '9 1 2 3 6']);
});

test('a trie holds every beginning of the candidates once (seed 1)', () => {
  const next = random(1);
  for (let round = 0; round < 50; round++) {
    const candidates = Array.from({ length: 8 }, () => [0, ...Array.from({ length: 5 }, () => randomInt(next, 3))]);
    const builder = started(0, 100);
    for (const candidate of candidates) builder.addTree(chain(candidate));
    const tree = builder.build();
    const expected = new Set(candidates.flatMap((tokens) => tokens.map((_, i) => tokens.slice(0, i + 1).join(' '))));
    assert.equal(new Set(paths(tree)), expected);
    assert.is(tree.tokens.length, expected.size);
    depths(tree);
  }
});

test('a full tree takes no more nodes, and still finds those it has', () => {
  const builder = started(0, 3);
  assert.is(builder.add(0, 1, 0.5), 1);
  assert.is(builder.add(1, 2, 0.5), 2);
  assert.ok(builder.full);
  assert.is(builder.add(0, 3, 0.5), -1);
  assert.is(builder.add(0, 1, 0.5), 1);
  builder.addTree(chain([0, 5, 6]));
  assert.is(builder.build().tokens.length, 3);
});

test('scores of siblings sum to at most 1: the first has the first say', () => {
  const builder = started(0, 9);
  builder.add(0, 1, 0.75);
  builder.add(0, 2, 0.5);
  builder.add(0, 3, 0.5);
  builder.add(0, 1, 0.1);
  assert.equal([...builder.build().scores!], [1, 0.75, 0.25, 0]);
});

test('a node keeps its source, or takes the shared one when others propose it too', () => {
  const plain = started(0, 9);
  const shared = started(0, 9, 7);
  for (const builder of [plain, shared]) {
    builder.addTree({ ...chain([0, 1, 2]), sources: Uint8Array.of(0, 0, 1) }, 0);
    builder.addTree({ ...chain([0, 1, 3]), sources: Uint8Array.of(0, 0, 0) }, 2);
  }
  assert.equal([...plain.build().sources!], [0, 0, 1, 2]);
  assert.equal([...shared.build().sources!], [0, 7, 1, 2]);
});

test('a builder starts again with nothing left of the tree before', () => {
  const builder = started(9, 10);
  builder.addTree(chain([9, 1, 2, 3]));
  const first = builder.build();
  builder.start(8, 4);
  builder.addTree(chain([8, 5, 6, 7, 4]));
  assert.equal(paths(builder.build()), ['8', '8 5', '8 5 6', '8 5 6 7']);
  assert.equal(paths(first), ['9', '9 1', '9 1 2', '9 1 2 3']);
});

test('nodes above a node are reached by steps', () => {
  const builder = started(9, 5);
  builder.addTree(chain([9, 8, 7]));
  assert.equal(
    [0, 1, 2].map((steps) => builder.tokenAbove(2, steps)),
    [7, 8, 9],
  );
});

test.run();
