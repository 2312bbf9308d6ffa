/** Retrieval: trees of what followed the text's end in a store, at once from memory and later from a slow file. */
import type { Retrieval } from '../../src/draft/retrieval.ts';
import { openStore } from '../../src/store/store.ts';
import { checkTree } from '../../src/tree/check-tree.ts';
import { type DraftTree, pathTo } from '../../src/tree/draft-tree.ts';
import { hasCode } from '../codes.ts';
import { assert, random, randomInt, test } from '../harness.ts';
import { randomDocuments, scan, slowSource, storeOf } from '../store/texts.ts';
import { stepOf } from './steps.ts';

const pathsOf = (tree: DraftTree): string[] =>
  Array.from(tree.tokens.keys(), (node) =>
    Array.from(pathTo(tree, node).subarray(1), (at) => tree.tokens[at]).join(),
  ).slice(1);

async function drafterOver(documents: readonly (readonly number[])[], vocab: number, shortest = 2): Promise<Retrieval> {
  return (await openStore(storeOf(documents, vocab))).drafter({ shortest });
}

async function draftAfter(drafter: Retrieval, text: readonly number[], budget = 64): Promise<DraftTree> {
  drafter.begin(Int32Array.from(text));
  return drafter.propose(budget);
}

test('a draft is what followed in the store, the more frequent first, not beyond the end of a document', async () => {
  const drafter = await drafterOver(
    [
      [1, 2, 3, 4],
      [1, 2, 3, 5],
      [1, 2, 3, 4],
      [1, 2, 6],
    ],
    9,
  );
  const tree = await draftAfter(drafter, [8, 1, 2]);
  assert.equal(pathsOf(tree), ['3', '6', '3,4', '3,5']);
  const [, three, six, four, five] = tree.scores!;
  assert.ok(three! > six! && four! > five!);
});

test('the longest end of the text decides, and one that is shorter than the least drafts nothing', async () => {
  const documents = [
    [1, 2, 3, 7],
    [5, 2, 3, 8],
  ];
  assert.equal(pathsOf(await draftAfter(await drafterOver(documents, 9), [1, 2, 3])), ['7']);
  assert.equal(pathsOf(await draftAfter(await drafterOver(documents, 9), [2, 3])).sort(), ['7', '8']);
  assert.equal(pathsOf(await draftAfter(await drafterOver(documents, 9, 3), [2, 3])), []);
});

test('with the whole budget a tree holds every likely beginning of what a scan finds, and nothing else (seed 1)', async () => {
  const next = random(1);
  const documents = randomDocuments(1, 10, 60, 4);
  const drafter = await drafterOver(documents, 4, 1);
  for (let round = 0; round < 60; round++) {
    const document = documents[randomInt(next, documents.length)]!;
    const text = [0, ...document.slice(0, randomInt(next, document.length + 1))];
    const { texts } = scan(documents, text);
    const tree = await draftAfter(drafter, text, 1000);
    checkTree(tree, { vocab: 4, nodes: 1000, root: text.at(-1)!, sources: 1 });
    for (const path of pathsOf(tree))
      assert.ok(
        texts.some((other) => `${other},`.startsWith(`${path},`)),
        path,
      );
    if (texts.length > 0 && texts.length <= 8) {
      const firsts = new Set(texts.map((other) => other.split(',')[0]));
      assert.is(tree.parents.filter((parent) => parent === 0).length, firsts.size);
    }
  }
});

test('a slow store gives the same trees as one in memory, after a promise; once it is read, at once', async () => {
  const documents = randomDocuments(2, 60, 200, 20);
  const file = storeOf(documents, 20);
  const text = documents[3]!.slice(0, 12);
  const inMemory = await draftAfter((await openStore(file)).drafter(), text);
  const drafter = (await openStore(slowSource(file))).drafter();
  drafter.begin(Int32Array.from(text));
  const late = drafter.propose(64);
  assert.instance(late, Promise);
  assert.equal([...(await late).tokens], [...inMemory.tokens]);
  drafter.begin(Int32Array.from(text));
  const now = drafter.propose(64);
  assert.not.instance(now, Promise);
});

test('an outlook is had only from memory: where it must be read first, it is there a step later', async () => {
  const drafter = (await openStore(slowSource(storeOf([[1, 2, 3, 4, 5]], 9)))).drafter();
  drafter.begin(Int32Array.of(1, 2));
  assert.is(drafter.outlook(), undefined);
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.is(drafter.outlook()!.token, 3);
  drafter.observe({ ...stepOf(2, [3]), history: [1, 2, 3] });
  assert.is(drafter.outlook()!.token, 4);
  assert.equal(pathsOf((await drafter.propose(9)) as DraftTree), ['4', '4,5']);
});

test('a late answer of a text that was left does no harm to the next one', async () => {
  const documents = randomDocuments(3, 20, 200, 20);
  const drafter = (await openStore(slowSource(storeOf(documents, 20)))).drafter();
  drafter.begin(Int32Array.from(documents[1]!.slice(0, 9)));
  const late = drafter.propose(64);
  const text = documents[2]!.slice(0, 9);
  const tree = await draftAfter(drafter, text);
  await late;
  assert.is(tree.tokens[0], text.at(-1));
  assert.is((await drafter.propose(64)).tokens[0], text.at(-1));
});

test('a text of another model is refused', async () => {
  const drafter = await drafterOver([[1, 2, 3]], 9);
  assert.throws(() => drafter.begin(Int32Array.of(1, 9)), hasCode('store.vocab'));
});

test.run();
