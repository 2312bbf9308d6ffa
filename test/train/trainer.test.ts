/**
 * Trainer: updates by hand in f64, batches together and apart, runs that stop and go on, and what is refused.
 * @module
 */
import { createEngine } from '../../src/engine/engine.ts';
import { type Batch, meanWeights } from '../../src/train/batch.ts';
import { Graph, type Tensor } from '../../src/train/graph.ts';
import { warmUpCosine } from '../../src/train/learning-rate.ts';
import { silu } from '../../src/train/operations/activation.ts';
import { add, reshape } from '../../src/train/operations/elementwise.ts';
import { embed } from '../../src/train/operations/embed.ts';
import { linear } from '../../src/train/operations/linear.ts';
import { crossEntropy, smoothL1 } from '../../src/train/operations/loss.ts';
import { topIds } from '../../src/train/operations/select.ts';
import { planTraining } from '../../src/train/plan.ts';
import { createTrainer, estimateTraining, type Trainer, type TrainerOptions } from '../../src/train/trainer.ts';
import { hasCode, rejection } from '../codes.ts';
import { assert, firstDifference, random, randomFloats, randomInt, test } from '../harness.ts';
import { batchOf, OPTIMIZER, smallLlama, stream } from './small-llama.ts';
import { plain, played, poisoned, tampered } from './engines.ts';
import { ADAMW } from '../../src/train/opcodes.ts';
import { floatBits } from '../../src/engine/program.ts';

const ROWS = 12;

/** A residual block and a head, as a Medusa head has them. */
function smallHead(): Graph {
  const graph = new Graph();
  const hidden = graph.input('hidden', ROWS, 16);
  const weight = (name: string, rows: number, cols: number) =>
    graph.parameter(name, rows, cols, { initial: { deviation: 0.3 } });
  const block = add(hidden, silu(linear(hidden, weight('block.weight', 16, 16), weight('block.bias', 1, 16))));
  const logits = linear(block, weight('head.weight', 20, 16));
  graph.output('logits', logits);
  crossEntropy(logits, graph.ids('labels', ROWS, 20));
  return graph;
}

function headBatch(seed: number): Batch {
  const next = random(seed);
  return {
    hidden: randomFloats(next, ROWS * 16),
    labels: Array.from({ length: ROWS }, () => randomInt(next, 20)),
  };
}

const newTrainer = (options: TrainerOptions = {}) => createTrainer(smallHead(), { engine: plain, ...options });

const NAMES = ['block.weight', 'block.bias', 'head.weight'];

const weightsOf = (trainer: Trainer, average = false) =>
  Float32Array.from(NAMES.flatMap((name) => [...trainer.get(name, { average })]));

/** One number that is pulled to 0, whose gradient is itself: AdamW's arithmetic can be followed by hand. */
function pulled(initial: Float32Array): { graph: Graph; x: Tensor } {
  const graph = new Graph();
  const x = graph.parameter('x', 2, 4, { initial });
  // Below beta the loss is x² / (2 beta), its mean over a row and the scale make the gradient x.
  smoothL1(x, graph.constant(2, 4, new Float32Array(8)), { beta: 1000, scale: 2 * 4 * 1000 });
  return { graph, x };
}

/** AdamW in f64, straight from its paper. */
function adamWByHand(x: number[], updates: number, options: { decay: number; clip: number; corrected?: boolean }) {
  const [mean, square] = [x.map(() => 0), x.map(() => 0)];
  for (let n = 1; n <= updates; n++) {
    const rate = 0.1 / n;
    const norm = Math.sqrt(x.reduce((sum, value) => sum + value * value, 0));
    const factor = Math.min(1, options.clip / (norm + 1e-6));
    x.forEach((value, i) => {
      const g = value * factor;
      mean[i] = 0.9 * mean[i]! + 0.1 * g;
      square[i] = 0.99 * square[i]! + 0.01 * g * g;
      const [m, s] =
        options.corrected === false
          ? [mean[i]!, square[i]!]
          : [mean[i]! / (1 - 0.9 ** n), square[i]! / (1 - 0.99 ** n)];
      x[i] = value * (1 - rate * options.decay) - (rate * m) / (Math.sqrt(s) + 1e-8);
    });
  }
  return x;
}

const START = Float32Array.of(1, -2, 0.5, 3, -0.25, 0.125, 4, -1);
const BY_HAND = { learningRate: (update: number) => 0.1 / (update + 1), beta2: 0.99, weightDecay: 0.2, clipNorm: 2 };

async function updated(updates: number, engine = plain): Promise<Float32Array> {
  const trainer = await createTrainer(pulled(START).graph, { engine, optimizer: BY_HAND });
  for (let i = 0; i < updates; i++) trainer.step({});
  return trainer.get('x');
}

const farthest = (got: Float32Array, want: readonly number[]) =>
  Math.max(...want.map((value, i) => Math.abs(value - got[i]!)));

test('AdamW is what it is by hand in f64: decay, clipping, corrected means, over ten updates', async () => {
  const error = farthest(await updated(10), adamWByHand([...START], 10, { decay: 0.2, clip: 2 }));
  assert.ok(error < 1e-6, `${error}`);
});

test('means that are not corrected, weights that do not decay, a gradient that is not clipped are seen (planted faults)', async () => {
  const got = await updated(10);
  for (const options of [
    { decay: 0.2, clip: 2, corrected: false },
    { decay: 0, clip: 2 },
    { decay: 0.2, clip: Infinity },
  ]) {
    assert.ok(farthest(got, adamWByHand([...START], 10, options)) > 1e-4, JSON.stringify(options));
  }
  const other = await updated(
    10,
    tampered((op) => void (op[0] === ADAMW && (op[12] = floatBits(0.05)))),
  );
  assert.ok(farthest(other, adamWByHand([...START], 10, { decay: 0.2, clip: 2 })) > 1e-4);
});

test('a moving mean of the parameters is kept beside them', async () => {
  const trainer = await newTrainer({ optimizer: { average: 0.9 } });
  const want = Float64Array.from(weightsOf(trainer));
  for (let i = 0; i < 5; i++) {
    trainer.step(headBatch(i));
    const weights = weightsOf(trainer);
    want.forEach((value, k) => void (want[k] = 0.9 * value + 0.1 * weights[k]!));
  }
  assert.ok(farthest(weightsOf(trainer, true), [...want]) < 1e-6);
  assert.is.not(firstDifference(weightsOf(trainer, true), weightsOf(trainer)), -1);
});

test('two batches in one update have the mean of their gradients, and the norm of that mean (seeds 1, 2)', async () => {
  const together = await newTrainer();
  const first = together.accumulate(headBatch(1));
  const alone = together.gradient('head.weight');
  const second = together.accumulate(headBatch(2));
  const both = together.gradient('head.weight');
  const other = await newTrainer();
  other.accumulate(headBatch(2));
  const rest = other.gradient('head.weight');
  assert.ok(
    farthest(
      both,
      [...alone].map((value, i) => value + rest[i]!),
    ) < 1e-6,
  );
  const { gradientNorm } = together.update();

  const list = await newTrainer();
  const result = list.step([headBatch(1), headBatch(2)]);
  assert.is(result.loss, (first.loss + second.loss) / 2);
  assert.is(result.gradientNorm, gradientNorm);
  assert.is(firstDifference(weightsOf(list), weightsOf(together)), -1);
  const byHand = await newTrainer();
  byHand.accumulate(headBatch(1));
  byHand.accumulate(headBatch(2));
  const squares = NAMES.flatMap((name) => [...byHand.gradient(name)]).reduce((sum, g) => sum + (g / 2) ** 2, 0);
  assert.ok(Math.abs(gradientNorm / Math.sqrt(squares) - 1) < 1e-6);
});

test('a loss with the weights of its labels is the mean over rows that have one', async () => {
  const graph = new Graph();
  const logits = graph.parameter('logits', 4, 8, { initial: randomFloats(random(1), 32) });
  crossEntropy(logits, graph.ids('labels', 4, 8), { weights: graph.input('weights', 4, 1) });
  const trainer = await createTrainer(graph, { engine: plain });
  const lossOf = (labels: number[]) => trainer.evaluate({ labels, weights: meanWeights(labels) }).loss;
  const [first, second, both] = [
    [3, -1, -1, -1],
    [-1, -1, 5, -1],
    [3, -1, 5, -1],
  ].map(lossOf);
  assert.ok(Math.abs(both! - (first! + second!) / 2) < 1e-6);
  assert.is(lossOf([-1, -1, -1, -1]), 0);
});

test('after an update nothing is left of the gradient', async () => {
  const trainer = await newTrainer();
  trainer.step(headBatch(1));
  assert.ok(trainer.gradient('head.weight').every((value) => value === 0));
});

test('a run that is saved, and goes on elsewhere, comes to the bits of one that never stopped (seeds 0..9)', async () => {
  const optimizer = { average: 0.99, learningRate: warmUpCosine({ peak: 1e-2, warmUp: 3, updates: 10 }) };
  const whole = await newTrainer({ optimizer });
  for (let i = 0; i < 10; i++) whole.step(headBatch(i));
  const first = await newTrainer({ optimizer });
  for (let i = 0; i < 4; i++) first.step(headBatch(i));
  const second = await newTrainer({ optimizer, seed: 99 });
  await second.load(first.save());
  assert.is(second.updates, 4);
  for (let i = 4; i < 10; i++) second.step(headBatch(i));
  assert.equal(second.save(), whole.save());
});

test('a state without the moving means goes on otherwise (planted fault)', async () => {
  const first = await newTrainer();
  for (let i = 0; i < 4; i++) first.step(headBatch(i));
  const second = await newTrainer();
  for (const name of NAMES) second.set(name, first.get(name));
  first.step(headBatch(4));
  second.step(headBatch(4));
  assert.is.not(firstDifference(weightsOf(first), weightsOf(second)), -1);
});

test('threads never show in a bit: a Llama on one and on three, whoever comes first, three updates', async () => {
  const run = async (engine = plain, threads = 1) => {
    const trainer = await createTrainer(smallLlama(2, 24), { engine, threads, optimizer: OPTIMIZER, seed: 5 });
    const text = stream(3, 200);
    for (let i = 0; i < 3; i++) trainer.step(batchOf(text, i, 2, 24));
    return trainer.save();
  };
  const want = await run();
  for (const order of [
    [0, 1, 2],
    [2, 1, 0],
  ]) {
    assert.equal(await run(played(order), order.length), want, `threads ${order}`);
  }
});

test('two threads of a team come to the bits of one', async () => {
  const one = await newTrainer();
  const two = await newTrainer({ threads: 2 });
  for (let i = 0; i < 3; i++) for (const trainer of [one, two]) trainer.step(headBatch(i));
  assert.is(two.threads, 2);
  assert.equal(two.save(), one.save());
  two.dispose();
  assert.throws(() => two.step(headBatch(1)), hasCode('model.disposed'));
});

test('no pass reads what an earlier one has left: NaN in all memory that is shared changes no bit', async () => {
  const graph = smallLlama(2, 24);
  const { passing } = planTraining(graph, { threads: 1, average: false });
  const run = async (engine = plain) => {
    const trainer = await createTrainer(graph, { engine, optimizer: OPTIMIZER, seed: 5 });
    const text = stream(3, 200);
    for (let i = 0; i < 2; i++) trainer.step(batchOf(text, i, 2, 24));
    return trainer.save();
  };
  assert.equal(await run(poisoned(passing.address, passing.bytes)), await run());
});

test('the memory is as estimated, and logits of one head only are in it at a time', async () => {
  const trainer = await newTrainer();
  assert.is(trainer.bytes, estimateTraining(smallHead()));
  const bytesOf = (heads: number) => {
    const graph = new Graph();
    const hidden = graph.input('hidden', 64, 16);
    const trunk = silu(linear(hidden, graph.parameter('trunk', 16, 16)));
    for (let head = 0; head < heads; head++) {
      const logits = linear(trunk, graph.parameter(`head.${head}`, 4096, 16, { frozen: true }));
      crossEntropy(logits, graph.ids(`labels.${head}`, 64, 4096), { name: `loss.${head}` });
    }
    return planTraining(graph, { threads: 1, average: false }).passing.bytes;
  };
  assert.ok(bytesOf(4) < bytesOf(1) + 64 * 16 * 4 * 4, `${bytesOf(1)} and ${bytesOf(4)} bytes`);
});

test('evaluation gives the loss and the outputs, and changes nothing', async () => {
  const trainer = await newTrainer();
  const before = trainer.save();
  const { loss } = trainer.evaluate(headBatch(1));
  const logits = trainer.read('logits');
  assert.equal(trainer.save(), before);
  assert.is(trainer.accumulate(headBatch(1)).loss, loss);
  assert.is(firstDifference(trainer.read('logits'), logits), -1);
});

test('the ids of the largest logits of each row can be read, and change no gradient (seed 4)', async () => {
  const build = (k: number) => {
    const graph = new Graph();
    const x = graph.input('x', ROWS, 16);
    const logits = linear(x, graph.parameter('head', 20, 16, { initial: { deviation: 1 } }));
    if (k > 0) topIds('guesses', logits, k);
    graph.output('logits', k === 0 ? logits : linear(x, graph.parameter('frozen', 1, 16, { frozen: true })));
    crossEntropy(logits, graph.ids('labels', ROWS, 20));
    return graph;
  };
  const batch = { x: headBatch(4).hidden!, labels: headBatch(4).labels! };
  const without = await createTrainer(build(0), { engine: plain });
  without.accumulate(batch);
  const logits = without.read('logits');
  for (const k of [1, 3]) {
    const trainer = await createTrainer(build(k), { engine: plain });
    trainer.accumulate(batch);
    assert.is(firstDifference(trainer.gradient('head'), without.gradient('head')), -1);
    const want = Array.from({ length: ROWS }, (_, row) => {
      const values = logits.subarray(row * 20, (row + 1) * 20);
      return [...values.keys()].sort((a, b) => values[b]! - values[a]!).slice(0, k);
    });
    assert.equal([...trainer.readIds('guesses')], want.flat());
  }
  assert.throws(() => topIds('more', new Graph().input('x', 2, 8), 9), hasCode('option.range'));
});

test('evaluation leaves the gradient of a parameter alone whose numbers are the logits themselves', async () => {
  const graph = new Graph();
  const logits = graph.parameter('logits', 4, 8, { initial: randomFloats(random(1), 32) });
  crossEntropy(reshape(logits, 2, 16), graph.ids('labels', 2, 8));
  const trainer = await createTrainer(graph, { engine: plain });
  trainer.evaluate({ labels: [1, 2] });
  assert.ok(trainer.gradient('logits').every((value) => value === 0));
  trainer.accumulate({ labels: [1, 2] });
  assert.ok(trainer.gradient('logits').some((value) => value !== 0));
});

test('a loss that is no number is refused, and the trainer goes on from where it was', async () => {
  const trainer = await newTrainer();
  const good = await newTrainer();
  const huge = { hidden: new Float32Array(ROWS * 16).fill(3e38), labels: headBatch(1).labels! };
  assert.throws(() => trainer.step(huge), hasCode('train.diverged'));
  trainer.step(headBatch(2));
  good.step(headBatch(2));
  assert.equal(trainer.save(), good.save());
});

test('batches that do not fit are refused', async () => {
  const trainer = await newTrainer();
  const batch = headBatch(1);
  const labels = [...(batch.labels as number[])];
  const hidden = batch.hidden as Float32Array;
  const refused: Batch[] = [
    { labels },
    { ...batch, more: [1] },
    { ...batch, labels: labels.slice(1) },
    { ...batch, labels: labels.with(3, 20) },
    { ...batch, labels: labels.with(3, -2) },
    { ...batch, labels: labels.with(3, 0.5) },
    { ...batch, hidden: hidden.with(7, Number.NaN) },
  ];
  for (const wrong of refused) assert.throws(() => trainer.step(wrong), hasCode('train.batch'));
  assert.throws(() => trainer.step([batch, { ...batch, labels: [] }]), hasCode('train.batch'));
  assert.throws(() => trainer.update(), hasCode('train.batch'));
  assert.is(trainer.updates, 0);
  assert.ok(trainer.gradient('head.weight').every((value) => value === 0));
});

test('graphs, names and states that do not fit are refused', async () => {
  const graph = new Graph();
  const x = graph.input('x', 3, 8);
  assert.throws(() => graph.input('x', 1, 1), hasCode('train.name'));
  assert.throws(() => graph.parameter('p', 0, 4), hasCode('train.shape'));
  assert.throws(() => linear(x, graph.parameter('w', 4, 4)), hasCode('train.shape'));
  assert.throws(() => linear(x, new Graph().parameter('w', 4, 8)), hasCode('train.graph'));
  assert.is(await rejection(createTrainer(graph, { engine: plain })), 'train.graph');
  assert.throws(() => smoothL1(x, x), hasCode('train.graph'));
  smoothL1(graph.parameter('v', 3, 8), x);
  assert.is(await rejection(createTrainer(graph, { engine: plain })), 'train.graph'); // w has no part in it

  const other = new Graph();
  const table = other.parameter('table', 4, 4);
  smoothL1(embed(table, graph.ids('ids', 3, 4)), other.input('y', 3, 4));
  assert.is(await rejection(createTrainer(other, { engine: plain })), 'train.graph');

  const trainer = await newTrainer();
  assert.throws(() => trainer.get('nothing'), hasCode('train.name'));
  assert.throws(() => trainer.read('nothing'), hasCode('train.name'));
  assert.throws(() => trainer.set('head.weight', new Float32Array(3)), hasCode('train.shape'));
  trainer.accumulate(headBatch(1));
  assert.throws(() => trainer.save(), hasCode('train.state'));
  const elsewhere = await createTrainer(pulled(START).graph, { engine: plain });
  assert.is(await rejection(trainer.load(elsewhere.save())), 'train.state');
  assert.is(await rejection(newTrainer({ memoryLimit: 1000 })), 'memory.limit');
  assert.is(await rejection(newTrainer({ optimizer: { beta1: 1 } })), 'option.range');
  assert.is(await rejection(newTrainer({ seed: -1 })), 'option.range');
});

test('an engine of inference alone is refused', async () => {
  assert.is(await rejection(newTrainer({ engine: await createEngine() })), 'engine.module');
});

test.run();
