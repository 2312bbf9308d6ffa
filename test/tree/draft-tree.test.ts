/** Trees: depths, paths, children, and what is refused from outside. */
import { checkTree } from '../../src/tree/check-tree.ts';
import { chain, childWith, depths, pathTo, rootOnly, type DraftTree } from '../../src/tree/draft-tree.ts';
import { Draws } from '../../src/tree/draws.ts';
import { hasCode } from '../codes.ts';
import { assert, test } from '../harness.ts';

/**
 *   0 ─┬─ 1 ─┬─ 3
 *      │     └─ 4 ── 5
 *      └─ 2
 */
const TREE: DraftTree = { tokens: Int32Array.of(7, 1, 2, 3, 4, 3), parents: Int32Array.of(-1, 0, 0, 1, 1, 4) };
const LIMITS = { vocab: 10, nodes: 6, root: 7, sources: 2 };

test('depths count edges from the root', () => {
  assert.equal([...depths(TREE)], [0, 1, 1, 2, 2, 3]);
  assert.equal([...depths(rootOnly(5))], [0]);
  assert.equal([...depths(chain([5, 6, 7]))], [0, 1, 2]);
});

test('a path leads from the root down to its node', () => {
  assert.equal([...pathTo(TREE, 5)], [0, 1, 4, 5]);
  assert.equal([...pathTo(TREE, 0)], [0]);
});

test('the child with a token is found among the children of that node alone, the first of equal ones', () => {
  assert.is(childWith(TREE, 0, 2), 2);
  assert.is(childWith(TREE, 0, 3), -1);
  assert.is(childWith(TREE, 4, 3), 5);
  assert.is(childWith({ tokens: Int32Array.of(7, 1, 1), parents: Int32Array.of(-1, 0, 0) }, 0, 1), 1);
});

test('a tree that fits is accepted, with and without scores and sources', () => {
  checkTree(TREE, LIMITS);
  checkTree({ ...TREE, scores: new Float32Array(6).fill(0.5), sources: Uint8Array.of(0, 1, 1, 0, 0, 1) }, LIMITS);
});

const changed = (name: 'tokens' | 'parents', index: number, value: number): DraftTree => {
  const array = TREE[name].slice();
  array[index] = value;
  return { ...TREE, [name]: array };
};

const REFUSED: readonly (readonly [title: string, tree: unknown, code: string])[] = [
  ['nothing', undefined, 'tree.type'],
  ['null', null, 'tree.type'],
  ['a number', 7, 'tree.type'],
  ['arrays that are not typed', { tokens: [7], parents: [-1] }, 'tree.type'],
  ['no parents', { tokens: Int32Array.of(7) }, 'tree.type'],
  ['scores of f64', { ...TREE, scores: new Float64Array(6) }, 'tree.type'],
  [
    'draws of no child',
    { ...TREE, draws: new Draws([[{ draftProb: new Float64Array(2), children: Int32Array.of(9) }]]) },
    'tree.draws',
  ],
  ['draws that are no lists', { ...TREE, draws: new Draws([7] as never) }, 'tree.draws'],
  ['sources in an array', { ...TREE, sources: [0, 0, 0, 0, 0, 0] }, 'tree.type'],
  ['no nodes', { tokens: new Int32Array(0), parents: new Int32Array(0) }, 'tree.size'],
  [
    'more nodes than fit',
    { tokens: new Int32Array(7).fill(7), parents: Int32Array.of(-1, 0, 1, 2, 3, 4, 5) },
    'tree.size',
  ],
  ['fewer parents than tokens', { ...TREE, parents: Int32Array.of(-1, 0, 0, 1, 1) }, 'tree.size'],
  ['more scores than tokens', { ...TREE, scores: new Float32Array(7) }, 'tree.size'],
  ['fewer sources than tokens', { ...TREE, sources: new Uint8Array(5) }, 'tree.size'],
  ['a root with a parent', changed('parents', 0, 0), 'tree.parent'],
  ['a second root', changed('parents', 3, -1), 'tree.parent'],
  ['a node that is its own parent', changed('parents', 3, 3), 'tree.parent'],
  ['a parent after its child', changed('parents', 3, 5), 'tree.parent'],
  ['a parent outside the tree', changed('parents', 3, 1 << 30), 'tree.parent'],
  ['a negative token', changed('tokens', 5, -1), 'tree.token'],
  ['a token beyond the vocabulary', changed('tokens', 5, 10), 'tree.token'],
  ['another root token', changed('tokens', 0, 6), 'tree.root'],
  ['a negative score', { ...TREE, scores: Float32Array.of(1, 1, 1, -0.1, 1, 1) }, 'tree.score'],
  ['a score over 1', { ...TREE, scores: Float32Array.of(1, 1, 1, 1.1, 1, 1) }, 'tree.score'],
  ['a score that is not a number', { ...TREE, scores: Float32Array.of(1, 1, 1, NaN, 1, 1) }, 'tree.score'],
  ['a source without a name', { ...TREE, sources: Uint8Array.of(0, 1, 2, 0, 0, 0) }, 'tree.source'],
];
for (const [title, tree, code] of REFUSED) {
  test(`refused with ${code}: ${title}`, () => {
    assert.throws(() => checkTree(tree as DraftTree, LIMITS), hasCode(code));
  });
}

test.run();
