/**
 * P1: every node of a draft tree gets the logits, to the bit, that plain one-token decoding gives on that node's path; and after a
 * commit the cache holds, to the bit, what plain decoding would have put there.
 * @module
 */
import { assert, firstDifference, random, randomInt, test } from '../harness.ts';
import { fillUnusedSlots, fixtureModel, POISON, prefill } from './fixture-model.ts';
import { differingNodes, plainLogits } from './plain-decoding.ts';
import { allParents, binary, chain, pathTo, randomParents, star, withTokens } from './trees.ts';

/** Types of weights with types of the cache. */
const TYPES = [
  { dtype: 'f32', kv: 'f32' },
  { dtype: 'q8', kv: 'f32' },
  { dtype: 'q4', kv: 'f32' },
  { dtype: 'f32', kv: 'f16' },
  { dtype: 'f32', kv: 'q8' },
] as const;
const PROMPT = 24;

const shapes: [string, number[][]][] = [
  ['all 154 trees of up to 6 nodes', allParents(6)],
  ['a chain of 64', [chain(64)]],
  ['a star of 64', [star(64)]],
  ['a binary tree of 63', [binary(63)]],
];

for (const types of TYPES) {
  const named = `${types.dtype}, cache in ${types.kv}`;
  for (const [name, parents] of shapes) {
    test(`${named}: ${name}: every node has the bits of plain decoding (seed 1)`, async () => {
      const next = random(1);
      const model = await fixtureModel('test-300k', types);
      const session = model.session();
      prefill(
        session,
        Array.from({ length: PROMPT }, () => randomInt(next, session.vocab)),
      );
      fillUnusedSlots(model, session, POISON);
      for (const shape of parents) {
        assert.equal(differingNodes(session, withTokens(shape, next, session.vocab)), [], `parents ${shape}`);
      }
    });
  }

  test(`${named}: 200 random trees after random prompts: every node has the bits of plain decoding (seed 2)`, async () => {
    const next = random(2);
    const model = await fixtureModel('test-300k', types);
    const session = model.session();
    for (let round = 0; round < 200; round++) {
      session.truncate(0);
      prefill(
        session,
        Array.from({ length: 1 + randomInt(next, 40) }, () => randomInt(next, session.vocab)),
      );
      fillUnusedSlots(model, session, POISON);
      const tree = withTokens(randomParents(next, 2 + randomInt(next, 23)), next, session.vocab);
      assert.equal(differingNodes(session, tree), [], `round ${round}, parents ${tree.parents}`);
    }
  });

  test(`${named}: keys and values after a commit are those of plain decoding, to the bit (seed 3)`, async () => {
    const next = random(3);
    const model = await fixtureModel('test-300k', { ...types, sessions: 2 });
    const [speculative, plain] = [model.session(), model.session()];
    for (let round = 0; round < 40; round++) {
      const prompt = Array.from({ length: 1 + randomInt(next, 30) }, () => randomInt(next, speculative.vocab));
      for (const session of [speculative, plain]) {
        session.truncate(0);
        prefill(session, prompt);
        fillUnusedSlots(model, session, POISON);
      }
      // Three steps in a row, each on what the one before left behind.
      for (let step = 0; step < 3; step++) {
        const tree = withTokens(randomParents(next, 1 + randomInt(next, 24)), next, speculative.vocab);
        const path = pathTo(tree.parents, randomInt(next, tree.tokens.length));
        speculative.forward(tree, 'all');
        speculative.commit(Int32Array.from(path));
        plainLogits(
          plain,
          path.map((node) => tree.tokens[node]!),
        );
      }
      assert.is(speculative.length, plain.length);
      assert.equal(speculative.save(), plain.save(), `round ${round}`);
    }
  });

  test(`${named}: a prompt prefilled in pieces of 1, 3, 16 or at once leaves the same bits (seed 4)`, async () => {
    const next = random(4);
    const model = await fixtureModel('test-300k', types);
    const session = model.session();
    const prompt = Array.from({ length: 61 }, () => randomInt(next, session.vocab));
    const results = [1, 3, 16, 61].map((piece) => {
      session.truncate(0);
      const logits = prefill(session, prompt, piece);
      return { logits, cache: session.save() };
    });
    for (const { logits, cache } of results) {
      assert.is(firstDifference(logits, results[0]!.logits), -1);
      assert.equal(cache, results[0]!.cache);
    }
  });
}

test.run();
