/** Following a copy with changes. Texts are written in letters: one letter is one token. */
import { CopyCursor } from '../../src/draft/copy-cursor.ts';
import { TokenIndex } from '../../src/draft/token-index.ts';
import { assert, test } from '../harness.ts';

/** A cursor that has seen a source and is told where the copy begins, after three tokens of it. */
function copying(source: string, copied: string) {
  const text = new TokenIndex(400);
  const cursor = new CopyCursor(text);
  for (const letter of `${source}|`) text.append(letter.charCodeAt(0));
  const write = (letters: string) => {
    for (const letter of letters) {
      text.append(letter.charCodeAt(0));
      cursor.read();
    }
  };
  write(copied.slice(0, 3));
  const start = text.matches().at(-1)!;
  cursor.offer(start);
  write(copied.slice(3));
  return { cursor, write };
}

/** What the cursor expects next: letters in order of share, and so on along the most likely ones. */
function expected(cursor: CopyCursor, count: number): string {
  let state = cursor.state;
  let text = '';
  while (state && text.length < count) {
    const [step] = cursor.steps(state).sort((a, b) => b.share - a.share);
    if (!step) break;
    text += String.fromCharCode(step.token);
    state = step.state;
  }
  return text;
}

test('a copy is expected to go on', () => {
  assert.is(expected(copying('abcdefghij', 'abcd').cursor, 4), 'efgh');
});

test('after a replaced token nothing is expected until one token agrees', () => {
  const { cursor, write } = copying('abcdefghijklm', 'abcd');
  write('X');
  assert.is(expected(cursor, 4), '');
  write('f');
  assert.is(expected(cursor, 4), 'ghij');
});

test('an inserted token and a left-out line are found again', () => {
  const { cursor, write } = copying('abcdefghijklmnopqrstuvwxyz', 'abcd');
  write('Xef');
  assert.is(expected(cursor, 3), 'ghi');
  write('g');
  write('op');
  assert.is(expected(cursor, 3), 'qrs');
});

test('a replacement is expected to be made again, of one token or of several', () => {
  const one = copying('a+x=b;c+x=d;e+x=f;', 'a+');
  one.write('');
  const { cursor, write } = copying('let x=b;use x=d;end x=f;', 'let ');
  write('Y');
  write('=b;');
  assert.is(expected(cursor, 12), 'use Y=d;end ');
  write('use Y');
  assert.is(expected(cursor, 7), '=d;end ');

  const several = copying('let foo=b;use foo=d;', 'let ');
  several.write('quux');
  several.write('=b;');
  assert.is(expected(several.cursor, 10), 'use quux=d');
  several.write('use q');
  assert.is(expected(several.cursor, 5), 'uux=d');
});

test('a replacement that is not made again loses its share', () => {
  const { cursor, write } = copying('let x=b;use x=d;end x=f;fin x=g;', 'let ');
  write('Y=b;use ');
  const shares = () => cursor.steps(cursor.state!).map(({ token, share }) => [String.fromCharCode(token), share]);
  assert.equal(shares(), [
    ['Y', 0.8],
    ['x', 1 - 0.8],
  ]);
  write('x=d;end ');
  assert.equal(shares(), [
    ['Y', 2 / 3.5],
    ['x', 1 - 2 / 3.5],
  ]);
  write('x=f;fin ');
  assert.is(expected(cursor, 3), 'x=g');
});

test('the cursor gives up when nothing agrees for long, and starts again with a longer match', () => {
  const { cursor, write } = copying('abcdefghij', 'abcd');
  write('X'.repeat(60));
  assert.is(cursor.state, undefined);
  cursor.offer({ next: 5, length: 2 });
  assert.is(cursor.state, undefined);
  cursor.offer({ next: 5, length: 3 });
  assert.is(expected(cursor, 2), 'fg');
  cursor.clear();
  assert.is(cursor.state, undefined);
});

test('a copy that is followed well is not left for a shorter match elsewhere', () => {
  const { cursor } = copying('abcdefghij', 'abcdefg');
  cursor.offer({ next: 1, length: 8 });
  assert.is(expected(cursor, 3), 'hij');
  cursor.offer({ next: 1, length: 14 });
  assert.is(expected(cursor, 3), 'bcd');
});

test('the end of the text ends the expectation', () => {
  const { cursor } = copying('abcdef', 'abcde');
  assert.is(expected(cursor, 20), 'f|abcde');
});

test.run();
