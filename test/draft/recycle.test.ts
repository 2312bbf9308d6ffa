/** Token Recycling: the template, the table, and what they come to. */
import { generate } from '../../src/decode/generate.ts';
import { TEMPLATE } from '../../src/draft/recycle-template.ts';
import { Recycle } from '../../src/draft/recycle.ts';
import { checkTree } from '../../src/tree/check-tree.ts';
import { depths, pathTo, rootOnly } from '../../src/tree/draft-tree.ts';
import { hostOf } from '../decode/hosts.ts';
import { descending, madeUpLanguage, MadeUpTarget, orderOneLanguage } from '../decode/made-up-target.ts';
import { assert, random, randomInt, test } from '../harness.ts';
import { rejected } from './steps.ts';

test('the template has 80 nodes below the root: 8, 21, 25, 15, 8 and 3 a level, of ranks below 8', () => {
  const { parents, ranks } = TEMPLATE;
  const perLevel = [0, 0, 0, 0, 0, 0, 0];
  for (const depth of depths({ tokens: ranks, parents })) perLevel[depth]!++;
  assert.equal(perLevel, [1, 8, 21, 25, 15, 8, 3]);
  assert.ok(ranks.every((rank) => rank >= 0 && rank < 8));
});

test('the template holds the rank paths of the official one, level by level', () => {
  const { parents, ranks } = TEMPLATE;
  const paths = Array.from(ranks, (_, node) => [...pathTo({ tokens: ranks, parents }, node)].slice(1));
  const text = paths.map((path) => path.map((node) => ranks[node]).join('')).slice(1);
  const level = (length: number) => text.filter((path) => path.length === length).join(' ');
  assert.is(level(2), '00 01 02 03 04 05 06 07 10 11 12 13 20 21 22 30 31 40 50 60 70');
  assert.is(
    level(3),
    '000 001 002 003 004 005 006 007 010 011 012 020 021 030 040 050 060 070 100 101 110 200 300 400 500',
  );
  assert.is(level(4), '0000 0001 0002 0003 0004 0010 0011 0020 0030 0040 0100 0200 1000 2000 3000');
  assert.is(level(5), '00000 00001 00002 00010 00020 00100 01000 10000');
  assert.is(level(6), '000000 000001 000010');
});

test('a language of order one, once seen, is accepted six deep: exactly 7 tokens a pass', async () => {
  const vocab = 11;
  const target = new MadeUpTarget(
    orderOneLanguage(vocab, (token) => (3 * token + 1) % vocab),
    {
      vocab,
      context: 400,
      maxNodes: 81,
    },
  );
  const host = hostOf(target);
  // 1, 4, 2, 7, 0, 1: a cycle of five tokens, all of them seen in the first call.
  await generate(host, [1], { maxTokens: 6, draft: 'none' }).text();
  await generate(host, [1], { maxTokens: 12, draft: 'recycle', draftTokens: 80 }).text();
  const generation = generate(host, [1], { maxTokens: 70, draft: 'recycle', draftTokens: 80 });
  await generation.text();
  assert.equal(generation.stats.acceptance_histogram, [0, 0, 0, 0, 0, 0, 10]);
  assert.is(generation.stats.mean_acceptance_length, 7);
});

test('after a pass the rows of its tokens are the top 8 of their last node, all others unchanged (seed 1)', () => {
  const next = random(1);
  const vocab = 20;
  const recycle = new Recycle(vocab);
  recycle.begin(Int32Array.of(3));
  const logits = (nodes: number) =>
    Array.from({ length: nodes }, () => Float32Array.from({ length: vocab }, () => randomInt(next, 12)));
  const before = Array.from({ length: vocab }, (): number[] => []);
  for (let round = 0; round < 10; round++) {
    const nodes = 1 + randomInt(next, 12);
    const tree = {
      tokens: Int32Array.from({ length: nodes }, () => randomInt(next, vocab)),
      parents: Int32Array.from({ length: nodes }, (_, node) => (node === 0 ? -1 : randomInt(next, node))),
    };
    const rows = logits(nodes);
    recycle.observe(rejected(tree, rows));
    tree.tokens.forEach((token, node) => {
      before[token] = [...descending(rows[node]!).subarray(0, 8)];
    });
    for (let token = 0; token < vocab; token++) assert.equal([...recycle.candidates(token)], before[token]!);
  }
});

test('the outlook is the first of the row of the last token, and its share', () => {
  const recycle = new Recycle(9);
  recycle.begin(Int32Array.of(1));
  assert.is(recycle.outlook(), undefined);
  const logits = Float32Array.of(0, 0, 0, 9, 0, 0, 0, 0, 0);
  recycle.observe(rejected(rootOnly(1), [logits])); // 3 comes
  assert.is(recycle.outlook(), undefined);
  recycle.begin(Int32Array.of(1));
  const { token, score } = recycle.outlook()!;
  assert.is(token, 3);
  assert.ok(score > 0.99 && score < 1);
});

test('the first node instead of the last would be seen: the rule has a choice to make', () => {
  const tree = { tokens: Int32Array.of(1, 2, 1), parents: Int32Array.of(-1, 0, 1) };
  const rows = [0, 1, 2].map((shift) => Float32Array.from({ length: 9 }, (_, id) => -((id + shift) % 9)));
  const recycle = new Recycle(9);
  recycle.observe(rejected(tree, rows));
  assert.equal([...recycle.candidates(1)], [...descending(rows[2]!).subarray(0, 8)]);
  assert.is.not(recycle.candidates(1)[0], descending(rows[0]!)[0]);
});

test('an empty table proposes nothing, and rows never written end their branch', () => {
  const recycle = new Recycle(12);
  recycle.begin(Int32Array.of(3));
  assert.is(recycle.propose(81).tokens.length, 1);
  recycle.observe(rejected(rootOnly(3), [Float32Array.from({ length: 12 }, (_, id) => -id)]));
  recycle.begin(Int32Array.of(3));
  const tree = recycle.propose(81);
  // Token 3 has a row, and is itself among the eight: its children appear again below it.
  const childrenOf = (parent: number) => [...tree.tokens].filter((_, node) => tree.parents[node] === parent);
  assert.equal(childrenOf(0), [0, 1, 2, 3, 4, 5, 6, 7]);
  assert.ok(tree.parents.every((parent) => parent < 1 || tree.tokens[parent] === 3));
});

test('siblings are never equal, and trees fit every budget, best nodes kept (seed 2)', async () => {
  const vocab = 9;
  const target = new MadeUpTarget(madeUpLanguage(2, vocab), { vocab });
  const recycle = new Recycle(vocab);
  await generate(hostOf(target), [1, 2, 3], { maxTokens: 80, draft: recycle }).text();
  for (let token = 0; token < vocab; token++) {
    recycle.begin(Int32Array.of(token));
    for (let nodes = 1; nodes <= 81; nodes += 8) {
      const tree = recycle.propose(nodes);
      checkTree(tree, { vocab, nodes, root: token, sources: 1 });
      const siblings = new Set(Array.from(tree.tokens, (id, node) => `${tree.parents[node]} ${id}`));
      assert.is(siblings.size, tree.tokens.length);
    }
  }
});

test('a prompt run again, with the table kept, is accepted: the first run has taught it', async () => {
  const vocab = 200;
  // No token comes twice in 60.
  const host = hostOf(
    new MadeUpTarget(
      orderOneLanguage(vocab, (token) => (token + 7) % vocab),
      { vocab },
    ),
  );
  const run = async () => {
    const generation = generate(host, [5], { maxTokens: 60, draft: 'recycle' });
    await generation.text();
    return generation.stats;
  };
  assert.is((await run()).num_accepted_tokens, 0);
  const second = await run();
  assert.is(second.mean_acceptance_length, 60 / second.passes);
  assert.ok(second.passes <= 15, `${second.passes} passes`);
});

test('a vocabulary of fewer than eight tokens works', async () => {
  const target = new MadeUpTarget(madeUpLanguage(4, 3), { vocab: 3 });
  const generation = generate(hostOf(target), [1], { maxTokens: 30, draft: 'recycle' });
  await generation.text();
  assert.ok(generation.stats.num_accepted_tokens > 0);
});

test.run();
