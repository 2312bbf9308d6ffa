/**
 * Greedy and seeded outputs of the embedded model are those of plain decoding, whatever drafts: 100 prompts x 256 tokens.
 * @module
 */

import { compareOutputs, embeddedModel, prompts } from '../generate/identical-outputs.ts';
import { assert, test } from '../harness.ts';

for (const dtype of ['q8', 'f32'] as const) {
  test(`${dtype}: 100 prompts x 256 tokens: every drafting gives the output of plain decoding`, async () => {
    const { outputs, tokens, accepted, different } = await compareOutputs(
      await embeddedModel(dtype),
      prompts(100),
      256,
    );
    console.log(
      `${dtype}: ${outputs} drafted outputs beside ${tokens} plain tokens, ${accepted} draft tokens accepted`,
    );
    assert.equal(different, []);
    assert.ok(accepted > 10_000);
  });
}

test.run();
