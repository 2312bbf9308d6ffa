/**
 * Greedy and seeded outputs of the embedded model are those of plain decoding, whatever drafts, 256 tokens of each: 100 prompts with the default
 * weights, 30 with others. Each type of weights has a file, so that they run side by side.
 * @module
 */
import { compareOutputs, embeddedModel, LATE_DRAFTS, prompts } from '../generate/identical-outputs.ts';
import { assert, note, test } from '../harness.ts';

export function proveIdenticalOutputs(dtype: 'q4' | 'q8' | 'f32', count: number): void {
  test(`${dtype}: ${count} prompts x 256 tokens: every drafting gives the output of plain decoding`, async () => {
    const model = await embeddedModel(dtype);
    const { outputs, tokens, accepted, different } = await compareOutputs(model, prompts(count), 256);
    note(`${outputs} drafted outputs, beside ${tokens} plain tokens; ${accepted} draft tokens accepted`);
    assert.equal(different, []);
    assert.ok(accepted > 100 * count);
  });

  test(`${dtype}: ${Math.ceil(count / 5)} prompts x 256 tokens: so does every drafter that is loaded when it is named`, async () => {
    const model = await embeddedModel(dtype);
    const { outputs, accepted, different } = await compareOutputs(
      model,
      prompts(Math.ceil(count / 5)),
      256,
      LATE_DRAFTS,
    );
    note(`${outputs} drafted outputs; ${accepted} draft tokens accepted`);
    assert.equal(different, []);
    assert.ok(accepted > 10 * count);
  });

  test.run();
}
