/** A target that says what it is given: as text, never instead of the work. */
import { GivenTarget } from '../../src/cli/given-target.ts';
import { generate } from '../../src/decode/generate.ts';
import { hostOf } from '../decode/hosts.ts';
import { greedyTokens, madeUpLanguage, MadeUpTarget, randomPrompt } from '../decode/made-up-target.ts';
import { assert, random, test } from '../harness.ts';

const VOCAB = 12;
const language = madeUpLanguage(5, VOCAB);
const prompt = randomPrompt(random(1), 20, VOCAB);
const answer = [...prompt.slice(3, 15), 1, 2, ...prompt.slice(0, 12)];

async function said(text: readonly number[] | undefined, draft: 'none' | 'auto' | 'lookup', maxTokens: number) {
  const inner = new MadeUpTarget(language, { vocab: VOCAB });
  const target = new GivenTarget(inner);
  target.text = text;
  const costTable = Array.from({ length: 33 }, (_, n) => 1 + 0.05 * n);
  const generation = generate(hostOf(target), prompt, { draft, maxTokens, costTable });
  await generation.text();
  return { tokens: [...generation.tokens], passes: inner.passes.length };
}

test('given a text it says that, plainly and with any draft, and every pass is run', async () => {
  const plain = await said([...prompt, ...answer], 'none', answer.length);
  assert.equal(plain.tokens, answer);
  assert.is(plain.passes, answer.length);
  for (const draft of ['lookup', 'auto'] as const) {
    const drafted = await said([...prompt, ...answer], draft, answer.length);
    assert.equal(drafted.tokens, answer);
    assert.ok(drafted.passes < plain.passes);
  }
});

test('without a text, and behind its end, the model speaks for itself', async () => {
  assert.equal((await said(undefined, 'auto', 30)).tokens, greedyTokens(language, prompt, 30));
  const short = await said([...prompt, 3], 'auto', 30);
  assert.equal(short.tokens, [3, ...greedyTokens(language, [...prompt, 3], 29)]);
});

test.run();
