/** The processed distribution, against one that sorts the whole vocabulary at every step. */
import { LogitsProcessor, type SamplingSettings } from '../../src/decode/sampling.ts';
import { hasCode } from '../codes.ts';
import { assert, random, randomInt, test } from '../harness.ts';
import { descending } from './made-up-target.ts';

const NEUTRAL: SamplingSettings = { temperature: 1, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1 };

/** Normalised probabilities, step by step as the header of sampling.ts states them. */
function reference(logits: Float32Array, history: readonly number[], settings: SamplingSettings): number[] {
  let scores = Array.from(logits, (score, id) => {
    if (!history.includes(id)) return score;
    return score < 0 ? score * settings.repetitionPenalty : score / settings.repetitionPenalty;
  });
  scores = scores.map((score) => score / settings.temperature);
  const softmax = (values: readonly number[]) => {
    const maximum = Math.max(...values);
    const weights = values.map((value) => Math.exp(value - maximum));
    const sum = weights.reduce((a, b) => a + b, 0);
    return weights.map((weight) => weight / sum);
  };
  const keep = (kept: Iterable<number>) => {
    const set = new Set(kept);
    scores = scores.map((score, id) => (set.has(id) ? score : -Infinity));
  };
  if (settings.topK > 0) keep(descending(scores).slice(0, settings.topK));
  if (settings.topP < 1) {
    const probabilities = softmax(scores);
    const kept: number[] = [];
    let sum = 0;
    for (const id of descending(probabilities)) {
      if (kept.length > 0 && sum >= settings.topP) break;
      kept.push(id);
      sum += probabilities[id]!;
    }
    keep(kept);
  }
  const probabilities = softmax(scores);
  const floor = settings.minP * Math.max(...probabilities);
  keep([...probabilities.keys()].filter((id) => probabilities[id]! >= floor));
  return softmax(scores);
}

const normalised = (weights: Float64Array): number[] => {
  const sum = weights.reduce((a, b) => a + b, 0);
  return Array.from(weights, (weight) => weight / sum);
};

test('processed distributions equal the reference for random settings (seed 1)', () => {
  const next = random(1);
  let removed = 0;
  for (let round = 0; round < 400; round++) {
    const vocab = 2 + randomInt(next, 40);
    const settings = {
      temperature: 0.3 + 2 * next(),
      topK: randomInt(next, 3) === 0 ? 0 : 1 + randomInt(next, vocab + 3),
      topP: randomInt(next, 3) === 0 ? 1 : next(),
      minP: randomInt(next, 3) === 0 ? 0 : 0.3 * next(),
      repetitionPenalty: randomInt(next, 2) === 0 ? 1 : 0.5 + next(),
    };
    const logits = Float32Array.from({ length: vocab }, () => 4 * next() - 2);
    const history = Array.from({ length: randomInt(next, 10) }, () => randomInt(next, vocab));
    const expected = reference(logits, history, settings);
    const actual = normalised(new LogitsProcessor(vocab, settings).process(logits, history));
    actual.forEach((probability, id) => {
      assert.is(probability === 0, expected[id] === 0, `id ${id} of ${JSON.stringify(settings)}`);
      assert.ok(Math.abs(probability - expected[id]!) < 1e-12);
      if (probability === 0) removed++;
    });
  }
  assert.ok(removed > 1000);
});

test('ties are kept from the lowest id on, exactly K of them and the fewest for P', () => {
  const logits = Float32Array.of(1, 2, 2, 0, 2, 2);
  const kept = (settings: Partial<SamplingSettings>) =>
    Array.from(new LogitsProcessor(6, { ...NEUTRAL, ...settings }).process(logits, []), (weight) =>
      weight > 0 ? 1 : 0,
    );
  assert.equal(kept({ topK: 3 }), [0, 1, 1, 0, 1, 0]);
  assert.equal(kept({ topP: 0.3 }), [0, 1, 1, 0, 0, 0]);
  assert.equal(kept({ topP: 0 }), [0, 1, 0, 0, 0, 0]);
  assert.equal(kept({ minP: 1 }), [0, 1, 1, 0, 1, 1]);
  assert.equal(kept({ topK: 5, topP: 0.5 }), [0, 1, 1, 0, 1, 0]);
});

test('the repetition penalty divides positive logits and multiplies negative ones, once however often a token occurs', () => {
  const logits = Float32Array.of(2, -2, 2, 1.5);
  const processor = new LogitsProcessor(4, { ...NEUTRAL, repetitionPenalty: 2 });
  assert.is(processor.largest(logits, [2, 2, 0, 0, 0]), 3);
  assert.is(processor.largest(logits, [0]), 2);
  assert.is(processor.largest(logits, []), 0);
  const weights = processor.process(logits, [1, 1, 3]);
  assert.ok(Math.abs(weights[1]! - Math.exp(-4 - 2)) < 1e-15);
  assert.ok(Math.abs(weights[3]! - Math.exp(0.75 - 2)) < 1e-15);
});

test('a draw is the first id whose running sum exceeds the number', () => {
  const processor = new LogitsProcessor(4, NEUTRAL);
  const quarter = new Float32Array(4);
  assert.equal(
    [0, 0.249, 0.25, 0.5, 0.749, 0.75, 1 - 2 ** -53].map((u) => processor.draw(quarter, [], u)),
    [0, 0, 1, 2, 2, 3, 3],
  );
  const middle = Float32Array.of(-1e30, 5, -Infinity, -1e30);
  assert.equal(
    [0, 0.5, 1 - 2 ** -53].map((u) => processor.draw(middle, [], u)),
    [1, 1, 1],
  );
});

test('the shares of draws are the probabilities', () => {
  const settings = { ...NEUTRAL, temperature: 0.8, topP: 0.9 };
  const logits = Float32Array.of(0.3, 1.2, -0.5, 0.9, -2);
  const processor = new LogitsProcessor(5, settings);
  const counts = new Float64Array(5);
  const draws = 100_000;
  for (let i = 0; i < draws; i++) counts[processor.draw(logits, [], (i + 0.5) / draws)]!++;
  reference(logits, [], settings).forEach((probability, id) => {
    assert.ok(Math.abs(counts[id]! / draws - probability) <= 1 / draws, `id ${id}`);
  });
});

test('a temperature near 0 draws the largest logit, a huge one draws evenly, and neither overflows', () => {
  const logits = Float32Array.of(80, 100, -100, 99.5);
  const cold = new LogitsProcessor(4, { ...NEUTRAL, temperature: 5e-324 });
  assert.equal([...cold.process(logits, [])], [0, 1, 0, 0]);
  const hot = normalised(new LogitsProcessor(4, { ...NEUTRAL, temperature: 1e300 }).process(logits, []));
  for (const probability of hot) assert.ok(Math.abs(probability - 0.25) < 1e-12);
});

test('logits without a finite maximum are refused', () => {
  const processor = new LogitsProcessor(3, NEUTRAL);
  for (const logits of [
    [NaN, NaN, NaN],
    [-Infinity, -Infinity, -Infinity],
    [0, Infinity, 0],
  ]) {
    assert.throws(() => processor.draw(Float32Array.from(logits), [], 0.5), hasCode('logits.finite'));
  }
});

test('a processor leaves the logits as they are, and every call starts anew (seed 2)', () => {
  const next = random(2);
  const logits = Float32Array.from({ length: 30 }, () => next());
  const copy = logits.slice();
  const settings = { temperature: 0.7, topK: 9, topP: 0.8, minP: 0.05, repetitionPenalty: 1.5 };
  const used = new LogitsProcessor(30, settings);
  for (let round = 0; round < 5; round++)
    used.process(
      Float32Array.from(logits, () => next()),
      [round, 3],
    );
  assert.equal([...used.process(logits, [1, 2])], [...new LogitsProcessor(30, settings).process(logits, [1, 2])]);
  assert.equal(logits, copy);
});

test.run();
