/** Superposed decoding beside its twin, and the goldens of its note, over a target whose logits are linear in its input. */
import { fillCache } from '../../src/decode/fill-cache.ts';
import {
  advance,
  likely,
  mixture,
  type Ngrams,
  NGRAM_SHARE,
  START,
  type Superposition,
  type SuperposeSettings,
  superpose,
} from '../../src/decode/superposition.ts';
import { TokenCache } from '../../src/decode/token-cache.ts';
import { Breather } from '../../src/runtime/breathe.ts';
import { storeNgrams } from '../../src/store/ngrams.ts';
import { openStore } from '../../src/drafters.ts';
import { assert, random, randomInt, test } from '../harness.ts';
import { largest } from '../decode/made-up-target.ts';
import { randomDocuments, slowSource, storeOf } from '../store/texts.ts';
import { LinearTarget } from './linear-target.ts';
import { twin, type TwinSettings } from './superposition.twin.ts';

const VOCAB = 24;

/** (V, V) logits, some of them of end tokens now and then large. */
function randomTable(seed: number): Float32Array[] {
  const next = random(seed);
  return Array.from({ length: VOCAB }, () => Float32Array.from({ length: VOCAB }, () => next() * 0.5));
}

async function run(
  target: LinearTarget,
  text: readonly number[],
  length: number,
  settings: SuperposeSettings,
): Promise<Superposition> {
  const cache = new TokenCache(target);
  await fillCache(cache, Int32Array.from(text), new Breather(), { before() {} });
  const result = await superpose(cache, text, length, settings, async () => {});
  assert.is(target.length, text.length, 'no mixture stays');
  assert.equal([...cache.tokens], [...text]);
  return result;
}

const settingsOf = (count: number, more: Partial<SuperposeSettings> = {}): SuperposeSettings => ({
  count,
  temperature: 0.06,
  endTokens: [],
  ngramShare: NGRAM_SHARE,
  ...more,
});

/** P(x | context), counted at every place of the documents. */
function counted(documents: readonly (readonly number[])[]) {
  return (context: readonly number[], token: number): number => {
    let [all, those] = [0, 0];
    for (const document of documents) {
      for (let place = context.length; place < document.length; place++) {
        if (!context.every((id, i) => document[place - context.length + i] === id)) continue;
        all++;
        if (document[place] === token) those++;
      }
    }
    return all === 0 ? 0 : those / all;
  };
}

/** The twin's input is any mixture; a linear target's logits follow from it. */
const linear = (table: readonly Float32Array[]) => (input: Float64Array) => {
  const logits = new Float64Array(VOCAB);
  input.forEach((share, id) => {
    table[id]!.forEach((value, to) => {
      logits[to]! += share * value;
    });
  });
  return logits;
};

/** Where drafts are not the twin's; undefined for nowhere. */
function difference(got: Superposition, expected: ReturnType<typeof twin>): string | undefined {
  for (const kind of ['drafts', 'finished'] as const) {
    const [ours, theirs] = [got[kind], expected[kind]].map((paths) => paths.map(({ tokens }) => tokens.join()));
    if (String(ours) !== String(theirs)) return `${kind}: ${ours}, expected ${theirs}`;
    for (const [i, { score }] of got[kind].entries()) {
      // Logits of the target are rounded to f32, and divided by 0.06: a step may differ by 2e-6.
      const { score: other } = expected[kind][i]!;
      if (!(Math.abs(score - other) < 1e-4)) return `${kind}: a score of ${score}, expected ${other}`;
    }
  }
  return undefined;
}

test('drafts, their scores and what is finished are those of the twin, with n-grams and without (seeds 1 to 12)', async () => {
  let finished = 0;
  for (let seed = 1; seed <= 12; seed++) {
    const next = random(seed);
    const table = randomTable(seed);
    const count = 1 + (seed % 4);
    const text = Array.from({ length: 1 + randomInt(next, 6) }, () => randomInt(next, VOCAB));
    const endTokens = seed % 2 === 0 ? [3, 4, 5] : [];
    const documents = randomDocuments(seed, 12, 40, VOCAB);
    const store = seed % 3 === 0 ? undefined : await openStore(storeOf(documents, VOCAB));
    const ngrams = store && storeNgrams(store);
    const got = await run(new LinearTarget(table), text, 7, settingsOf(count, { endTokens, ngrams }));
    const settings: TwinSettings = {
      ...{ count, length: 7, temperature: 0.06, endTokens },
      ...(store && { probability: counted(documents) }),
    };
    assert.is(difference(got, twin(text, linear(table), settings)), undefined, `seed ${seed}`);
    finished += got.finished.length;
  }
  assert.ok(finished > 0, 'some drafts end');
});

/** What a step may get wrong, as a change of what it is given. */
const FAULTS: Readonly<Record<string, (settings: SuperposeSettings, ngrams: Ngrams) => SuperposeSettings>> = {
  'another temperature': (settings) => ({ ...settings, temperature: 0.07 }),
  'no n-grams': ({ ngrams: _, ...settings }) => settings,
  'n-grams of the text alone, the same for every draft': (settings, ngrams) => ({
    ...settings,
    ngrams: { ...ngrams, following: (_text, tokens) => ngrams.following([7], tokens) },
  }),
  'an end of the text that is not seen': (settings) => ({ ...settings, endTokens: [] }),
  'one draft less': (settings) => ({ ...settings, count: settings.count - 1 }),
};
for (const [fault, plant] of Object.entries(FAULTS)) {
  test(`a planted fault is seen: ${fault} (seed 4)`, async () => {
    const table = randomTable(4);
    const documents = randomDocuments(4, 12, 40, VOCAB);
    const ngrams = storeNgrams(await openStore(storeOf(documents, VOCAB)));
    const endTokens = Array.from({ length: 8 }, (_, i) => i);
    const settings = plant(settingsOf(3, { endTokens, ngrams }), ngrams);
    const got = await run(new LinearTarget(table), [1, 2, 3], 7, settings);
    const twinSettings = { count: 3, length: 7, temperature: 0.06, endTokens, probability: counted(documents) };
    assert.ok(difference(got, twin([1, 2, 3], linear(table), twinSettings)));
  });
}

test('a planted fault is seen: equal weights in the mixture, and those of another order (seed 5)', async () => {
  for (const change of [(weights: number[]) => weights.map(() => 1 / weights.length), (w: number[]) => w.reverse()]) {
    const target = new LinearTarget(randomTable(5));
    const { superpose: honest } = target;
    target.superpose = (tokens, weights) => honest.call(target, tokens, change(Array.from(weights)));
    const got = await run(target, [1, 2, 3], 6, settingsOf(3));
    const settings = { count: 3, length: 6, temperature: 0.06, endTokens: [] };
    assert.ok(difference(got, twin([1, 2, 3], linear(randomTable(5)), settings)));
  }
});

test('one draft is greedy decoding, each pass of one token with weight 1 (seeds 1 to 8)', async () => {
  for (let seed = 1; seed <= 8; seed++) {
    const table = randomTable(seed);
    const target = new LinearTarget(table);
    const { drafts } = await run(target, [1, 2, 3], 9, settingsOf(1));
    const greedy: number[] = [];
    for (let last = 3; greedy.length < 9; ) greedy.push((last = largest(table[last]!)));
    assert.equal(drafts[0]!.tokens, greedy);
    assert.equal(
      target.reads.map(({ tokens, weights }) => [tokens, weights]),
      [3, ...greedy.slice(0, -1)].map((token) => [[token], [1]]),
    );
  }
});

test('drafts with the same last token are read as that token', () => {
  const drafts = [0.25, 0.5, -3].map((score, i) => ({ tokens: [i, 7], score }));
  const { tokens, weights } = mixture(drafts);
  assert.equal([...tokens], [7]);
  assert.is(Math.fround(weights[0]!), 1);
});

test('what the next token is drawn from is softmax of the mean logits of separate runs, each with its draft’s weight (seed 2)', () => {
  const table = randomTable(2);
  const drafts = [
    { tokens: [4], score: -0.5 },
    { tokens: [9], score: -1.25 },
    { tokens: [11], score: -2 },
  ];
  const { tokens, weights } = mixture(drafts);
  const sum = drafts.reduce((total, { score }) => total + Math.exp(score), 0);
  const mean = Float64Array.from({ length: VOCAB }, (_, id) =>
    drafts.reduce((total, { tokens: [last], score }) => total + (Math.exp(score) / sum) * table[last!]![id]!, 0),
  );
  const shared = likely(new LinearTarget(table).superpose(tokens, weights), settingsOf(4, { temperature: 1 }));
  const kept = [...mean].sort((a, b) => b - a).slice(0, 16);
  const total = kept.reduce((all, logit) => all + Math.exp(logit), 0);
  shared.tokens.forEach((id, i) => {
    assert.ok(Math.abs(shared.logProbs[i]! - (mean[id]! - Math.log(total))) < 1e-6);
  });
});

test('with a corpus of one sentence the draft that begins with its word follows the sentence', async () => {
  const sentence = [2, 5, 11, 6, 13, 8, 17];
  const store = await openStore(storeOf([sentence], VOCAB));
  // Every next token is as likely as any other: the corpus alone decides.
  const table = Array.from({ length: VOCAB }, () => new Float32Array(VOCAB));
  const target = new LinearTarget(table);
  const { drafts } = await run(target, [1, 2], 6, settingsOf(5, { ngrams: storeNgrams(store) }));
  assert.equal(drafts[0]!.tokens, sentence.slice(1));
});

test('n-grams are those of every place, from memory and from a slow source alike, and unseen tokens and contexts have none', async () => {
  const documents = randomDocuments(3, 20, 30, 9);
  const file = storeOf(documents, 9);
  const probability = counted(documents);
  const shares = [0.01, 0.04, 0.15, 0.18, 0.12];
  const tokens = Int32Array.from({ length: 12 }, (_, id) => id);
  for (const store of [await openStore(file), await openStore(slowSource(file))]) {
    const ngrams = storeNgrams(store);
    for (const text of [[1], [1, 2], [4, 4, 3, 2, 1, 0, 5], [8, 0], [11], [], documents[2]!.slice(0, 6)]) {
      const got = await ngrams.run(() => ngrams.following(text, tokens));
      tokens.forEach((token, i) => {
        const expected = shares.reduce(
          (sum, share, c) => sum + (text.length > c ? share * probability(text.slice(-1 - c), token) : 0),
          0,
        );
        assert.ok(Math.abs(got[i]! - expected) < 1e-12, `${text}, ${token}: ${got[i]}, ${expected}`);
      });
    }
  }
});

test('a step has no effect of its own: what begins anew after a missing block comes to the same', () => {
  const rows = new LinearTarget(randomTable(6)).superpose(Int32Array.of(2), [1]);
  const next = likely(rows, settingsOf(3));
  const first = advance(START, next, [1, 2], settingsOf(3));
  assert.equal(advance(START, next, [1, 2], settingsOf(3)), first);
  assert.is(START.drafts.length, 1);
});

test('the context ends drafts, and a row without a finite logit is refused', async () => {
  const { drafts } = await run(new LinearTarget(randomTable(1), 8), [1, 2, 3, 4, 5], 10, settingsOf(3));
  // Three passes after the five positions, and the first token from the last of those.
  assert.is(drafts[0]!.tokens.length, 4);
  const none = Array.from({ length: VOCAB }, () => new Float32Array(VOCAB).fill(Number.NaN));
  const cache = new TokenCache(new LinearTarget(none));
  const failed = await superpose(cache, [1], 3, settingsOf(2), async () => {}).catch(({ code }) => code);
  assert.is(failed, 'logits.finite');
});

test.run();
