import { randomModel, SHAPES } from '../../src/cli/random-model.ts';
import { loadTransformer } from '../../src/model/load-transformer.ts';
import { assert, firstDifference, test } from '../harness.ts';

const SHAPE = SHAPES.tiny!;

async function firstLogits(seed: number): Promise<Float32Array> {
  const model = await loadTransformer(randomModel(SHAPE, { context: 64, seed }), { dtype: 'f32' });
  return model
    .session()
    .forward({ tokens: Int32Array.of(3), parents: Int32Array.of(-1) }, 'all')
    .logits(0)
    .slice();
}

test('random weights load as a checkpoint of the shape asked for and give finite, different logits', async () => {
  const logits = await firstLogits(1);
  assert.is(logits.length, SHAPE.vocab);
  assert.ok(logits.every(Number.isFinite));
  assert.ok(new Set(logits).size > SHAPE.vocab / 2);
});

test('the seed decides the weights', async () => {
  const first = await firstLogits(1);
  assert.is(firstDifference(first, await firstLogits(1)), -1);
  assert.ok(firstDifference(first, await firstLogits(2)) >= 0);
});

test.run();
