/** Which samples count, and what they come to. */
import type { Sample } from '../../bench/spec-bench/measure.ts';
import {
  acceptanceLength,
  leftOut,
  meanOfKnown,
  meanSpeedUp,
  pairsOf,
  speedUp,
  totals,
} from '../../bench/spec-bench/summary.ts';
import { assert, random, test } from '../harness.ts';

function sample(given: Partial<Sample>): Sample {
  return {
    method: 'plain',
    prompt: 'a',
    tokens: 100,
    passes: 100,
    decodeMs: 100,
    draftMs: 0,
    passMs: 90,
    drafts: 0,
    drafted: 0,
    accepted: [],
    loop: false,
    ...given,
  };
}

/** A prompt decoded both ways. */
const both = (prompt: string, plainMs: number, otherMs: number, given: Partial<Sample> = {}): Sample[] => [
  sample({ prompt, decodeMs: plainMs, ...given }),
  sample({ prompt, method: 'm', decodeMs: otherMs, passes: 40, drafts: 30, accepted: [20, 10], ...given }),
];

test('loops and wrong edits are left out, right edits and texts without one right answer count', () => {
  assert.is(leftOut({ loop: false }), undefined);
  assert.is(leftOut({ loop: true }), 'loop');
  assert.is(leftOut({ loop: false, right: true }), undefined);
  assert.is(leftOut({ loop: false, right: false }), 'wrong');
  assert.is(leftOut({ loop: true, right: false }), 'wrong');
  assert.is(leftOut({ loop: true, right: true }), 'loop');
});

test('a prompt counts only if it does both ways, in every round', () => {
  const fine = both('a', 100, 50);
  assert.is(pairsOf(fine, 'm').length, 1);
  const disturbed: Sample[][] = [
    both('b', 100, 1, { loop: true }),
    both('b', 100, 1, { right: false }),
    [...both('b', 100, 1), sample({ prompt: 'b', loop: true })],
    [sample({ prompt: 'b' }), sample({ prompt: 'b', method: 'm', decodeMs: 1, loop: true })],
    [sample({ prompt: 'b', method: 'm', decodeMs: 1 })],
    [sample({ prompt: 'b' })],
  ];
  for (const samples of disturbed) assert.equal(speedUp([...fine, ...samples], 'm'), speedUp(fine, 'm'));
  // The fault that this is for: a loop that counts makes another speed-up.
  const counting = disturbed[0]!.map((looping) => ({ ...looping, loop: false }));
  assert.not.equal(speedUp([...fine, ...counting], 'm'), speedUp(fine, 'm'));
});

test('of rounds the medians count, and time is scaled to the same number of tokens', () => {
  const rounds = [both('a', 100, 50), both('a', 300, 60), both('a', 120, 70)].flat();
  assert.equal(pairsOf(rounds, 'm'), [{ plainMs: 120, otherMs: 60 }]);
  const shorter = [sample({ tokens: 100, decodeMs: 100 }), sample({ method: 'm', tokens: 25, decodeMs: 20 })];
  assert.equal(pairsOf(shorter, 'm'), [{ plainMs: 100, otherMs: 80 }]);
});

test('the speed-up of a kind is by sums, the mean of kinds counts each the same, kinds without a prompt not at all', () => {
  const slow = [...both('a', 100, 100), ...both('b', 300, 100)];
  const fast = both('c', 400, 100);
  assert.is(speedUp(slow, 'm')?.estimate, 2);
  assert.is(meanSpeedUp([slow, fast, both('d', 9, 1, { loop: true })], 'm')?.estimate, 3);
  assert.is(meanSpeedUp([[], both('d', 9, 1, { loop: true })], 'm'), undefined);
  assert.is(speedUp(slow, 'nobody'), undefined);
});

test('the interval of a mean over kinds holds the true mean about as often as it says (seed 5)', () => {
  const next = random(5);
  let covered = 0;
  for (let trial = 0; trial < 100; trial++) {
    // Speed-ups of 1 to 2 on one kind, 3 to 5 on the other, whose prompts are fewer: the mean of both is 2.75, that of prompts is less.
    const kind = (count: number, least: number, width: number) =>
      Array.from({ length: count }, (_, i) => both(String(i), 100 * (least + width * next()), 100)).flat();
    const { low, high } = meanSpeedUp([kind(20, 1, 1), kind(10, 3, 2)], 'm')!;
    if (low <= 2.75 && 2.75 <= high) covered++;
  }
  assert.ok(covered >= 84 && covered <= 99, `${covered} of 100`);
});

test('totals and acceptance lengths are pooled over what counts, or over everything', () => {
  const samples = [...both('a', 100, 50), ...both('b', 100, 50, { loop: true })];
  assert.is(totals(samples, 'm').tokens, 100);
  assert.equal(totals(samples, 'm').accepted, [20, 10]);
  assert.is(totals(samples, 'm', 'all').tokens, 200);
  assert.equal(totals(samples, 'm', 'all').accepted, [40, 20]);
  assert.is(totals(samples, 'plain').passes, 100);
  assert.is(acceptanceLength(totals(samples, 'm')), 2.5);
  assert.is(acceptanceLength(totals([], 'm')), undefined);
  assert.is(meanOfKnown([1, undefined, 2]), 1.5);
  assert.is(meanOfKnown([undefined]), undefined);
});

test.run();
