/** The larger model in weights/: drafting changes no token of it either. */
import { modelSource } from '../../bench/shared/models.ts';
import { PROMPT_KINDS, setPrompts } from '../../bench/shared/prompt-set.ts';
import { load } from '../../src/index.ts';
import { assert, test } from '../harness.ts';

test('foretoken-code-28m writes the same tokens with drafts and without', async () => {
  const model = await load(modelSource('foretoken-code-28m'));
  let accepted = 0;
  for (const kind of PROMPT_KINDS) {
    const { prompt } = setPrompts(kind)[0]!;
    for (const temperature of [0, 0.7]) {
      const tokens = [];
      for (const draft of ['none', ['lookup', 'recycle']] as const) {
        const generation = model.generate(prompt, { maxTokens: 48, temperature, seed: 7, draft });
        await generation.text();
        tokens.push(generation.tokens);
        accepted += generation.tokens.length - generation.stats.passes;
      }
      assert.equal(tokens[1], tokens[0], `${kind}, temperature ${temperature}`);
    }
  }
  assert.ok(accepted > 20, `${accepted} drafted tokens accepted`);
  model.dispose();
});

test.run();
