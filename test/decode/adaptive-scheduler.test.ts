/** `draft: 'auto'`: nodes are spent where they pay, under injected cost tables so that decisions are the same everywhere. */
import { Acceptance } from '../../src/decode/acceptance.ts';
import { AdaptiveScheduler, type CostSource } from '../../src/decode/adaptive-scheduler.ts';
import { generate } from '../../src/decode/generate.ts';
import { fixedCosts } from '../../src/decode/pass-costs.ts';
import { rootOnly, type DraftTree } from '../../src/tree/draft-tree.ts';
import { jointScores } from '../../src/tree/prune.ts';
import { assert, random, randomInt, test } from '../harness.ts';
import { rowsOf } from '../draft/steps.ts';
import { hostOf } from './hosts.ts';
import { madeUpLanguage, MadeUpTarget, randomPrompt, recitation } from './made-up-target.ts';

const table = (cost: (n: number) => number, n = 65): number[] => Array.from({ length: n }, (_, i) => cost(i));
const FREE = table(() => 1);
const FLAT = table((n) => 1 + 0.02 * (n - 1));
const STEEP = table((n) => 1 + 0.4 * (n - 1));
const LINEAR = table((n) => n);

const scheduler = (costs: readonly number[] | CostSource, nodes = 64): AdaptiveScheduler =>
  new AdaptiveScheduler('curve' in costs ? costs : fixedCosts(costs, 64), new Acceptance(), ['x'], nodes);

function randomTree(next: () => number, nodes: number): DraftTree {
  return {
    tokens: Int32Array.from({ length: nodes }, (_, node) => node),
    parents: Int32Array.from({ length: nodes }, (_, node) => (node === 0 ? -1 : randomInt(next, node))),
    scores: Float32Array.from({ length: nodes }, (_, node) => (node === 0 ? 1 : next())),
  };
}

/** The best tokens per cost over all subtrees, by trying every set of nodes. */
function bestRate(tree: DraftTree, costs: readonly number[]): number {
  const joint = jointScores(tree);
  let best = 1.03 / costs[1]!;
  for (let set = 1; set < 1 << joint.length; set += 2) {
    const members = [...joint.keys()].filter((node) => set & (1 << node));
    if (members.length < 2 || members.some((node) => node > 0 && !(set & (1 << tree.parents[node]!)))) continue;
    best = Math.max(best, members.reduce((sum, node) => sum + joint[node]!, 0) / costs[members.length]!);
  }
  return best;
}

test('the kept subtree has the best tokens per cost of all subtrees, or is the root where none beats a plain step (seed 1)', () => {
  const next = random(1);
  let plain = 0;
  for (let round = 0; round < 60; round++) {
    const tree = randomTree(next, 9);
    for (const costs of [FREE, FLAT, STEEP, LINEAR]) {
      const kept = scheduler(costs).prune(tree);
      const nodes = kept.tokens.length;
      const rate = nodes === 1 ? 1.03 / costs[1]! : jointScores(kept).reduce((a, b) => a + b, 0) / costs[nodes]!;
      assert.ok(Math.abs(rate - bestRate(tree, costs)) < 1e-9);
      if (nodes === 1) plain++;
    }
  }
  assert.ok(plain > 60 && plain < 180);
});

test('a budget never exceeds the largest pass, follows what is kept, and is 1 while drafting rests', () => {
  assert.is(scheduler(FLAT, 5).budget(), 5);
  const shrinking = scheduler(LINEAR);
  const budgets: number[] = [];
  for (let i = 0; i < 60; i++) {
    budgets.push(shrinking.budget());
    const tree = shrinking.prune(randomTree(random(i), 8));
    shrinking.observe(plainStep(tree), { draftMs: 0, passMs: 0 });
  }
  assert.is(budgets[0], 64);
  assert.is(budgets.at(-1), 4);
});

const plainStep = (tree: DraftTree) => ({
  tree,
  path: Int32Array.of(0),
  emitted: Int32Array.of(99),
  rows: rowsOf([]),
});

test('drafting that never pays is asked for so seldom that it costs half a percent of the time', () => {
  // Drafting takes a tenth of a plain step, and every guess is hopeless.
  const costs: CostSource = { ...fixedCosts(STEEP, 64), draftShare: 0.1 };
  const resting = scheduler(costs);
  let asked = 0;
  for (let i = 0; i < 1000; i++) {
    const hopeless = { ...rootOnly(1), scores: Float32Array.of(1) };
    const tree = resting.budget() > 1 ? resting.prune(hopeless) : rootOnly(1);
    if (tree === hopeless) asked++;
    resting.observe(plainStep(tree), { draftMs: 0.1, passMs: 1 });
  }
  assert.ok(asked >= 40 && asked <= 60, `${asked} of 1000`);
});

test('losses end in caution: claims that do not hold cost at most a few plain steps and one in a hundred', () => {
  // A drafter that claims much and is always wrong, each time with another score and source-independent luck.
  const next = random(2);
  const careful = scheduler(STEEP);
  let spent = 0;
  for (let i = 0; i < 500; i++) {
    careful.budget();
    const tree = careful.prune({ ...randomTree(next, 12), scores: Float32Array.from({ length: 12 }, () => next()) });
    spent += STEEP[tree.tokens.length]!;
    careful.observe(plainStep(tree), { draftMs: 0, passMs: 0 });
  }
  assert.ok(spent < 500 * 1.01 + 40, `${spent} for 500 tokens`);
});

async function statsOf(
  target: MadeUpTarget,
  prompt: readonly number[],
  costTable: readonly number[],
  maxTokens: number,
) {
  const host = hostOf(target);
  const generation = generate(host, prompt, { draft: 'auto', costTable, maxTokens });
  await generation.text();
  const cost = target.passes.reduce((sum, nodes) => sum + costTable[nodes]!, 0);
  return { stats: generation.stats, cost, tokens: generation.tokens.length };
}

test('no node is spent where it cannot pay: every node costs a plain step', async () => {
  for (let seed = 0; seed < 8; seed++) {
    const vocab = 6 + seed;
    const target = new MadeUpTarget(madeUpLanguage(seed, vocab), { vocab, context: 400 });
    const { stats } = await statsOf(target, randomPrompt(random(seed), 30, vocab), LINEAR, 200);
    assert.is(stats.num_draft_tokens, 0);
    assert.is(stats.passes, 200);
  }
});

test('where nothing can be guessed, auto costs at most 3 percent more than plain decoding', async () => {
  for (const costTable of [STEEP, LINEAR]) {
    for (let seed = 0; seed < 5; seed++) {
      // Every token depends on the whole path: drafters only ever guess by luck.
      const language = madeUpLanguage(seed, 50, { spread: 0, wander: 6 });
      const target = new MadeUpTarget(language, { vocab: 50, context: 400, maxNodes: 64 });
      const { cost, tokens } = await statsOf(target, randomPrompt(random(seed), 60, 50), costTable, 300);
      assert.ok(tokens / cost >= 0.97, `${tokens} tokens for ${cost}`);
    }
  }
});

test('an edit is read in long chains: the copied parts of 16 to 64 nodes a pass where passes are flat', async () => {
  const vocab = 500;
  const next = random(3);
  const source = randomPrompt(next, 240, vocab);
  const edited = source.map((token, i) => (i % 60 === 30 ? (token + 1) % vocab : token));
  const prompt = [1, 2, 3, ...source, 1, 2, 3];
  const target = new MadeUpTarget(recitation(vocab, prompt, edited), { vocab, context: 600, maxNodes: 64 });
  const { stats, cost } = await statsOf(target, prompt, FLAT, 240);
  assert.ok(target.passes.some((nodes) => nodes >= 48));
  assert.ok(stats.blockEfficiency > 8, `${stats.blockEfficiency}`);
  assert.ok(240 / cost > 5, `${240 / cost} times plain`);
});

test('the same edit over a steep table is drafted in short chains, and still pays', async () => {
  const vocab = 500;
  const source = randomPrompt(random(3), 240, vocab);
  const edited = source.map((token, i) => (i % 60 === 30 ? (token + 1) % vocab : token));
  const prompt = [1, 2, 3, ...source, 1, 2, 3];
  const target = new MadeUpTarget(recitation(vocab, prompt, edited), { vocab, context: 600, maxNodes: 64 });
  const { cost } = await statsOf(target, prompt, STEEP, 240);
  assert.ok(240 / cost > 1.5, `${240 / cost} times plain`);
});

test('decisions under an injected table are the same in every run', async () => {
  const run = async () => {
    const target = new MadeUpTarget(madeUpLanguage(4, 9), { vocab: 9 });
    await statsOf(target, [1, 2, 3, 1, 2, 3], FLAT, 100);
    return target.passes;
  };
  assert.equal(await run(), await run());
});

test('the schedule is explained in a sentence', async () => {
  const target = new MadeUpTarget(madeUpLanguage(4, 9), { vocab: 9 });
  const { stats } = await statsOf(target, [1, 2, 3, 1, 2, 3], FLAT, 50);
  assert.match(
    stats.schedule,
    /^\d+ drafted passes, \d+ plain ones of which \d+ without asking drafters; in plain steps T\(2\) 1\.02/,
  );
});

test.run();
