/**
 * The transformer computes what Hugging Face transformers computes: recorded logits of random Llama checkpoints of awkward shapes
 * (test/fixtures/models/make.py made them and says how). Other architectures: architectures.test.ts.
 * @module
 */
import { assert, test } from '../harness.ts';
import { fixtureModel, fixturePath } from './fixture-model.ts';
import { compareGreedy, compareLogits, readExpected, TOLERANCE } from './reference.ts';

const CHECKPOINTS = ['grouped', 'one-kv-head', 'wide-heads', 'sharded', 'test-300k'];

const expectedOf = (name: string) => readExpected(`${fixturePath(name)}/expected.safetensors`);

for (const name of CHECKPOINTS) {
  test(`${name}: logits of 64 tokens are within ${TOLERANCE} of the reference, and agree on the top id`, async () => {
    const model = await fixtureModel(name, { dtype: 'f32' });
    const { largest, otherBest } = compareLogits(model.session(), expectedOf(name));
    assert.ok(largest <= TOLERANCE, `relative difference ${largest}`);
    assert.equal(otherBest, []);
  });

  test(`${name}: 64 greedy tokens are the reference's`, async () => {
    const model = await fixtureModel(name, { dtype: 'f32' });
    const same = compareGreedy(model.session(), expectedOf(name));
    assert.ok(same >= 0, `token ${-1 - same} is another one than the reference's`);
  });
}

test('a checkpoint with one changed weight is not within the tolerance', async () => {
  const model = await fixtureModel('grouped', { dtype: 'f32' });
  const { address } = model.plan.weights.layers[1]!.down;
  new Float32Array(model.machines[0]!.memory.buffer, address, 1)[0]! += 0.1;
  const { largest } = compareLogits(model.session(), expectedOf('grouped'));
  assert.ok(largest > TOLERANCE, `largest relative difference ${largest}`);
});

test.run();
