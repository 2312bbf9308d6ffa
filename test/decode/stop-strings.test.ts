/** Stop strings across pieces, against reading the whole text. */
import { StopStrings } from '../../src/decode/stop-strings.ts';
import { assert, random, randomInt, test } from '../harness.ts';

/** Text before the stop string that is complete first, reading unit by unit; the longest of several that end there. */
function reference(text: string, stops: readonly string[]): { text: string; stopped: boolean } {
  for (let end = 1; end <= text.length; end++) {
    const matched = Math.max(...stops.map((stop) => (text.slice(0, end).endsWith(stop) ? stop.length : 0)));
    if (matched > 0) return { text: text.slice(0, end - matched), stopped: true };
  }
  return { text, stopped: false };
}

function streamed(pieces: readonly string[], stops: readonly string[]): { text: string; stopped: boolean } {
  const matcher = new StopStrings(stops);
  let text = '';
  for (const piece of pieces) text += matcher.push(piece);
  return { text: text + matcher.flush(), stopped: matcher.stopped };
}

const letters = (next: () => number, length: number): string =>
  Array.from({ length }, () => 'ab'[randomInt(next, 2)]).join('');

/** Cuts a text at random places. */
function cut(text: string, next: () => number): string[] {
  const pieces: string[] = [];
  for (let at = 0; at < text.length; ) {
    const length = randomInt(next, 5);
    pieces.push(text.slice(at, at + length));
    at += length;
  }
  return pieces;
}

test('any cutting of a text gives what reading it whole gives (seed 1)', () => {
  const next = random(1);
  let stopped = 0;
  for (let round = 0; round < 3000; round++) {
    const stops = Array.from({ length: 1 + randomInt(next, 3) }, () => letters(next, 2 + randomInt(next, 7)));
    const text = letters(next, randomInt(next, 30));
    const expected = reference(text, stops);
    assert.equal(streamed(cut(text, next), stops), expected, `${JSON.stringify(stops)} in ${text}`);
    if (expected.stopped) stopped++;
  }
  assert.ok(stopped > 500 && stopped < 2900);
});

test('looking into each piece alone would be seen: a stop string across pieces', () => {
  const alone = (pieces: readonly string[], stop: string) => pieces.some((piece) => piece.includes(stop));
  assert.not(alone(['say EN', 'D now'], 'END'));
  assert.equal(streamed(['say EN', 'D now'], ['END']), { text: 'say ', stopped: true });
});

test('text is held back only while it could be the beginning of a stop string', () => {
  const matcher = new StopStrings(['\n\nUser:']);
  assert.is(matcher.push('hello'), 'hello');
  assert.is(matcher.push(' you\n'), ' you');
  assert.is(matcher.push('\n'), '');
  assert.is(matcher.push('\n'), '\n');
  assert.is(matcher.push('Us'), '');
  assert.is(matcher.push('ually'), '\n\nUsually');
  assert.is(matcher.push('\n\nUser: hi'), '');
  assert.ok(matcher.stopped);
  assert.is(matcher.push('more'), '');
  assert.is(matcher.flush(), '');
});

test('without stop strings everything passes at once', () => {
  assert.equal(streamed(['a', '', 'bc'], []), { text: 'abc', stopped: false });
});

test('a long stop string that almost matches all the time costs linear time', () => {
  const matcher = new StopStrings([`${'a'.repeat(1023)}b`]);
  const started = performance.now();
  const text = 'a'.repeat(200_000);
  assert.is(matcher.push(text).length + matcher.flush().length, text.length);
  // Quadratic time would be 2e8 comparisons; this is some 4e5.
  assert.ok(performance.now() - started < 2000);
});

test.run();
