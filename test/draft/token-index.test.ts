/** Earlier occurrences of the end of a text, against reading the whole text again. */
import { MAX_MATCH, MAX_OCCURRENCES, TokenIndex, type Match } from '../../src/draft/token-index.ts';
import { assert, random, randomInt, test } from '../harness.ts';

/** Every earlier place where the text's end occurs, newest first, as the index promises them. */
function bruteForce(text: readonly number[]): Match[] {
  const found: Match[] = [];
  for (let next = text.length - 1; next >= 1; next--) {
    let length = 0;
    while (length < next && length < MAX_MATCH && text[next - 1 - length] === text[text.length - 1 - length]) length++;
    if (length > 0) found.push({ next, length });
  }
  const pairs = found.filter(({ length }) => length >= 2);
  return (pairs.length > 0 ? pairs : found).slice(0, MAX_OCCURRENCES);
}

/** Checks after every token of a text. @returns number of searches that found something */
function compare(text: readonly number[], index: TokenIndex): number {
  let hits = 0;
  text.forEach((token, i) => {
    index.append(token);
    const matches = index.matches();
    assert.equal(matches, bruteForce(text.slice(0, i + 1)), `after ${i + 1} tokens`);
    if (matches.length > 0) hits++;
  });
  return hits;
}

test('matches are those of brute force at every position of random texts over 3 letters (seed 1)', () => {
  const next = random(1);
  for (let round = 0; round < 6; round++) {
    const text = Array.from({ length: 150 }, () => randomInt(next, 3));
    assert.ok(compare(text, new TokenIndex(150)) > 140);
  }
});

test('matches are those of brute force over large ids, where hashes meet (seed 2)', () => {
  const next = random(2);
  const words = Array.from({ length: 60 }, () => randomInt(next, 150_000));
  const text = Array.from({ length: 500 }, () => words[randomInt(next, words.length)]!);
  assert.ok(compare(text, new TokenIndex(500)) > 300);
});

test('long matches count as the longest that is told apart, and only so many occurrences are looked at', () => {
  const index = new TokenIndex(1000);
  for (let i = 0; i < 1000; i++) index.append(7);
  const matches = index.matches();
  assert.is(matches.length, MAX_OCCURRENCES);
  assert.equal(matches[0], { next: 999, length: MAX_MATCH });
});

test('a cleared index has forgotten everything', () => {
  const index = new TokenIndex(8);
  for (const token of [1, 2, 1, 2]) index.append(token);
  assert.is(index.matches().length, 1);
  index.clear();
  assert.equal(index.matches(), []);
  index.append(2);
  index.append(2);
  assert.equal(index.matches(), [{ next: 1, length: 1 }]);
});

test('the memory that is announced is what the arrays hold', () => {
  // tokens, and for singles and pairs one link a token and 2^11 slots, 4 bytes each
  assert.is(TokenIndex.bytes(1500), 4 * (1500 + 2 * (1500 + 2048)));
});

test.run();
