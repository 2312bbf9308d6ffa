import { endOfRun, kindAt, kindOf, LETTER, NUMBER, OTHER, SPACE } from '../../src/text/unicode.ts';
import { assert, test } from '../harness.ts';
import { answers, sha256 } from './fixtures.ts';

const ALL = 0x110000;

test(`every code point has the kind that tokenizers ${answers.tokenizers} gives it`, () => {
  const kinds = Uint8Array.from({ length: ALL }, (_, codePoint) => kindOf(codePoint));
  assert.is(sha256(kinds), answers.kinds);

  kinds[0x1c89] = OTHER; // planted: a letter of Unicode 16
  assert.is.not(sha256(kinds), answers.kinds);
});

test('letters, numbers and white space are those of Unicode 16.0', () => {
  const all = Array.from({ length: ALL }, (_, codePoint) => kindOf(codePoint));
  const count = (kind: number) => all.filter((other) => other === kind).length;
  assert.equal([LETTER, NUMBER, SPACE].map(count), [141_028, 1911, 25]);
});

test('white space is the property White_Space: NEL is, the byte order mark is not', () => {
  const spaces = [0x09, 0x0d, 0x20, 0x85, 0xa0, 0x1680, 0x2000, 0x200a, 0x2028, 0x2029, 0x202f, 0x205f, 0x3000];
  for (const codePoint of spaces) assert.is(kindOf(codePoint), SPACE, codePoint.toString(16));
  for (const codePoint of [0x08, 0x0e, 0x180e, 0x200b, 0xfeff])
    assert.is(kindOf(codePoint), OTHER, codePoint.toString(16));
});

test('a run ends before the first character of another kind, counts characters, and never passes the end', () => {
  const text = 'a𝐀é1½ ';
  assert.is(endOfRun(text, 0, LETTER), 4);
  assert.is(endOfRun(text, 0, LETTER, 2), 3);
  assert.is(endOfRun(text, 4, NUMBER), 6);
  assert.is(endOfRun(text, 4, NUMBER | SPACE), 7);
  assert.is(endOfRun(text, 4, LETTER), 4);
  assert.is(kindAt(text, 7), 0);
});

test.run();
