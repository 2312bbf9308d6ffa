import { hasLoop } from '../../bench/shared/loops.ts';
import { assert, random, randomInt, test } from '../harness.ts';

/** The definition, read aloud: some period of up to 64 tokens stands there five times in a row. */
function hasLoopPlainly(tokens: readonly number[]): boolean {
  for (let period = 1; period <= 64; period++) {
    for (let start = 0; start + 5 * period <= tokens.length; start++) {
      const piece = tokens.slice(start, start + 5 * period);
      if (piece.every((token, i) => token === piece[i % period])) return true;
    }
  }
  return false;
}

test('five times is a loop, four times is not', () => {
  const period = [4, 4, 9];
  const repeated = (times: number) => [1, 2, ...Array.from({ length: times }, () => period).flat(), 7];
  assert.is(hasLoop(repeated(4)), false);
  assert.is(hasLoop(repeated(5)), true);
});

test('a period of 64 tokens is a loop, one of 65 is not', () => {
  const of = (length: number) => Array.from({ length: length * 6 }, (_, i) => i % length);
  assert.is(hasLoop(of(64)), true);
  assert.is(hasLoop(of(65)), false);
});

test('200 random lists are judged as the definition reads (seed 5)', () => {
  const next = random(5);
  const verdicts = Array.from({ length: 200 }, () => {
    const tokens = Array.from({ length: 40 }, () => randomInt(next, 2));
    assert.is(hasLoop(tokens), hasLoopPlainly(tokens), tokens.join(''));
    return hasLoop(tokens);
  });
  assert.ok(verdicts.includes(true) && verdicts.includes(false));
});

test.run();
