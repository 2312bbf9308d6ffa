/**
 * The heads that come with the embedded model: they change no token, and are worth what their authors say in comparison. Source of the order:
 * "Hydra: Sequentially-Dependent Draft Heads for Medusa Decoding", Ankner et al., 2024, arXiv 2402.05109, section 5.
 */
import { readFileSync } from 'node:fs';
import { loadHead } from '../../src/heads/index.ts';
import { load, type Model } from '../../src/index.ts';
import { assert, note, repositoryFile, test } from '../harness.ts';

const KINDS = ['medusa', 'hydra', 'hydra-plus', 'recurrent'] as const;
const DRAFTED = 8;
const PROMPTS = 8;

const prompts = (JSON.parse(readFileSync(repositoryFile('bench/prompts.json'), 'utf8')) as { text: string }[])
  .slice(0, PROMPTS)
  .map(({ text }) => text);

/** Tokens a pass over all prompts, drawn at temperature 0.7 so that none falls into a loop. */
async function tokensAPass(model: Model, head?: Awaited<ReturnType<typeof loadHead>>) {
  const all: number[] = [];
  let passes = 0;
  for (const [seed, prompt] of prompts.entries()) {
    const drafting = head ? { draft: [head], draftTokens: DRAFTED } : { draft: 'none' as const };
    const generation = model.generate(prompt, { maxTokens: 64, temperature: 0.7, seed, ...drafting });
    await generation.text();
    all.push(...generation.tokens);
    passes += generation.stats.passes;
  }
  return { all, rate: all.length / passes };
}

test('shipped heads change no token; Medusa < Hydra < Hydra++ in tokens a pass', async () => {
  const model = await load(repositoryFile('weights/foretoken-code'));
  const plain = await tokensAPass(model);
  const rates: Record<string, number> = {};
  for (const kind of KINDS) {
    const head = await loadHead(repositoryFile(`weights/heads/${kind}`), model);
    const { all, rate } = await tokensAPass(model, head);
    assert.equal(all, plain.all, kind);
    rates[kind] = rate;
    head.dispose();
  }
  note(`tokens a pass: ${KINDS.map((kind) => `${kind} ${rates[kind]!.toFixed(2)}`).join(', ')}`);
  assert.ok(rates.medusa! > 1.05 && rates.medusa! < rates.hydra! && rates.hydra! < rates['hydra-plus']!);
  assert.ok(rates.recurrent! > 1.05);
  model.dispose();
});

test.run();
