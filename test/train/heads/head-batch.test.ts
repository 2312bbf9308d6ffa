/**
 * Batches of heads: on a text that follows a known rule every input is known from the token that a row stands at.
 * @module
 */
import type { Batch } from '../../../src/train/batch.ts';
import { Graph } from '../../../src/train/graph.ts';
import { AccuracyCount, chainLength } from '../../../src/train/heads/accuracy.ts';
import { draftVocabulary, vocabularyOf } from '../../../src/train/heads/draft-vocabulary.ts';
import { headBatch, type LearntText } from '../../../src/train/heads/head-batch.ts';
import { batchWindows, cutWindows } from '../../../src/train/heads/windows.ts';
import { hasCode } from '../../codes.ts';
import { assert, test } from '../../harness.ts';
import { next, RING } from './ring-target.ts';

const HEADS = 3;
const LENGTH = 9;
const ALL = vocabularyOf(
  Int32Array.from({ length: RING }, (_, id) => id),
  RING,
);

/** A text on the ring, whose hidden states are the tokens themselves, in all of 4 columns. */
function ringText(first: number, length: number): LearntText {
  const tokens = Int32Array.from({ length }, () => first);
  for (let i = 1; i < length; i++) tokens[i] = next(tokens[i - 1]!);
  return { tokens, hidden: Float32Array.from({ length: 4 * length }, (_, i) => tokens[Math.floor(i / 4)]!) };
}

function inputs(names: readonly string[]): Graph {
  const graph = new Graph();
  for (const name of names) graph.input(name, 1, 1);
  return graph;
}

const NAMES = [1, 2, 3].flatMap((i) => [`token.${i}`, `label.${i - 1}`, `teacher.${i - 1}`, `weight.${i - 1}`]);

const nth = (token: number, times: number) => Array.from({ length: times }).reduce<number>((x) => next(x), token);

/** The first row that contradicts the rule; -1 where none does. */
function firstWrong(batch: Batch, texts: readonly LearntText[]): number {
  for (const [segment, { tokens }] of texts.entries()) {
    for (let t = 0; t < LENGTH; t++) {
      const row = segment * LENGTH + t;
      const token = batch.hidden![row * 4]!;
      if (token !== (t < tokens.length ? tokens[t] : 0)) return row;
      for (let i = 0; i < HEADS; i++) {
        const reaches = (distance: number) => t + distance < tokens.length;
        const [label, teacher] = [batch[`label.${i}`]![row], batch[`teacher.${i}`]![row]!];
        if (batch[`token.${i + 1}`]![row] !== (reaches(i + 1) ? nth(token, i + 1) : -1)) return row;
        if (label !== (reaches(i + 2) ? nth(token, i + 2) : -1)) return row;
        // The row that teaches is the one whose own next token the head guesses.
        if (reaches(i + 1) ? batch.hidden![teacher * 4] !== nth(token, i + 1) : teacher !== -1) return row;
        if (batch[`weight.${i}`]![row]! > 0 !== reaches(i + 1)) return row;
      }
    }
  }
  return -1;
}

const TEXTS = [ringText(7, LENGTH), ringText(20, 6)];
const batchOf = () => headBatch(inputs(NAMES), TEXTS, ALL, { heads: HEADS, length: LENGTH });

test('every input of a batch is what the rule of the text says, also of a short text', () => {
  assert.is(firstWrong(batchOf(), TEXTS), -1);
});

for (const name of ['hidden', 'token.1', 'label.0', 'label.2', 'teacher.1']) {
  test(`${name} shifted by one position is seen (planted fault)`, () => {
    const batch = batchOf();
    const values = Array.from(batch[name]!);
    const step = name === 'hidden' ? 4 : 1;
    assert.is.not(firstWrong({ ...batch, [name]: [...values.slice(step), ...values.slice(0, step)] }, TEXTS), -1);
  });
}

test('without a teacher weights are those of labels: rows whose token cannot be guessed have none', () => {
  const even = vocabularyOf(
    Int32Array.from({ length: RING / 2 }, (_, id) => 2 * id),
    RING,
  );
  const batch = headBatch(inputs(['label.0', 'weight.0']), TEXTS, even, { heads: 1, length: LENGTH });
  const labels = Array.from(batch['label.0']!);
  const wanted = TEXTS.flatMap(({ tokens }) =>
    Array.from({ length: LENGTH }, (_, t) =>
      t + 2 < tokens.length && tokens[t + 2]! % 2 === 0 ? tokens[t + 2]! / 2 : -1,
    ),
  );
  assert.equal(labels, wanted);
  const count = wanted.filter((label) => label >= 0).length;
  assert.equal(
    Array.from(batch['weight.0']!),
    wanted.map((label) => Math.fround(label < 0 ? 0 : 1 / count)),
  );
});

test('the draft vocabulary is the most frequent tokens, the lowest of equals, in rising order', () => {
  const { targetIds, draftIds } = draftVocabulary([Int32Array.of(9, 9, 9, 3, 3, 7, 5, 1)], 4, 12);
  assert.equal([...targetIds], [1, 3, 5, 9]);
  assert.equal([...draftIds], [-1, 0, -1, 1, -1, 2, -1, -1, -1, 3, -1, -1]);
});

test('accuracy counts guesses by rank against the choice behind the tokens between', () => {
  const count = new AccuracyCount(2, 2);
  const choices = [Int32Array.of(4, 5, 6)];
  // Head 0 at row 0 is compared with choice 1, at row 1 with choice 2; row 2 and all rows of the padding count for nothing.
  count.add(0, Int32Array.of(5, 0, 0, 6, 9, 9, 9, 9), choices, ALL, { heads: 2, length: 4 });
  count.add(1, Int32Array.of(0, 0, 6, 6, 6, 6, 6, 6), choices, ALL, { heads: 2, length: 4 });
  assert.equal(count.accuracy, [
    [0.5, 0.5],
    [0, 0],
  ]);
  assert.is(chainLength([[0.5], [0.5], [0.2]]), 1 + 0.5 + 0.25 + 0.05);
});

test('windows never reach over the end of a text, and held-out ones are in no batch', () => {
  const texts = [10, 25, 3].map((length, i) => new Int32Array(length).fill(i));
  const { training, heldOut } = cutWindows(texts, { length: 8, least: 2, heldOut: 2, batch: 2, seed: 1 });
  assert.is(training.length + heldOut.length, 2 + 3 + 1);
  for (const window of [...training, ...heldOut]) assert.is(new Set(window).size, 1);
  const epoch = [0, 1].flatMap((step) => batchWindows(4, 2, step, 5));
  assert.equal([...epoch].sort(), [0, 1, 2, 3]);
  assert.is.not([2, 3].flatMap((step) => batchWindows(4, 2, step, 5)).join(), epoch.join());
  assert.throws(() => cutWindows(texts, { length: 8, least: 2, heldOut: 5, batch: 2, seed: 1 }), hasCode('train.data'));
});

test.run();
