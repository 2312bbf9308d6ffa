/**
 * Every architecture computes what Hugging Face transformers computes: recorded logits, streams and greedy continuations of random
 * checkpoints of awkward shapes (test/fixtures/architectures/make.py made them and says how).
 * @module
 */
import { MULTIMODAL_TYPE } from '../../src/model/architectures/gemma3-multimodal.ts';
import { MODEL_TYPES } from '../../src/model/architectures/families.ts';
import { assert, test } from '../harness.ts';
import { compareWithReference } from './architecture-checks.ts';
import { architectureModel, CHECKPOINTS, checkpointsOf, expectedOf, modelTypeOf } from './architecture-models.ts';
import { compareLogits, TOLERANCE } from './reference.ts';

test('every architecture has at least three checkpoints, or one where it is another with a wrapper, and every checkpoint an architecture', () => {
  for (const type of MODEL_TYPES) assert.ok(checkpointsOf(type).length >= (type === MULTIMODAL_TYPE ? 1 : 3), type);
  assert.equal([...new Set(CHECKPOINTS.map(modelTypeOf))].sort(), [...MODEL_TYPES].sort());
});

for (const name of CHECKPOINTS) {
  test(`${name}: logits of 64 tokens and the stream behind every layer are within ${TOLERANCE} of the reference, best and greedy tokens the same`, async () => {
    const { largest, otherBest, stream, greedy } = await compareWithReference(name);
    assert.ok(largest <= TOLERANCE, `logits differ by ${largest}`);
    assert.ok(stream <= TOLERANCE, `streams differ by ${stream}`);
    assert.equal(otherBest, []);
    assert.ok(greedy >= 0, `greedy token ${-1 - greedy} is another one`);
  });
}

for (const name of CHECKPOINTS) {
  test(`${name}: one changed weight of the last layer is not within the tolerance (planted fault)`, async () => {
    const model = await architectureModel(name);
    const { address } = model.plan.weights.layers.at(-1)!.down;
    new Float32Array(model.machines[0]!.memory.buffer, address, 1)[0]! += 0.5;
    assert.ok(compareLogits(model.session(), expectedOf(name)).largest > TOLERANCE);
  });
}

test.run();
