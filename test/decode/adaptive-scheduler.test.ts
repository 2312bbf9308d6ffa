/** `draft: 'auto'`: nodes are spent where they pay, under injected cost tables so that decisions are the same everywhere. */
import { Acceptance } from '../../src/decode/acceptance.ts';
import { AdaptiveScheduler, type CostSource, type Experience } from '../../src/decode/adaptive-scheduler.ts';
import { generate } from '../../src/decode/generate.ts';
import { fixedCosts } from '../../src/decode/pass-costs.ts';
import { Patience } from '../../src/decode/patience.ts';
import type { Outlooks } from '../../src/draft/proposer.ts';
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

/** Drafters that tell what `outlooks` says, and take `learningMs` for each step. */
function drafters(outlooks: () => Outlooks | undefined = () => undefined, learningMs = 0, names = ['x']) {
  const log: string[] = [];
  const rest = (drafter: number) => void log.push(`rest ${drafter}`);
  const wake = (drafter: number) => void log.push(`wake ${drafter}`);
  return { drafters: names, sources: names, outlooks, rest, wake, learningMs: () => learningMs, log };
}

const newcomer = (): Experience => ({ acceptance: new Acceptance(), patience: new Patience() });

const scheduler = (costs: readonly number[] | CostSource, nodes = 64, who = drafters()): AdaptiveScheduler =>
  new AdaptiveScheduler('curve' in costs ? costs : fixedCosts(costs, 64), newcomer(), who, nodes);

function randomTree(next: () => number, nodes: number): DraftTree {
  return {
    tokens: Int32Array.from({ length: nodes }, (_, node) => node),
    parents: Int32Array.from({ length: nodes }, (_, node) => (node === 0 ? -1 : randomInt(next, node))),
    scores: Float32Array.from({ length: nodes }, (_, node) => (node === 0 ? 1 : next())),
  };
}

const chainOf = (length: number, score: number): DraftTree => ({
  tokens: Int32Array.from({ length }, (_, node) => node),
  parents: Int32Array.from({ length }, (_, node) => node - 1),
  scores: Float32Array.from({ length }, (_, node) => (node === 0 ? 1 : score)),
});

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

test('drafting is paid once a pass: the more of the time it takes, the more nodes are kept, until few more tokens are to be had', () => {
  const chain = chainOf(33, 0.99);
  const nearlyLinear = fixedCosts(
    table((n) => 0.3 + 0.7 * n),
    64,
  );
  const kept = [0, 0.1, 1].map(
    (share) => scheduler({ ...nearlyLinear, share: () => share }, 64).prune(chain).tokens.length,
  );
  assert.ok(kept[0]! < kept[1]! && kept[1]! < kept[2]!, String(kept));
});

test('a node is kept as long as it promises what its time brought lately, or where that was less than by plain steps, what these do', () => {
  const chain = chainOf(33, 0.99);
  const costs = table((n) => 0.3 + 0.7 * n);
  for (const emitted of [3, 4]) {
    const auto = scheduler(costs);
    // Passes over four nodes take 3.1.
    const tree = chainOf(4, 1);
    for (let i = 0; i < 200; i++) {
      auto.budget();
      const tokens = emitted === 4 ? [1, 2, 3, 9] : [1, 2, 9];
      const record = {
        tree,
        path: Int32Array.from({ length: emitted }, (_, node) => node),
        history: [],
        rows: rowsOf([]),
      };
      auto.observe({ ...record, emitted: Int32Array.from(tokens) }, { draftMs: 0, passMs: 0 });
    }
    const kept = auto.prune(chain).tokens.length;
    // Three tokens a pass are a loss, after which 1.3 times a plain step is asked for.
    const lately = emitted === 4 ? 4 / 3.1 : 1.3;
    // The joint probability of node n is 0.99^n: the last one kept is worth its 0.7 at that rate.
    const wanted = 1 + Math.floor(Math.log(0.7 * lately) / Math.log(0.99));
    assert.ok(Math.abs(kept - Math.min(33, wanted)) <= 1, `${kept} nodes, ${wanted} expected`);
  }
});

test('a budget never exceeds the largest pass, and doubles what is kept', () => {
  assert.is(scheduler(FREE, 5).budget(), 5);
  const growing = scheduler(FREE);
  const budgets: number[] = [];
  for (let i = 0; i < 5; i++) {
    budgets.push(growing.budget());
    growing.prune(randomTree(random(i), budgets[i]!));
  }
  assert.equal(budgets, [8, 16, 32, 64, 64]);
});

test('a budget shrinks to the smallest proposal where nothing is kept', () => {
  const shrinking = scheduler(LINEAR);
  const budgets: number[] = [];
  for (let i = 0; i < 60; i++) {
    budgets.push(shrinking.budget());
    const tree = shrinking.prune(randomTree(random(i), 8));
    shrinking.observe(plainStep(tree), { draftMs: 0, passMs: 0 });
  }
  assert.is(budgets[0], 8);
  assert.is(budgets.at(-1), 4);
});

const plainStep = (tree: DraftTree) => ({
  tree,
  path: Int32Array.of(0),
  emitted: Int32Array.of(99),
  history: [0, 99],
  rows: rowsOf([]),
});

test('drafting that never pays is asked for so seldom that it costs half a percent of the time', () => {
  // Drafting takes a tenth of a plain step, and every guess is hopeless.
  const costs: CostSource = { ...fixedCosts(STEEP, 64), share: () => 0.1 };
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

test('the time that drafters take in plain steps is a loss as well, and caution outlives a generation', () => {
  // Enough for a pass over two nodes, which takes 1.4, but not in times of caution.
  const likely = () => [{ token: 1, score: 0.5 }];
  for (const [draftMs, asked] of [
    [0, true],
    [0.05, false],
  ] as const) {
    const costs: CostSource = { ...fixedCosts(STEEP, 64), share: (time) => time };
    const experience = newcomer();
    const first = new AdaptiveScheduler(costs, experience, drafters(), 64);
    for (let i = 0; i < 60; i++) {
      first.budget();
      first.observe(plainStep(rootOnly(1)), { draftMs, passMs: 1 });
    }
    const second = new AdaptiveScheduler(costs, experience, drafters(likely), 64);
    assert.is(second.budget() > 1, asked, `${draftMs}`);
  }
});

test('a tree is asked for where the best outlook would pay for its pass and for drafting, and nowhere else', () => {
  const costs = fixedCosts(STEEP, 64); // two nodes take 1.4
  const ask = (score: number, share = 0) =>
    scheduler(
      { ...costs, share: () => share },
      64,
      drafters(() => [undefined, { token: 1, score }], 0, ['x', 'y']),
    ).budget();
  assert.is(ask(0.4), 1);
  assert.ok(ask(0.5) > 1);
  assert.is(
    scheduler(
      STEEP,
      64,
      drafters(() => [undefined]),
    ).budget(),
    1,
  );
});

test('an outlook is believed as far as it has come true, also where nothing was drafted', () => {
  for (const [comes, asked] of [
    [99, true],
    [98, false],
  ] as const) {
    const learning = scheduler(
      STEEP,
      64,
      drafters(() => [{ token: comes, score: 0.3 }]),
    );
    for (let i = 0; i < 60; i++) {
      learning.budget();
      learning.observe(plainStep(rootOnly(1)), { draftMs: 0, passMs: 0 }); // 99 comes every time
    }
    assert.is(learning.budget() > 1, asked);
  }
});

test('a drafter that takes a hundredth of the time and promises nothing rests nearly always; a cheap one never does', () => {
  for (const [ms, rests] of [
    [0.01, true],
    [0.004, false],
  ] as const) {
    const who = drafters(() => [undefined], ms);
    const costs: CostSource = { ...fixedCosts(STEEP, 64), share: (time) => time };
    const resting = scheduler(costs, 64, who);
    for (let i = 0; i < 4000; i++) {
      resting.budget();
      resting.observe(plainStep(rootOnly(1)), { draftMs: 0, passMs: 1 });
    }
    // 32 steps of work, then 320 of rest.
    assert.is(who.log.length, rests ? 23 : 0);
    assert.ok(!rests || who.log.every((entry, i) => entry === (i % 2 === 0 ? 'rest 0' : 'wake 0')));
  }
});

test('a drafter whose outlooks earn its time works on, unless another one promises as much', () => {
  const costs: CostSource = { ...fixedCosts(FLAT, 64), share: (time) => time };
  const steps = (outlooks: Outlooks) => {
    const who = drafters(() => outlooks, 0.01, ['x', 'y']);
    const working = scheduler(costs, 64, who);
    for (let i = 0; i < 64; i++) {
      working.budget();
      working.observe(plainStep(rootOnly(1)), { draftMs: 0, passMs: 1 });
    }
    return who.log;
  };
  const right = { token: 99, score: 0.9 };
  assert.equal(steps([right, undefined]), ['rest 1']);
  assert.equal(steps([right, right]), ['rest 0', 'rest 1']);
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
