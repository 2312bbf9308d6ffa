/** Suffix automaton: what it matches equals a scan of the text, and it drafts what followed. */
import { Automaton } from '../../src/draft/automaton.ts';
import { SuffixAutomaton } from '../../src/draft/suffix-automaton.ts';
import { checkTree } from '../../src/tree/check-tree.ts';
import { assert, random, randomInt, test } from '../harness.ts';
import { stepOf } from './steps.ts';

/** The longest end of a text that also ends earlier, and where it first does, by looking at every place. */
function scan(text: readonly number[]): { length: number; next: number } {
  let best = { length: 0, next: 0 };
  for (let end = 0; end < text.length - 1; end++) {
    let length = 0;
    while (length <= end && text[end - length] === text[text.length - 1 - length]) length++;
    if (length > best.length) best = { length, next: end + 1 };
  }
  return best;
}

/** First difference between an automaton and the scan over all beginnings of a text; undefined without any. */
function firstDifference(text: readonly number[], matchOf: (text: SuffixAutomaton) => number): string | undefined {
  const automaton = new SuffixAutomaton(text.length);
  for (let length = 1; length <= text.length; length++) {
    automaton.append(text[length - 1]!);
    const state = matchOf(automaton);
    const expected = scan(text.slice(0, length));
    const got = { length: automaton.lengthOf(state), next: automaton.nextOf(state) };
    if (got.length !== expected.length || got.next !== expected.next) return JSON.stringify({ length, got, expected });
    if (automaton.states > 2 * length) return `${automaton.states} states after ${length} tokens`;
  }
  return undefined;
}

const randomText = (seed: number, length: number, vocab: number): number[] => {
  const next = random(seed);
  return Array.from({ length }, () => randomInt(next, vocab));
};

for (const vocab of [1, 2, 3, 7]) {
  test(`at every position the longest match and its first place equal those of a scan: ${vocab} letters (seed ${vocab})`, () => {
    for (let round = 0; round < 6; round++) {
      assert.is(
        firstDifference(randomText(vocab * 100 + round, 120, vocab), (text) => text.match),
        undefined,
      );
    }
  });
}

test('a match that is one link too short is seen', () => {
  const text = randomText(1, 60, 2);
  assert.ok(firstDifference(text, (automaton) => Math.max(0, automaton.shorter(automaton.match))));
});

test('a text that fills the automaton to its last token has at most 2 states and 3 edges a token, also at its worst (abbb..., abab...)', () => {
  for (const text of [
    [0, ...Array(199).fill(1)],
    Array.from({ length: 200 }, (_, i) => i % 2),
    randomText(5, 200, 2),
  ]) {
    const automaton = new SuffixAutomaton(200);
    for (const token of text) automaton.append(token);
    assert.ok(automaton.states <= 400);
  }
});

test('a text begun anew has no memory of the one before', () => {
  const automaton = new SuffixAutomaton(8);
  for (const token of [1, 2, 1, 2]) automaton.append(token);
  automaton.clear();
  assert.is(automaton.match, 0);
  automaton.append(2);
  assert.is(automaton.lengthOf(automaton.match), 0);
  assert.is(automaton.states, 2);
});

const drafterAfter = (text: readonly number[], shortest = 2): Automaton => {
  const drafter = new Automaton(400, { shortest });
  drafter.begin(Int32Array.from(text));
  return drafter;
};

test('the draft is what followed the first occurrence of the longest match', () => {
  const drafter = drafterAfter([9, 1, 2, 3, 4, 5, 8, 2, 3, 7, 1, 2, 3]);
  assert.equal([...drafter.propose(4).tokens], [3, 4, 5, 8]);
  assert.is(drafter.outlook()!.token, 4);
});

test('a match that is shorter than the gate drafts nothing', () => {
  assert.equal([...drafterAfter([1, 2, 3, 4, 1, 2, 3], 3).propose(3).tokens], [3, 4, 1]);
  const gated = drafterAfter([1, 2, 3, 4, 1, 2, 3], 4);
  assert.is(gated.propose(3).tokens.length, 1);
  assert.is(gated.outlook(), undefined);
});

test('a match at the end of the text gives way to a shorter one with more text behind it', () => {
  // The longest match of "... 5 5" ends one token before the end; the one of 5 alone has more behind it.
  assert.equal([...drafterAfter([5, 5, 5, 5, 5, 5], 1).propose(5).tokens], [5, 5, 5, 5, 5]);
});

test('a text of period 3 is drafted on and on: every step takes as many tokens as the budget has', () => {
  const text = Array.from({ length: 240 }, (_, i) => i % 3);
  const drafter = drafterAfter(text.slice(0, 24), 5);
  for (let at = 24; at + 8 < text.length; at += 8) {
    assert.equal([...drafter.propose(8).tokens], text.slice(at - 1, at + 7));
    drafter.observe(stepOf(text[at - 1]!, text.slice(at, at + 8)));
  }
});

test('proposals are valid chains within the budget (seed 3)', () => {
  const next = random(3);
  for (let round = 0; round < 30; round++) {
    const text = randomText(round, 2 + randomInt(next, 60), 3);
    const drafter = drafterAfter(text, 1 + randomInt(next, 4));
    for (let step = 0; step < 20; step++) {
      const nodes = 1 + randomInt(next, 20);
      const tree = drafter.propose(nodes);
      checkTree(tree, { vocab: 3, nodes, root: text.at(-1)!, sources: 1 });
      if (nodes > 1) assert.is(drafter.outlook() !== undefined, tree.tokens.length > 1);
      const emitted = randomText(round * 100 + step, 1 + randomInt(next, 3), 3);
      drafter.observe(stepOf(text.at(-1)!, emitted));
      text.push(...emitted);
    }
  }
});

test.run();
