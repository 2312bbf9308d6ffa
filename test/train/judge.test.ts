/** Judges: what they learn from, a planted direction that is found, and a whole run on a small model. */
import { load } from '../../src/index.ts';
import { type JudgeExample, judgeExamples } from '../../src/train/judge/examples.ts';
import { judgeAccuracy, trainJudgeHead } from '../../src/train/judge/head.ts';
import { trainJudge } from '../../src/train/index.ts';
import { exactDraw, lossyJudge } from '../../src/verify/index.ts';
import { rejection } from '../codes.ts';
import { assert, firstDifference, random, randomInt, test } from '../harness.ts';
import { fixtureModel, fixturePath, prefill } from '../model/fixture-model.ts';

const WIDTH = 32;
/** The small model is unsure of everything: what is likely to it, and what is not, lies close together. */
const LABELS = { likely: 0.9, unlikely: 0.5 };

/** States around a centre, right ones to one side of it along a direction, wrong ones to the other. */
function planted(
  seed: number,
  count: number,
  labels: (isRight: boolean, next: () => number) => boolean,
): JudgeExample[] {
  const next = random(seed);
  const direction = Array.from({ length: WIDTH }, (_, i) => Math.sin(i + 1));
  return Array.from({ length: count }, () => {
    const isRight = next() < 0.6;
    const hidden = Float32Array.from(direction, (value, i) => 5 + i + (isRight ? 1 : -1) * value + 2 * (next() - 0.5));
    return { token: 0, place: 1, hidden, isRight: labels(isRight, next), isChoice: false };
  });
}

test('a planted direction is found: area under the curve over 0.99; with shuffled labels it is chance (seeds 1 and 2)', async () => {
  const honest = (isRight: boolean) => isRight;
  const head = await trainJudgeHead(planted(1, 2000, honest), { epochs: 4 });
  const accuracy = judgeAccuracy(head, planted(2, 1000, honest));
  assert.ok(accuracy.auc > 0.99, `${accuracy.auc}`);
  assert.ok(accuracy.accuracy > 0.95 && accuracy.acceptedWrong < 0.05 && accuracy.acceptedRight > 0.95);

  const coin = (_: boolean, next: () => number) => next() < 0.6;
  const shuffled = await trainJudgeHead(planted(1, 2000, coin), { epochs: 4 });
  const chance = judgeAccuracy(shuffled, planted(2, 1000, honest)).auc;
  assert.ok(Math.abs(chance - 0.5) < 0.25, `${chance}`);
  assert.ok(Math.abs(judgeAccuracy(head, planted(3, 1000, coin)).auc - 0.5) < 0.06);
});

test('a heavier wrong token is accepted less often (seed 4)', async () => {
  const noisy = (isRight: boolean, next: () => number) => (next() < 0.25 ? !isRight : isRight);
  const accepted = async (wrongWeight: number) =>
    judgeAccuracy(await trainJudgeHead(planted(4, 2000, noisy), { wrongWeight, epochs: 4 }), planted(5, 1000, noisy))
      .acceptedWrong;
  assert.ok((await accepted(8)) < (await accepted(0.5)));
});

test('an example is the state of its own token, to the bit that of plain decoding, and its label what the target finds (seeds 6 and 7)', async () => {
  const model = await fixtureModel('test-300k', { context: 64, sessions: 2, maxNodes: 24 });
  const [target, plain] = [model.session(), model.session()];
  const next = random(6);
  const text = Int32Array.from({ length: 40 }, () => randomInt(next, target.vocab));
  const examples = [...judgeExamples(target, text, random(7), LABELS)];
  assert.is(target.length, 0);
  let others = 0;
  for (const { token, place, hidden, isRight, isChoice } of examples) {
    plain.truncate(0);
    const logits = prefill(plain, [...text.subarray(0, place)]).slice();
    const share = Math.exp(logits[token]! - Math.max(...logits));
    const isOwn = text[place] === token;
    assert.is(isRight, share >= LABELS.likely || (isOwn && share >= LABELS.unlikely), `place ${place}`);
    assert.is(isChoice, share === 1);
    const state = (shown: number) =>
      plain.forward({ tokens: Int32Array.of(shown), parents: Int32Array.of(-1) }, 'last').hidden!(0).slice();
    assert.is(firstDifference(hidden, state(token)), -1);
    // The fault: the state of the token before, or of another token in its place.
    assert.is.not(firstDifference(hidden, state((token + 1) % target.vocab)), -1);
    if (!isOwn) others++;
  }
  assert.ok(others > 20, `${others} tokens that are not the text's`);
  assert.ok(examples.some(({ isRight }) => !isRight));
  assert.equal([...judgeExamples(target, text, random(7), LABELS)], examples, 'again');
});

const model = await load(fixturePath('test-300k'), { context: 96, sessions: 2 });
const next = random(8);
const text = Array.from({ length: 24 * 32 }, () => randomInt(next, model.config.vocab));

test('a judge of a small model: examples are held out, a threshold of 1 has the target’s own text, and the head loads as a rule', async () => {
  const phases = new Set<string>();
  const { head, accuracy, quality } = await trainJudge(model, [text], {
    ...{ ...LABELS, window: 32, epochs: 2, prompts: 2, thresholds: [0.5, -1] },
    onProgress: ({ phase }) => phases.add(phase),
  });
  assert.equal([...phases], ['examples', 'quality']);
  assert.is(head.weights.length, model.config.hidden);
  assert.ok(accuracy.examples > accuracy.right && accuracy.right > 0);
  assert.ok(accuracy.auc >= 0 && accuracy.auc <= 1);
  const [none, half, all] = quality;
  assert.is(none!.threshold, 1);
  assert.is(none!.ownChoice, 1);
  assert.ok(all!.tokensPerPass >= half!.tokensPerPass && half!.tokensPerPass >= none!.tokensPerPass);
  assert.ok(all!.tokensPerPass > none!.tokensPerPass && all!.ownChoice < 1 && all!.perplexity > none!.perplexity);
  const generation = model.generate(text.slice(0, 9), { maxTokens: 8, verifier: lossyJudge(exactDraw, head) });
  await generation.text();
  assert.is(generation.tokens.length, 8);
});

test('too little text, and options that are none, are refused, and the session is given back', async () => {
  const refused = (texts: number[][], options: object) => rejection(trainJudge(model, texts, options));
  assert.is(await refused([text.slice(0, 40)], { ...LABELS, window: 32 }), 'train.data');
  assert.is(await refused([], {}), 'train.data');
  assert.is(await refused([text], { window: 8 }), 'option.range');
  assert.is(await refused([text], { epochs: 1.5 }), 'option.range');
  assert.is(await refused([text], { wrongWeight: 'much' }), 'option.type');
  assert.is(await refused([text], { unlikely: 0.5, likely: 0.4 }), 'option.range');
  assert.is(await refused([text], { thresholds: 0.5 }), 'option.type');
  assert.is(await refused([text], { steps: 3 }), 'option.unknown');
  assert.is(await refused([text], { window: 32, signal: AbortSignal.abort(new Error('enough')) }), 'Error: enough');
  const generation = model.generate(text.slice(0, 9), { maxTokens: 3 });
  await generation.text();
  assert.is(generation.tokens.length, 3);
});

test.run();
