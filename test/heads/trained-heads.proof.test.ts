/**
 * A head that was trained here drafts here: trainHead's files go to loadHead, and on a language that is known nearly every guess is accepted.
 * @module
 */
import { loadHead } from '../../src/heads/index.ts';
import { load } from '../../src/index.ts';
import { type TrainHeadOptions, trainHead } from '../../src/train/heads/train-head.ts';
import { assert, test } from '../harness.ts';
import { HIDDEN, ringTarget, ringTexts } from '../train/heads/ring-target.ts';

const TARGET = ringTarget();
const PROMPT = [7, 38];
const HEADS = 2;

/** Trains a head of a second's work, and lets it draft. @returns the mean acceptance length */
async function accepted(options: Partial<TrainHeadOptions>): Promise<number> {
  const { files } = await trainHead(TARGET, {
    ...{ kind: 'medusa', heads: HEADS, steps: 60, batch: 4, length: 24, heldOut: 4, learningRate: 5e-3, seed: 3 },
    ...{ evaluateEvery: 60, texts: ringTexts(1, 24, 48), load: { dtype: 'f32' } },
    ...options,
  });
  const model = await load(TARGET, { dtype: 'f32', context: 200 });
  const plain = model.generate(PROMPT, { maxTokens: 120, draft: 'none' });
  await plain.text();
  const head = await loadHead(Object.fromEntries(files), model);
  const drafted = model.generate(PROMPT, { maxTokens: 120, draft: [head], draftTokens: 6 });
  await drafted.text();
  assert.equal(drafted.tokens, plain.tokens);
  return drafted.stats.mean_acceptance_length;
}

for (const kind of ['medusa', 'hydra', 'hydra++', 'recurrent'] as const) {
  test(`${kind}: nearly every guess of a trained head is accepted`, async () => {
    const options = { kind, ...(kind === 'hydra++' && { layers: 2 }) };
    assert.ok((await accepted(options)) > 0.95 * (HEADS + 1));
    // Tokens that cannot be guessed end a chain now and then.
    assert.ok((await accepted({ ...options, draftVocab: 56 })) > 0.8 * (HEADS + 1));
  });
}

test('a head that learnt from the hidden states of other positions is accepted no more than by chance (planted fault)', async () => {
  const shifted = {
    get: () => undefined,
    set: (_: string, bytes: Uint8Array) => void bytes.copyWithin(5 * HIDDEN * 4, 0),
  };
  assert.ok((await accepted({ cache: shifted })) < 2);
});

test.run();
