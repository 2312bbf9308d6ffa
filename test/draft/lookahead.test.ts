/** Lookahead: the window is a tree, the pool holds what the target wrote, and a target of order one is guessed whole. */
import { Lookahead } from '../../src/draft/lookahead.ts';
import { NgramPool } from '../../src/draft/ngram-pool.ts';
import { generate } from '../../src/decode/generate.ts';
import { checkTree } from '../../src/tree/check-tree.ts';
import { depths, type DraftTree, pathTo } from '../../src/tree/draft-tree.ts';
import { hostOf } from '../decode/hosts.ts';
import { greedyTokens, MadeUpTarget, orderOneLanguage } from '../decode/made-up-target.ts';
import { assert, random, randomInt, test } from '../harness.ts';
import { rowsOf } from './steps.ts';

const VOCAB = 23;
const successor = (token: number): number => (token * 5 + 3) % VOCAB;

/** Rows of a target of which only the argmax is asked: by default the successor of each node's token. */
const rowsAfter = (tree: DraftTree, next = successor) =>
  rowsOf(
    Array.from(tree.tokens, (token) => Float32Array.from({ length: VOCAB }, (_, id) => (id === next(token) ? 1 : 0))),
  );

/** Takes a plain step: nothing is accepted. */
function reject(drafter: Lookahead, tree: DraftTree, next = successor): number {
  const token = next(tree.tokens[0]!);
  drafter.observe({
    tree,
    path: Int32Array.of(0),
    emitted: Int32Array.of(token),
    history: [token],
    rows: rowsAfter(tree, next),
  });
  return token;
}

test('the pool keeps the newest n-grams of each first token, a repeated one at the front', () => {
  const pool = new NgramPool(4, 2, 3);
  const after = () => pool.after(1).map((tail) => [...tail]);
  for (const tail of [
    [1, 1],
    [2, 2],
    [3, 3],
    [2, 2],
  ])
    pool.add([1, ...tail]);
  assert.equal(after(), [
    [2, 2],
    [3, 3],
    [1, 1],
  ]);
  pool.add([1, 0, 0]);
  assert.equal(after(), [
    [0, 0],
    [2, 2],
    [3, 3],
  ]);
  assert.is(pool.newest(1), 0);
  assert.is(pool.newest(2), -1);
  assert.equal(pool.after(2), []);
});

test('the pool is that of a list that is searched and cut (seed 1)', () => {
  const next = random(1);
  const pool = new NgramPool(3, 2, 4);
  const lists: string[][] = [[], [], []];
  for (let i = 0; i < 400; i++) {
    const ngram = [randomInt(next, 3), randomInt(next, 3), randomInt(next, 3)] as const;
    pool.add(ngram);
    const tail = `${ngram[1]},${ngram[2]}`;
    lists[ngram[0]] = [tail, ...lists[ngram[0]]!.filter((other) => other !== tail)].slice(0, 4);
    for (const first of [0, 1, 2]) assert.equal(pool.after(first).map(String), lists[first]);
  }
});

test('level l of column c stands at depth c + l, and sees columns 0..c of level 0 and the levels above it in its column', () => {
  const drafter = new Lookahead(VOCAB, { ngram: 4, window: 3 });
  drafter.begin(Int32Array.from({ length: 12 }, (_, i) => i));
  let tree = drafter.propose(64);
  // Three passes fill levels 0, 1 and 2; all tokens of the prompt are different, so no two columns share a node.
  for (let pass = 0; pass < 2; pass++) {
    reject(drafter, tree, (token) => (token + 1 + pass) % VOCAB);
    tree = drafter.propose(64);
  }
  //  root ─ 1 ─ 2      3 columns of 3 levels: 3 x 3 nodes, the root among them
  assert.is(tree.tokens.length, 9);
  const nodeDepths = depths(tree);
  assert.equal([...nodeDepths].sort(), [0, 1, 1, 2, 2, 2, 3, 3, 4]);
  // Rows of the mask: what each node sees of the tree, itself included, is c + l + 1 nodes.
  for (let node = 0; node < 9; node++) assert.is(pathTo(tree, node).length, nodeDepths[node]! + 1);
});

test('after the warm-up every n-gram of the pool is what the target says after its first token', () => {
  const drafter = new Lookahead(VOCAB, { ngram: 4, window: 5, guesses: 4 });
  drafter.begin(Int32Array.from({ length: VOCAB }, (_, i) => i));
  for (let pass = 0; pass < 40; pass++) reject(drafter, drafter.propose(64));
  let known = 0;
  for (let token = 0; token < VOCAB; token++) {
    for (const guess of drafter.guesses(token)) {
      let expected = token;
      for (const next of guess) assert.is(next, (expected = successor(expected)));
      known++;
    }
  }
  assert.ok(known > 10, `${known} n-grams`);
});

test('a target of order one is soon guessed whole: steps of n tokens, an n-gram and the bonus after it', async () => {
  const language = orderOneLanguage(VOCAB, successor);
  const prompt = [1, 2, 3, 4, 5];
  const host = hostOf(new MadeUpTarget(language, { vocab: VOCAB, maxNodes: 64 }));
  const drafter = new Lookahead(VOCAB, { ngram: 5, window: 7 });
  const emitted: number[] = [];
  const generation = generate(host, prompt, {
    maxTokens: 150,
    draft: drafter,
    draftTokens: 60,
    onStep: (step) => emitted.push(step.emitted.length),
  });
  await generation.text();
  assert.equal(generation.tokens, greedyTokens(language, prompt, 150));
  assert.ok(
    emitted.slice(15, -1).every((tokens) => tokens >= 5),
    String(emitted),
  );
});

test('with an empty pool and without a window nothing is drafted; with a small budget the first columns are', () => {
  const drafter = new Lookahead(VOCAB, { ngram: 4, window: 5 });
  drafter.begin(Int32Array.of(7, 8, 9));
  assert.is(drafter.propose(1).tokens.length, 1);
  assert.is(drafter.outlook(), undefined);
  assert.ok(drafter.propose(3).tokens.length > 1);
});

test('a window that a scheduler cut off waits: nothing is learnt, nothing fails, and it goes on when it is verified again', () => {
  const drafter = new Lookahead(VOCAB);
  drafter.begin(Int32Array.of(7, 8, 9));
  const learnt = () => Array.from({ length: VOCAB }, (_, token) => drafter.guesses(token)).flat().length;
  for (let pass = 0; pass < 20; pass++) {
    const { tokens, parents } = drafter.propose(64);
    reject(drafter, { tokens: tokens.slice(0, 1), parents: parents.slice(0, 1) });
  }
  assert.is(learnt(), 0);
  for (let pass = 0; pass < 8; pass++) reject(drafter, drafter.propose(64));
  assert.ok(learnt() > 0);
});

test('proposals are valid trees within the budget, whatever the target says (seed 2)', () => {
  const next = random(2);
  const drafter = new Lookahead(VOCAB, { ngram: 4, window: 4, guesses: 3 });
  for (let round = 0; round < 10; round++) {
    const prompt = Array.from({ length: 1 + randomInt(next, 9) }, () => randomInt(next, VOCAB));
    drafter.begin(Int32Array.from(prompt));
    let root = prompt.at(-1)!;
    for (let step = 0; step < 20; step++) {
      const nodes = 1 + randomInt(next, 40);
      const tree = drafter.propose(nodes);
      checkTree(tree, { vocab: VOCAB, nodes, root, sources: 1 });
      root = reject(drafter, tree, () => randomInt(next, VOCAB));
    }
  }
});

test.run();
