/**
 * The transformer computes what Hugging Face transformers computes: recorded logits of random Llama checkpoints of awkward shapes
 * (test/fixtures/models/make.py made them and says how).
 * @module
 */
import { readFileSync } from 'node:fs';
import { assert, test } from '../harness.ts';
import { fixtureModel, fixturePath, prefill } from './fixture-model.ts';

const CHECKPOINTS = ['grouped', 'one-kv-head', 'wide-heads', 'sharded', 'test-300k'];
/** Largest difference of a row of logits, relative to the row's largest logit. */
const TOLERANCE = 1e-4;

interface Expected {
  readonly prompt: Int32Array;
  readonly logits: Float32Array;
  readonly greedy: Int32Array;
}

/** A minimal reader of our own fixtures: a JSON header, then the arrays. */
function readExpected(name: string): Expected {
  const bytes = new Uint8Array(readFileSync(`${fixturePath(name)}/expected.safetensors`));
  const headerBytes = Number(new DataView(bytes.buffer).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + headerBytes)));
  const array = (tensor: string) =>
    bytes.slice(...header[tensor].data_offsets.map((offset: number) => 8 + headerBytes + offset)).buffer;
  return {
    prompt: new Int32Array(array('prompt')),
    logits: new Float32Array(array('logits')),
    greedy: new Int32Array(array('greedy')),
  };
}

/** Largest |a - b| over the largest |b|. */
function relativeDifference(a: Float32Array, b: Float32Array): number {
  let [difference, scale] = [0, 0];
  a.forEach((value, i) => {
    difference = Math.max(difference, Math.abs(value - b[i]!));
    scale = Math.max(scale, Math.abs(b[i]!));
  });
  return difference / scale;
}

/** Gap between the two largest values, over the largest magnitude: below the tolerance either may come first. */
function topGap(row: Float32Array): number {
  const [first, second] = [...row].sort((a, b) => b - a);
  return (first! - second!) / row.reduce((scale, value) => Math.max(scale, Math.abs(value)), 0);
}

for (const name of CHECKPOINTS) {
  test(`${name}: logits of 64 tokens are within ${TOLERANCE} of the reference, and agree on the top id`, async () => {
    const { prompt, logits } = readExpected(name);
    const model = await fixtureModel(name, { dtype: 'f32' });
    const session = model.session();
    const rows = session.forward({ tokens: prompt, parents: prompt.map((_, i) => i - 1) }, 'all');
    for (let position = 0; position < prompt.length; position++) {
      const expected = logits.subarray(position * session.vocab, (position + 1) * session.vocab);
      const difference = relativeDifference(rows.logits(position), expected);
      assert.ok(difference <= TOLERANCE, `position ${position}: relative difference ${difference}`);
      if (topGap(expected) > TOLERANCE) assert.is(rows.argmax(position), expected.indexOf(Math.max(...expected)));
    }
  });

  test(`${name}: 64 greedy tokens are the reference's`, async () => {
    const { prompt, greedy } = readExpected(name);
    const model = await fixtureModel(name, { dtype: 'f32' });
    const session = model.session();
    let logits = prefill(session, [...prompt]);
    for (const [i, expected] of greedy.entries()) {
      const token = logits.indexOf(Math.max(...logits));
      if (token !== expected) {
        assert.ok(topGap(logits) < TOLERANCE, `token ${i} is ${token}, the reference has ${expected}`);
        return; // From here on the two texts differ.
      }
      logits = prefill(session, [token]);
    }
  });
}

test('a checkpoint with one changed weight is not within the tolerance', async () => {
  const { prompt, logits } = readExpected('grouped');
  const model = await fixtureModel('grouped', { dtype: 'f32' });
  const { address } = model.plan.weights.layers[1]!.down;
  new Float32Array(model.machines[0]!.memory.buffer, address, 1)[0]! += 0.1;
  const session = model.session();
  const rows = session.forward({ tokens: prompt, parents: prompt.map((_, i) => i - 1) }, 'all');
  const worst =
    Math.max(
      ...prompt.map(
        (_, i) => 1e6 * relativeDifference(rows.logits(i), logits.subarray(i * session.vocab, (i + 1) * session.vocab)),
      ),
    ) / 1e6;
  assert.ok(worst > TOLERANCE, `largest relative difference ${worst}`);
});

test.run();
