/** Draft models of another vocabulary: the text never changes, and what both models would say is accepted. */
import { generate } from '../../src/decode/generate.ts';
import type { GenerateOptions } from '../../src/decode/options.ts';
import { beam, chains, draftModel, likeliest, type TreeShape } from '../../src/draft/draft-model.ts';
import { sharedTokens } from '../../src/draft/shared-tokens.ts';
import { treeByText } from '../../src/draft/text-tree.ts';
import { TranslationByText } from '../../src/draft/translation.ts';
import { encodeMidText, textOf } from '../../src/text/mid-text.ts';
import type { TextTokenizer } from '../../src/text/text-tokenizer.ts';
import { chain, type DraftSampling, pathTo } from '../../src/tree/draft-tree.ts';
import { exactDraw, kSeq, speculativeSampling, withoutReplacement } from '../../src/verify/index.ts';
import { rejection } from '../codes.ts';
import { madeUpLanguage, MadeUpTarget } from '../decode/made-up-target.ts';
import { assert, random, randomInt, test } from '../harness.ts';
import { type Name, tokenizer } from '../text/fixtures.ts';
import { hostWith, recitation, sourceWith, TEXT } from './reciting.ts';

const named = (name: Name) => tokenizer(name) as TextTokenizer;
const PAIRS: readonly (readonly [target: Name, draft: Name])[] = [
  ['gpt2', 'foretoken-code'],
  ['foretoken-code', 'llama2'],
  ['llama2', 'llama3'],
  ['gemma', 'gpt2'],
];
/** Ends before a space, where every tokenizer cuts. */
const START = TEXT.slice(0, TEXT.indexOf(' {'));

interface Setting {
  readonly target: TextTokenizer;
  readonly draft: TextTokenizer;
  /** Of the text in the logits of target and draft model. */
  readonly strength?: number;
}

/** A generation after the beginning of the text. */
async function run(
  { target, draft, strength }: Setting,
  shape: TreeShape<DraftSampling> | undefined,
  options: object,
  prompt: ArrayLike<number> = target.encode(START, { addSpecial: true }),
) {
  const model = new MadeUpTarget(recitation(target, TEXT, strength), { vocab: target.vocab, context: 1024 });
  const small = sourceWith(draft, recitation(draft, TEXT, strength), { vocab: draft.vocab });
  const drafter = shape && draftModel(small, shape);
  const settings = { maxTokens: 60, draft: drafter ?? 'none', ...options } as GenerateOptions;
  const generation = generate(hostWith(target, model), prompt, settings);
  await generation.text();
  return { tokens: generation.tokens, stats: generation.stats, small: small.target };
}

for (const [targetName, draftName] of PAIRS) {
  const setting = { target: named(targetName), draft: named(draftName) };
  const pair = `a draft model with the vocabulary of ${draftName} for ${targetName}`;

  test(`${pair}: greedy and seeded tokens are those of plain decoding, and most text comes from drafts`, async () => {
    for (const options of [{}, { temperature: 0.7, seed: 3 }]) {
      const plain = await run(setting, undefined, options);
      for (const [shape, least] of [
        [likeliest([1, 1, 1, 1]), 36],
        [likeliest([2, 1, 1]), 30],
        [chains(2, 3), 15],
        [beam(2, 3), 15],
      ] as const) {
        const { tokens, stats } = await run(setting, shape, options);
        assert.equal(tokens, plain.tokens, shape.name);
        assert.ok(stats.num_accepted_tokens >= least, `${shape.name}: ${stats.num_accepted_tokens} accepted`);
      }
    }
  });

  test(`${pair}: rules that compare probabilities accept shared tokens, and a seed decides`, async () => {
    for (const [verifier, shape] of [
      [speculativeSampling, chains(1, 3)],
      [kSeq, chains(2, 2)],
      [withoutReplacement, beam(2, 2)],
    ] as const) {
      const options = { verifier, temperature: 1, seed: 5 };
      const [first, again] = [await run(setting, shape, options), await run(setting, shape, options)];
      assert.equal(again.tokens, first.tokens);
      assert.ok(first.stats.num_accepted_tokens >= 8, `${verifier.name}: ${first.stats.num_accepted_tokens} accepted`);
      const greedy = await run(setting, shape, { verifier });
      assert.equal(greedy.tokens, (await run(setting, undefined, {})).tokens);
    }
  });

  test(`${pair}: \`stats.schedule\` tells of it`, async () => {
    const { count } = sharedTokens(setting.draft, setting.target, {
      draft: setting.draft.vocab,
      target: setting.target.vocab,
    });
    const common = `draft-model: ${count} of ${setting.target.vocab} tokens in common`;
    const schedule = async (shape: TreeShape<DraftSampling>) =>
      (await run(setting, shape, { maxTokens: 4 })).stats.schedule;
    assert.match(await schedule(likeliest([1])), `${common}, drafts go by text`);
    assert.match(await schedule(chains(1, 1)), `${common}, drafts are drawn from them`);
  });
}

test('what has been read is not read again: the draft model reads a text about once', async () => {
  const setting = { target: named('gpt2'), draft: named('foretoken-code') };
  const { small, tokens, stats } = await run(setting, likeliest([1, 1, 1]), { maxTokens: 100 });
  const read = small.events.reduce((sum, event) => sum + (event.kind === 'forward' ? event.nodes : 0), 0);
  const all = setting.draft.encode(START + textOf(setting.target, tokens)).length;
  // Each of the passes may draft 3 tokens in vain, and read one or two again whose text is cut otherwise than it was drafted.
  assert.ok(read <= all + 5 * stats.passes, `${read} read of a text of ${all}, in ${stats.passes} passes`);
});

test('random texts with special tokens, halves of characters and strange ids: the tokens are those of plain decoding (seeds 1 to 24)', async () => {
  let accepted = 0;
  for (let seed = 1; seed <= 24; seed++) {
    const next = random(seed);
    const [targetName, draftName] = PAIRS[seed % PAIRS.length]!;
    const [target, draft] = [named(targetName), named(draftName)];
    const prompt = Array.from({ length: 1 + randomInt(next, 300) }, () => randomInt(next, target.vocab));
    const language = madeUpLanguage(seed, target.vocab, { order: 1 });
    const host = hostWith(target, new MadeUpTarget(language, { vocab: target.vocab, context: 1024 }));
    const small = sourceWith(draft, madeUpLanguage(seed, draft.vocab, { order: 1 }), { vocab: draft.vocab });
    const shape = [likeliest([2, 2]), chains(2, 2), beam(2, 2)][seed % 3]!;
    const options = { maxTokens: 16, temperature: seed % 2, seed };
    const plain = generate(host, prompt, { ...options, draft: 'none' });
    await plain.text();
    const drafted = generate(host, prompt, { ...options, draft: draftModel(small, shape), verifier: exactDraw });
    await drafted.text();
    assert.equal(drafted.tokens, plain.tokens, `seed ${seed}`);
    accepted += drafted.stats.num_draft_tokens;
  }
  assert.ok(accepted > 0, 'something was drafted');
});

/** Texts cut into target tokens as they come, and at other places. */
function histories(target: TextTokenizer, seed: number): number[] {
  const next = random(seed);
  const text = TEXT.repeat(6);
  const ids: number[] = [...target.prefix];
  for (let at = 0; at < text.length; ) {
    const to = at + 1 + randomInt(next, 40);
    const piece = text.slice(at, to).replace(/^\p{Surrogate}|\p{Surrogate}$/gu, '');
    for (const id of encodeMidText(target, piece) ?? []) ids.push(id);
    at = to;
  }
  return ids;
}

for (const [targetName, draftName] of PAIRS) {
  test(`a text in the tokens of ${targetName} is told in those of ${draftName} letter by letter, the same however it came (seed 9)`, () => {
    const [target, draft] = [named(targetName), named(draftName)];
    const shared = sharedTokens(draft, target, { draft: draft.vocab, target: target.vocab });
    const history = histories(target, 9);
    assert.ok(history.length > 600, 'longer than what is encoded at once');
    const growing = new TranslationByText({ target, draft, shared });
    for (let length = 1; length <= history.length; length += length < 40 ? 1 : 37) {
      const part = history.slice(0, length);
      const told = growing.translate(part);
      const alone = new TranslationByText({ target, draft, shared }).translate(part);
      assert.equal(told && Array.from(told), alone && Array.from(alone), `${length} tokens`);
      if (!told) continue;
      const strip = (text: string) => text.replace(/^ +/, '');
      const said = textOf(target, part.slice(target.prefix.length));
      assert.is(strip(textOf(draft, told.subarray(draft.prefix.length))), strip(said), `${length} tokens`);
    }
  });
}

test('a planted fault is seen: a translation that leaves out a token is accepted less, and changes no token', async () => {
  const setting = { target: named('gpt2'), draft: named('foretoken-code') };
  const { translate } = TranslationByText.prototype;
  const sound = await run(setting, likeliest([1, 1, 1]), {});
  try {
    TranslationByText.prototype.translate = function (history) {
      return translate.call(this, history)?.slice(0, -1);
    };
    const faulty = await run(setting, likeliest([1, 1, 1]), {});
    assert.equal(faulty.tokens, sound.tokens);
    assert.ok(2 * faulty.stats.num_accepted_tokens < sound.stats.num_accepted_tokens);
  } finally {
    TranslationByText.prototype.translate = translate;
  }
});

test('a drafted path becomes the tokens that the target would cut; the last one keeps half its score', () => {
  const [target, draft] = [named('foretoken-code'), named('gpt2')];
  const shared = sharedTokens(draft, target, { draft: draft.vocab, target: target.vocab });
  const drafted = [0, ...draft.encode(' return items')];
  const scores = Float32Array.from(drafted, (_, i) => (i === 0 ? 1 : 0.8));
  const tree = treeByText({ ...chain(drafted), scores }, 5, 20, { target, draft, shared });
  assert.equal(Array.from(tree.tokens), [5, ...target.encode(' return items')]);
  const joint = tree.scores!.reduce((product, score) => product * score, 1);
  assert.ok(Math.abs(joint - 0.5 * 0.8 ** (drafted.length - 1)) < 1e-6, 'every drafted token is counted once');
});

test('paths share their beginnings, keep to the nodes there are, and end before an unfinished character', () => {
  const [target, draft] = [named('gemma'), named('foretoken-code')];
  const vocabularies = {
    target,
    draft,
    shared: sharedTokens(draft, target, { draft: draft.vocab, target: target.vocab }),
  };
  const [a, b] = [draft.encode(' const a'), draft.encode(' const b')];
  const tree = {
    tokens: Int32Array.of(0, ...a, b[b.length - 1]!),
    parents: Int32Array.from([-1, ...a.keys(), a.length - 1]),
  };
  for (let nodes = 1; nodes < 8; nodes++) {
    const made = treeByText(tree, 5, nodes, vocabularies);
    assert.ok(made.tokens.length <= nodes);
    for (const node of made.tokens.keys()) {
      const text = textOf(
        target,
        Array.from(pathTo(made, node).subarray(1), (at) => made.tokens[at]!),
      );
      assert.ok(' const a'.startsWith(text) || ' const b'.startsWith(text), text);
    }
    if (nodes === 7) assert.is(made.parents.filter((_, node) => !made.parents.includes(node)).length, 2, 'two leaves');
  }
  const halves = draft.encode('日本語');
  const cut = treeByText(chain([0, ...halves.subarray(0, -1)]), 5, 20, vocabularies);
  assert.is(textOf(target, cut.tokens.subarray(1)), '日本');
});

test('tokens in common spell the same bytes, or are special and have one name', () => {
  const [target, draft] = [tokenizer('foretoken-code'), tokenizer('llama2')];
  const { toTarget, toDraft, count, sameIds } = sharedTokens(draft, target, {
    draft: draft.vocab,
    target: target.vocab,
  });
  assert.not(sameIds);
  let found = 0;
  toDraft.forEach((id, own) => {
    if (id < 0) return;
    found++;
    assert.equal(draft.tokenBytes(id), target.tokenBytes(own));
    assert.is(toTarget[id], own);
  });
  assert.is(found, count);
  assert.ok(count > 100 && count < target.vocab);
});

test('a padded vocabulary has the same ids: nothing is encoded anew', async () => {
  const own = named('gpt2');
  const padded = { target: own, draft: own };
  const model = new MadeUpTarget(recitation(own, TEXT), { vocab: own.vocab, context: 1024 });
  const language = recitation(own, TEXT);
  const wide = sourceWith(own, (path) => Float32Array.of(...language(path), 20, 20), { vocab: own.vocab + 2 });
  const draft = draftModel(wide, chains(1, 3));
  const settings = { maxTokens: 40, temperature: 1, seed: 1, draft, verifier: speculativeSampling };
  const generation = generate(hostWith(own, model), own.encode(START), settings);
  await generation.text();
  assert.ok(generation.stats.draft_acceptance_rate > 0.9, 'padding, however likely, is not drawn');
  assert.not.match(generation.stats.schedule, 'by text');
  const same = await run(padded, chains(1, 3), {});
  assert.not.match(same.stats.schedule, 'in common');
});

test('a pair that cannot work is `option.draft` before anything is computed, and the session stays usable', async () => {
  const target = named('gpt2');
  const language = madeUpLanguage(1, target.vocab, { order: 1 });
  const model = new MadeUpTarget(language, { vocab: target.vocab });
  const other = sourceWith(undefined, madeUpLanguage(1, 50, { order: 1 }), { vocab: 50 });
  const unlike = {
    ...named('llama2'),
    vocab: 3,
    addedTokens: [],
    tokenBytes: (id: number) => Uint8Array.of(0xff, id),
  } as TextTokenizer;
  const nothing = sourceWith(unlike, madeUpLanguage(1, 3, { order: 1 }), { vocab: 3 });
  const cases = [
    [hostWith(target, model), draftModel(other, likeliest([1]))],
    [hostWith(undefined, model), draftModel(other, chains(1, 2))],
    [hostWith(target, model), draftModel(nothing, chains(1, 2))],
  ] as const;
  for (const [host, draft] of cases) {
    const passes = model.events.length;
    assert.is(await rejection(generate(host, [1, 2, 3], { draft, maxTokens: 4 }).text()), 'option.draft');
    assert.is(model.events.length, passes, 'no pass was run');
    await generate(host, [1, 2, 3], { draft: 'none', maxTokens: 4 }).text();
  }
});

test.run();
