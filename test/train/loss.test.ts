/**
 * Divergences with known values, those of the DistillSpec paper's definitions worked out by hand in f64:
 * from p to q, forward KL, reverse KL, JSD with the teacher's part 0.1, 0.5 and 0.9, total variation.
 * @module
 */
import { Graph } from '../../src/train/graph.ts';
import { type DivergenceOptions, divergence } from '../../src/train/operations/loss.ts';
import { createTrainer } from '../../src/train/trainer.ts';
import { assert, test } from '../harness.ts';
import { plain } from './engines.ts';

const KNOWN = [
  { p: [0.5, 0.3, 0.2], q: [0.2, 0.3, 0.5], values: [0.274887, 0.274887, 0.024425, 0.066414, 0.024425, 0.3] },
  { p: [0.7, 0.2, 0.1], q: [0.1, 0.3, 0.6], values: [1.101868, 1.002104, 0.092674, 0.230645, 0.086497, 0.6] },
];

const KINDS: readonly DivergenceOptions[] = [
  ...[{ kind: 'forward-kl' } as const, { kind: 'reverse-kl' } as const],
  ...[0.1, 0.5, 0.9].map((beta) => ({ kind: 'jsd', beta }) as const),
  { kind: 'tvd' },
];

/** Of one row, whose logits are logarithms and some number more. */
async function divergenceOf(p: readonly number[], q: readonly number[], options: DivergenceOptions): Promise<number> {
  const logits = (row: readonly number[], more: number) => Float32Array.from(row, (value) => Math.log(value) + more);
  const graph = new Graph();
  const student = graph.parameter('student', 1, q.length, { initial: logits(q, 3) });
  divergence(student, graph.constant(1, p.length, logits(p, -40)), options);
  const trainer = await createTrainer(graph, { engine: plain });
  return trainer.evaluate({}).loss;
}

for (const { p, q, values } of KNOWN) {
  test(`divergences of (${q}) from (${p}) have their known values`, async () => {
    for (const [i, options] of KINDS.entries()) {
      const value = await divergenceOf(p, q, options);
      assert.ok(Math.abs(value - values[i]!) < 2e-6, `${options.kind} ${options.beta ?? ''}: ${value}`);
    }
  });
}

test('student and teacher exchanged, or beta on the other side, are seen (planted faults)', async () => {
  const { p, q, values } = KNOWN[1]!;
  assert.ok(Math.abs((await divergenceOf(q, p, KINDS[0]!)) - values[0]!) > 0.01);
  assert.ok(Math.abs((await divergenceOf(p, q, { kind: 'jsd', beta: 0.9 })) - values[2]!) > 0.001);
});

test('a token that has no probability in f32 still counts in forward KL, and gives no NaN in any', async () => {
  const graph = new Graph();
  const student = graph.parameter('student', 1, 3, { initial: Float32Array.of(0, 0, -200) });
  const teacher = graph.constant(1, 3, Float32Array.of(0, 0, 0));
  for (const options of KINDS) divergence(student, teacher, { ...options, name: `${options.kind} ${options.beta}` });
  const trainer = await createTrainer(graph, { engine: plain });
  const { losses } = trainer.accumulate({});
  assert.ok(Object.values(losses).every(Number.isFinite));
  // p is 1/3 thrice; q is 1/2 twice, and e^-200 / 2.
  assert.ok(Math.abs(losses['forward-kl undefined']! - (200 / 3 + Math.log(2 / 3))) < 1e-4);
  assert.ok(trainer.gradient('student').every(Number.isFinite));
});

test.run();
