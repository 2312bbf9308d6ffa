/**
 * Heads of weights that make their guesses known beforehand, and the prefix layer over a text that comes in pieces.
 * @module
 */
import { openCheckpoint } from '../../src/formats/checkpoint.ts';
import { openFolder } from '../../src/formats/folder.ts';
import { readFloats } from '../../src/formats/tensors.ts';
import type { HeadConfig } from '../../src/heads/format.ts';
import { beamTree, fixedTree, type HeadTree, likeliestTree, loadHead } from '../../src/heads/index.ts';
import { load, type Model, type StepReport } from '../../src/index.ts';
import { assert, random, randomInt, test } from '../harness.ts';
import { fixturePath } from '../model/fixture-model.ts';
import { HIDDEN, headConfig, headFiles, randomWeights, VOCAB, type Weights } from './made-heads.ts';

const open = (maxNodes = 64) => load(fixturePath('test-300k'), { context: 128, dtype: 'f32', maxNodes });
const model = await open();
/** Input and output layer of the model. */
const table = new Float32Array(VOCAB * HIDDEN);
const tensors = await openCheckpoint(await openFolder(fixturePath('test-300k')));
for await (const { row, data } of readFloats(tensors.get('model.embed_tokens.weight')!)) table.set(data, row * HIDDEN);

const prompt = (seed: number, length = 20) => {
  const next = random(seed);
  return Array.from({ length }, () => randomInt(next, VOCAB));
};

/** Weights of zeros, but for what `change` fills in. */
function weightsOf(config: HeadConfig, change: (weights: Weights) => void): Weights {
  const weights = randomWeights(config, 0);
  for (const values of weights.values()) values.fill(0);
  change(weights);
  return weights;
}

/** A square unit matrix at a column of a wider one. */
function unitAt(weight: Float32Array, column: number): void {
  const width = weight.length / HIDDEN;
  for (let i = 0; i < HIDDEN; i++) weight[i * width + column + i] = 1;
}

async function stepsOf(config: HeadConfig, weights: Weights, tree: HeadTree, target: Model = model) {
  const head = await loadHead(headFiles(config, weights), target, { dtype: 'f32', tree });
  const steps: StepReport[] = [];
  await target.generate([1], { maxTokens: 1 }).text(); // so that the prompt is read anew
  await target
    .generate(prompt(1), { maxTokens: 12, draft: head, draftTokens: 4, onStep: (step) => steps.push(step) })
    .text();
  const whole = Math.max(...steps.map((step) => step.tree.tokens.length)); // the last ones are clipped to the room left
  assert.ok(whole > 3);
  return steps.filter((step) => step.tree.tokens.length === whole);
}

test('a Medusa head whose blocks do nothing says what the output layer says: the token that the target has chosen already', async () => {
  for (const tied of [false, true]) {
    const config = headConfig('medusa', { tied });
    const weights = weightsOf(config, (all) => {
      if (!tied) for (let i = 0; i < 3; i++) all.get(`${i}.2.weight`)!.set(table);
    });
    const steps = await stepsOf(config, weights, fixedTree([[0], [0, 0], [0, 0, 0]]));
    assert.ok(steps.length > 1);
    // The root of the first tree is the prompt's.
    for (const { tree } of steps.slice(1)) assert.ok(tree.tokens.every((token) => token === tree.tokens[0]));
  }
});

test('a Hydra head that passes the hidden state on says the same, whatever the path', async () => {
  const config = headConfig('hydra');
  const weights = weightsOf(config, (all) => {
    for (let i = 0; i < 3; i++) {
      unitAt(all.get(`hydra_mlp.${i}.0.res_connection.weight`)!, 0);
      all.get(`hydra_lm_head.${i}.weight`)!.set(table);
    }
  });
  const steps = await stepsOf(config, weights, fixedTree([[0], [1], [1, 0], [1, 0, 0]]));
  for (const { tree } of steps.slice(1)) {
    const [root, second] = [tree.tokens[0], tree.tokens[2]];
    assert.equal([...tree.tokens], [root, root, second, root, root]);
    assert.is.not(second, root);
  }
});

/** A Hydra head that says the token of one part of what it reads: 0 is the hidden state, i + 1 the last token of the path. */
function echo(config: HeadConfig, part: (i: number) => number): Weights {
  // Rows of length 1: then each is most like itself.
  const unit = table.slice();
  for (let row = 0; row < VOCAB; row++) {
    const values = unit.subarray(row * HIDDEN, (row + 1) * HIDDEN);
    const length = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
    for (let i = 0; i < HIDDEN; i++) values[i]! /= length;
  }
  return weightsOf(config, (all) => {
    for (let i = 0; i < 3; i++) {
      unitAt(all.get(`hydra_mlp.${i}.0.res_connection.weight`)!, part(i) * HIDDEN);
      all.get(`hydra_lm_head.${i}.weight`)!.set(unit);
    }
  });
}

test('a Hydra head that passes the last token on says it again; passing on the one before it says that', async () => {
  const config = headConfig('hydra');
  const paths = fixedTree([[0], [1], [1, 0], [1, 0, 0]]);
  for (const { tree } of await stepsOf(
    config,
    echo(config, (i) => i + 1),
    paths,
  )) {
    const [root, same, other, child, grandchild] = tree.tokens;
    assert.equal([same, child, grandchild], [root, other, other]);
    assert.is.not(other, root);
  }
  const before = await stepsOf(
    config,
    echo(config, (i) => Math.max(1, i)),
    paths,
  );
  for (const { tree } of before) assert.is(tree.tokens[3], tree.tokens[0]);
});

test('a beam of width 1 is the chain of the likeliest tokens', async () => {
  const config = headConfig('recurrent');
  const weights = randomWeights(config, 2);
  const chains = await stepsOf(config, weights, beamTree({ width: 1 }));
  const fixed = await stepsOf(config, weights, fixedTree([[0], [0, 0], [0, 0, 0]]));
  assert.equal(
    chains.map(({ tree }) => [[...tree.tokens], [...tree.parents]]),
    fixed.map(({ tree }) => [[...tree.tokens], [...tree.parents]]),
  );
});

test('the prefix layer comes to the same bits however the prompt is cut into passes', async () => {
  const config = headConfig('hydra++');
  const weights = randomWeights(config, 3);
  const whole = await stepsOf(config, weights, likeliestTree());
  for (const maxNodes of [5, 7, 19]) {
    const cut = await stepsOf(config, weights, likeliestTree(), await open(maxNodes));
    assert.equal(
      cut.map(({ tree }) => tree),
      whole.map(({ tree }) => tree),
    );
  }
});

test('the prefix layer goes on with a text that goes on, and begins anew where it was not told of the beginning', async () => {
  const config = headConfig('hydra++');
  const files = headFiles(config, randomWeights(config, 4));
  const first = prompt(5);
  const { tokens } = await finished(first, 'none');
  const second = [...first, ...tokens, ...prompt(6, 8)];

  const fresh = await loadHead(files, model, { dtype: 'f32' });
  await finished([1], 'none');
  const expected = await treesAfter(second, fresh);

  const told = await loadHead(files, model, { dtype: 'f32' });
  await finished([1], 'none');
  await finished(first, told);
  assert.equal(await treesAfter(second, told), expected);

  const late = await loadHead(files, model, { dtype: 'f32' });
  await finished([1], 'none');
  await finished(first, 'none');
  assert.not.equal(await treesAfter(second, late), expected);

  // Another text in between, and back to the first one: what was kept of it is not that of another.
  await finished([2, ...prompt(7)], told);
  await finished([1], 'none');
  assert.equal(await treesAfter(second, told), expected);
});

type Draft = 'none' | Awaited<ReturnType<typeof loadHead>>;

async function finished(text: readonly number[], draft: Draft, onStep?: (step: StepReport) => void) {
  const generation = model.generate(text, { maxTokens: 6, draft, draftTokens: 6, ...(onStep && { onStep }) });
  await generation.text();
  return generation;
}

async function treesAfter(text: readonly number[], draft: Draft) {
  const trees: StepReport['tree'][] = [];
  await finished(text, draft, ({ tree }) => trees.push(tree));
  assert.ok(trees.some(({ tokens }) => tokens.length > 1));
  return trees;
}

test.run();
