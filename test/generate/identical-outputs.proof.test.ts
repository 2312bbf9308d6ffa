/**
 * Greedy and seeded outputs of the embedded model are those of plain decoding, whatever drafts: 10 prompts x 64 tokens. The long form,
 * 100 prompts x 256 tokens, is test/full/identical-outputs.test.ts.
 * @module
 */
import type { Drafter, GenerateOptions } from '../../src/index.ts';
import { assert, test } from '../harness.ts';
import { compareOutputs, DRAFTS, embeddedModel, LATE_DRAFTS, prompts, SETTINGS } from './identical-outputs.ts';

test('q8: 10 prompts x 64 tokens: greedy output is that of plain decoding, whatever drafts', async () => {
  const model = await embeddedModel('q8');
  const { different, accepted } = await compareOutputs(model, prompts(10), 64, DRAFTS, SETTINGS.slice(0, 1));
  assert.equal(different, []);
  assert.ok(accepted > 200, `${accepted} drafted tokens were accepted`);
});

test('q8: 10 prompts x 64 tokens: seeded output is that of plain decoding, whatever drafts', async () => {
  const { different } = await compareOutputs(await embeddedModel('q8'), prompts(10), 64, DRAFTS, SETTINGS.slice(1, 2));
  assert.equal(different, []);
});

test('f32: 5 prompts x 64 tokens: both drafters together give the output of plain decoding', async () => {
  const { different } = await compareOutputs(await embeddedModel('f32'), prompts(5), 64, [['lookup', 'recycle']]);
  assert.equal(different, []);
});

test('q8: 3 prompts x 48 tokens: greedy and seeded output is that of plain decoding with each other drafter, too', async () => {
  const model = await embeddedModel('q8');
  const { different, accepted } = await compareOutputs(model, prompts(3), 48, LATE_DRAFTS, SETTINGS.slice(0, 2));
  assert.equal(different, []);
  assert.ok(accepted > 50, `${accepted} drafted tokens were accepted`);
});

test('a drafter of nonsense changes nothing', async () => {
  let root = 0;
  const nonsense: Drafter = {
    name: 'nonsense',
    begin(prompt) {
      root = prompt.at(-1)!;
    },
    propose: (budget) => ({
      tokens: Int32Array.from({ length: budget }, (_, i) => (i === 0 ? root : (i * 37) % 4096)),
      parents: Int32Array.from({ length: budget }, (_, i) => (i === 0 ? -1 : (i - 1) >> 1)),
    }),
    observe({ emitted }) {
      root = emitted.at(-1)!;
    },
  };
  const { different } = await compareOutputs(await embeddedModel('q8'), prompts(3), 24, [nonsense]);
  assert.equal(different, []);
});

test('an output with one other token is seen', async () => {
  const model = await embeddedModel('q8');
  const { generate } = model;
  let calls = 0;
  // The fault: every second call, the drafted one, begins from a prompt that lacks its last character.
  model.generate = (prompt, options) =>
    generate.call(
      model,
      calls++ % 2 === 1 ? (prompt as string).slice(0, -1) : prompt,
      options as GenerateOptions | undefined,
    );
  const { different } = await compareOutputs(model, prompts(2), 16, ['lookup']);
  assert.ok(different.length > 0);
});

test.run();
