/** The benchmark's tokens a pass are those of the decoding loop, also where a tree has more nodes than a pass of the target. */
import { simulate } from '../../bench/shared/acceptance.ts';
import { generate } from '../../src/decode/generate.ts';
import { Aded } from '../../src/draft/aded.ts';
import type { Drafter } from '../../src/draft/drafter.ts';
import { Lookahead } from '../../src/draft/lookahead.ts';
import { Lookup } from '../../src/draft/lookup.ts';
import { Recycle } from '../../src/draft/recycle.ts';
import { hostOf } from '../decode/hosts.ts';
import { greedyTokens, madeUpLanguage, MadeUpTarget } from '../decode/made-up-target.ts';
import { rejection } from '../codes.ts';
import { assert, test } from '../harness.ts';

const VOCAB = 12;
const language = madeUpLanguage(3, VOCAB);
const PROMPT = [1, 2, 3, 4, 5, 6];
const OUTPUT = greedyTokens(language, PROMPT, 100);

const DRAFTERS: Record<string, () => Drafter> = {
  lookup: () => new Lookup(256),
  recycle: () => new Recycle(VOCAB),
  aded: () => new Aded(),
  lookahead: () => new Lookahead(VOCAB),
};
for (const [name, make] of Object.entries(DRAFTERS)) {
  test(`${name}: as many passes as the loop takes`, async () => {
    const host = hostOf(new MadeUpTarget(language, { vocab: VOCAB, maxNodes: 64 }));
    const generation = generate(host, PROMPT, { maxTokens: 100, draft: make(), draftTokens: 40 });
    await generation.text();
    const small = new MadeUpTarget(language, { vocab: VOCAB, maxNodes: 12 });
    const { passes, tokens } = await simulate(small, make(), PROMPT, OUTPUT, 40, true);
    assert.is(tokens, 100);
    assert.is(passes, generation.stats.passes);
    assert.ok(passes < 100);
  });
}

test('an output that is not the target’s is seen', async () => {
  const target = new MadeUpTarget(language, { vocab: VOCAB });
  const wrong = OUTPUT.map((token, i) => (i === 50 ? (token + 1) % VOCAB : token));
  assert.match(await rejection(simulate(target, new Recycle(VOCAB), PROMPT, wrong, 8, true)), 'does not say token 50');
});

test.run();
