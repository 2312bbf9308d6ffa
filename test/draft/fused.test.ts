/** Fusion of two drafters: union by common beginnings, pruned by the generator, every node with its source and score. */
import type { Drafter } from '../../src/draft/drafter.ts';
import { Fused, pruneBy } from '../../src/draft/fused.ts';
import { checkTree } from '../../src/tree/check-tree.ts';
import { chain, type DraftTree, pathTo, rootOnly } from '../../src/tree/draft-tree.ts';
import { assert, random, randomInt, test } from '../harness.ts';
import { stepOf } from './steps.ts';

const given = (name: string, tree: DraftTree | Promise<DraftTree>, rest: Partial<Drafter> = {}): Drafter => ({
  name,
  begin() {},
  observe() {},
  propose: () => tree,
  ...rest,
});

/** No pruning. */
const ALL = { leastProbability: 0, leastShare: 0 };

const scored = (tree: DraftTree, ...scores: number[]): DraftTree => ({
  ...tree,
  scores: Float32Array.of(1, ...scores),
});

const pathsOf = (tree: DraftTree): Set<string> =>
  new Set(Array.from(tree.tokens.keys(), (node) => Array.from(pathTo(tree, node), (at) => tree.tokens[at]).join(' ')));

function randomTrie(next: () => number, nodes: number): DraftTree {
  const tokens = [7];
  const parents = [-1];
  const scores = [1];
  while (tokens.length < nodes) {
    const parent = randomInt(next, tokens.length);
    const token = randomInt(next, 4);
    if (parents.some((p, i) => p === parent && tokens[i] === token)) continue;
    tokens.push(token);
    parents.push(parent);
    scores.push(next() / 4);
  }
  return { tokens: Int32Array.from(tokens), parents: Int32Array.from(parents), scores: Float32Array.from(scores) };
}

const fuse = (a: DraftTree, b: DraftTree, budget = 1000, options = ALL) =>
  new Fused(given('a', a), given('b', b), options).propose(budget) as DraftTree;

test('paths of a fused tree are those of both, no two siblings are equal, and the order of the two does not matter to them (seed 1)', () => {
  const next = random(1);
  for (let round = 0; round < 40; round++) {
    const [a, b] = [randomTrie(next, 1 + randomInt(next, 15)), randomTrie(next, 1 + randomInt(next, 15))];
    const tree = fuse(a, b);
    checkTree(tree, { vocab: 8, nodes: 40, root: 7, sources: 3 });
    const union = new Set([...pathsOf(a), ...pathsOf(b)]);
    assert.equal([...pathsOf(tree)].sort(), [...union].sort());
    assert.is(tree.tokens.length, union.size);
    assert.equal([...pathsOf(fuse(b, a))].sort(), [...union].sort());
  }
});

test('a tree fused with itself is itself, and with nothing too (seed 2)', () => {
  const tree = randomTrie(random(2), 12);
  for (const fused of [fuse(tree, tree), fuse(tree, rootOnly(7))]) {
    assert.equal([...fused.tokens], [...tree.tokens]);
    assert.equal([...fused.parents], [...tree.parents]);
  }
});

test('every node keeps its source and its score; where both agree the generator has the say, and the source is `several`', () => {
  const fusedTree = fuse(scored(chain([7, 1, 2]), 0.5, 0.25), scored(chain([7, 1, 3]), 0.9, 0.5));
  assert.equal([...fusedTree.tokens], [7, 1, 2, 3]);
  assert.equal([...fusedTree.sources!], [0, 2, 0, 1]);
  assert.equal([...fusedTree.scores!], [1, 0.5, 0.25, 0.5]);
});

test('a retrieved child stays where the generator leaves it a probability, and goes where it does not', () => {
  const retrieved = scored({ tokens: Int32Array.of(7, 3, 4), parents: Int32Array.of(-1, 0, 1) }, 0.9, 0.5);
  const kept = (...scores: number[]) => {
    const generated = scored({ tokens: Int32Array.of(7, 1, 2), parents: Int32Array.of(-1, 0, 0) }, ...scores);
    return [...pruneBy(generated, retrieved, { leastProbability: 0.1, leastShare: 0.6 }).tokens];
  };
  // 0.5 is left, but 4 has too small a share where the generator says nothing.
  assert.equal(kept(0.3, 0.2), [7, 3]);
  // 0.05 is left; or 0.45 is, but the generator's second guess has 0.05 already.
  assert.equal(kept(0.5, 0.45), [7]);
  assert.equal(kept(0.5, 0.05), [7]);
});

test('below a node that the generator proposed itself nothing is lost, and what hangs from a pruned node goes with it', () => {
  const generated = scored(chain([7, 1]), 0.999);
  const retrieved = scored(
    { tokens: Int32Array.of(7, 1, 5, 6, 8), parents: Int32Array.of(-1, 0, 1, 0, 3) },
    0.5,
    0.5,
    0.5,
    1,
  );
  assert.equal([...pruneBy(generated, retrieved).tokens], [7, 1, 5]);
});

test('the fused tree holds the best of both within the budget', () => {
  const tree = fuse(scored(chain([7, 1, 2]), 0.9, 0.5), scored(chain([7, 3]), 0.5), 3);
  assert.equal([...tree.tokens], [7, 1, 2]);
  const other = fuse(scored(chain([7, 1, 2]), 0.4, 0.1), scored(chain([7, 3]), 0.5), 3);
  assert.equal([...other.tokens], [7, 1, 3]);
});

test('a promise of either is waited for, both are told of everything, and names are those of both', async () => {
  const told: string[] = [];
  const member = (name: string, tree: DraftTree | Promise<DraftTree>) =>
    given(name, tree, { begin: () => told.push(`${name} begins`), observe: () => told.push(`${name} observes`) });
  const fused = new Fused(member('a', chain([7, 1])), member('b', Promise.resolve(chain([7, 2]))), ALL);
  assert.is(fused.name, 'a+b');
  assert.equal(fused.sources, ['a', 'b', 'several']);
  assert.is(fused.outlook, undefined);
  fused.begin(Int32Array.of(7), 0);
  assert.equal([...(await fused.propose(9)).tokens], [7, 1, 2]);
  fused.observe(stepOf(7, [1]));
  assert.equal(told, ['a begins', 'b begins', 'a observes', 'b observes']);
});

test('where both tell an outlook, the surer one is told', () => {
  const tells = (name: string, score?: number) =>
    given(name, rootOnly(7), { outlook: () => (score === undefined ? undefined : { token: 1, score }) });
  const outlook = (a?: number, b?: number) => new Fused(tells('a', a), tells('b', b)).outlook!()?.score;
  assert.equal(
    [outlook(0.5, 0.7), outlook(0.7, 0.5), outlook(0.5), outlook(undefined, 0.7), outlook()],
    [0.7, 0.7, 0.5, 0.7, undefined],
  );
});

test.run();
