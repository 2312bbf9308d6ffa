import fc from 'fast-check';
import { Fields } from '../../src/formats/fields.ts';
import { parseJson } from '../../src/formats/json.ts';
import { readSplitter, type Splitter } from '../../src/text/splitter.ts';
import { assert, test } from '../harness.ts';
import { GPT2 } from './fixtures.ts';
import { lines, wellFormed } from './lines.ts';

/** The three patterns as JavaScript has to write them: \s is White_Space, case folding is spelled out. */
const SPACE = '\\p{White_Space}';
const TAIL = `${SPACE}+(?!\\P{White_Space})|${SPACE}+`;
const SYMBOLS = `[^${SPACE}\\p{L}\\p{N}]+`;
const llama3 = (number: string) =>
  `'(?:[sSſtTmMdD]|[rRvV][eE]|[lL][lL])|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|${number}| ?${SYMBOLS}[\\r\\n]*|${SPACE}*[\\r\\n]+|${TAIL}`;
const REFERENCES: Readonly<Record<string, RegExp>> = {
  gpt2: new RegExp(`'(?:[stmd]|re|ve|ll)| ?\\p{L}+| ?\\p{N}+| ?${SYMBOLS}|${TAIL}`, 'gu'),
  llama3: new RegExp(llama3('\\p{N}{1,3}'), 'gu'),
  qwen2: new RegExp(llama3('\\p{N}'), 'gu'),
};

/** The patterns as the files have them. */
const file = (number: string) =>
  `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|${number}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`;
const BYTE_LEVEL = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false };

function splitter(description: object): Splitter {
  const bytes = new TextEncoder().encode(JSON.stringify(description));
  return readSplitter(new Fields(parseJson(bytes, 'test'), 'tokenizer', 'test'));
}

function split(pattern: string, more: object = {}): Splitter {
  const stage = { type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated', invert: false, ...more };
  return splitter({ type: 'Sequence', pretokenizers: [stage, BYTE_LEVEL] });
}

const SPLITTERS: Readonly<Record<string, Splitter>> = {
  gpt2: splitter({ ...BYTE_LEVEL, use_regex: true }),
  llama3: split(file('\\p{N}{1,3}')),
  qwen2: split(file('\\p{N}')),
};

function pieces(split: Splitter, text: string): string[] {
  const found: string[] = [];
  if (text !== '') split(text, (piece) => found.push(piece), true);
  return found;
}

/** Text made of what the patterns tell apart, and of any characters whose kind has been settled for long. */
const texts = fc.string({
  unit: fc.oneof(
    fc.constantFrom(
      "'",
      's',
      'S',
      'ſ',
      're',
      'Ve',
      'lL',
      'é',
      '一',
      '𝐀',
      '1',
      '٣',
      '½',
      ' ',
      '  ',
      '\t',
      '\n',
      '\r',
      '\r\n',
      '\u0085',
      '\ufeff',
      '\u3000',
      '.',
      '{',
      '—',
      '😀',
      '\u0301',
    ),
    fc.integer({ min: 0, max: 0x52f }).map((codePoint) => String.fromCodePoint(codePoint)),
  ),
  maxLength: 40,
});

for (const [name, reference] of Object.entries(REFERENCES)) {
  test(`the scanner of ${name} cuts as its regular expression does (seed 7 and 2000 lines)`, () => {
    const property = fc.property(texts, (text) => {
      assert.equal(pieces(SPLITTERS[name]!, text), text.match(reference) ?? []);
    });
    fc.assert(property, { seed: 7, numRuns: 4000 });
    for (const { text } of lines(7, 2000)) {
      assert.equal(pieces(SPLITTERS[name]!, wellFormed(text)), wellFormed(text).match(reference) ?? []);
    }
  });
}

test('the comparison catches a scanner of another pattern (seed 7)', () => {
  for (const [scanner, pattern] of [
    ['llama3', 'qwen2'],
    ['qwen2', 'gpt2'],
    ['gpt2', 'llama3'],
  ] as const) {
    const property = fc.property(texts, (text) => {
      assert.equal(pieces(SPLITTERS[scanner]!, text), text.match(REFERENCES[pattern]!) ?? []);
    });
    assert.throws(() => fc.assert(property, { seed: 7, numRuns: 4000 }), /Property failed/);
  }
});

test('white space leaves one space to the word after it', () => {
  assert.equal(pieces(SPLITTERS.gpt2!, 'a   b  '), ['a', '  ', ' b', '  ']);
  assert.equal(pieces(SPLITTERS.llama3!, 'a \n  \n   b'), ['a', ' \n  \n', '  ', ' b']);
  assert.equal(pieces(SPLITTERS.llama3!, 'x;\r\n\ty'), ['x', ';\r\n', '\ty']);
});

test('digits are cut one by one or run by run, by the numbers of all scripts', () => {
  const digits = (individual_digits: boolean) =>
    splitter({ type: 'Sequence', pretokenizers: [{ type: 'Digits', individual_digits }, BYTE_LEVEL] });
  assert.equal(pieces(digits(true), 'a12 ½٣b'), ['a', '1', '2', ' ', '½', '٣', 'b']);
  assert.equal(pieces(digits(false), 'a12 ½٣b'), ['a', '12', ' ', '½٣', 'b']);
});

test('a prefix space goes in front of every part that has none', () => {
  const prefixed = { ...BYTE_LEVEL, add_prefix_space: true, use_regex: true };
  const digits = { type: 'Digits', individual_digits: true };
  assert.equal(pieces(splitter(prefixed), 'a b'), [' a', ' b']);
  assert.equal(pieces(splitter(prefixed), ' a'), [' a']);
  assert.equal(pieces(splitter({ type: 'Sequence', pretokenizers: [digits, prefixed] }), 'a1 b'), [' a', ' 1', ' b']);
});

test('a pattern may be stated as GPT-2 text, or as what is kept of an inverted removal', () => {
  const text = "it's 1234 \n{}  x";
  assert.equal(pieces(split(GPT2), text), pieces(SPLITTERS.gpt2!, text));
  const kept = split(file('\\p{N}'), { behavior: 'Removed', invert: true });
  assert.equal(pieces(kept, text), pieces(SPLITTERS.qwen2!, text));
});

test.run();
