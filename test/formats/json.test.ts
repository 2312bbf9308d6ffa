/** The strict JSON reader against JSON.parse, and what it refuses beyond it. */
import fc from 'fast-check';
import { ForetokenError } from '../../src/errors.ts';
import { type JsonLimits, type JsonValue, parseJson } from '../../src/formats/json.ts';
import { assert, random, randomInt, test } from '../harness.ts';

const encoder = new TextEncoder();

function parse(text: string, limits?: JsonLimits): JsonValue {
  return parseJson(encoder.encode(text), 'sample', limits);
}

/** The form that JSON.parse gives, to compare with; `__proto__` becomes a property of its own. */
function plain(value: JsonValue): unknown {
  if (value instanceof Map) {
    const object: Record<string, unknown> = {};
    for (const [name, item] of value) {
      Object.defineProperty(object, name, { value: plain(item), enumerable: true, configurable: true, writable: true });
    }
    return object;
  }
  return Array.isArray(value) ? value.map(plain) : value;
}

function refusal(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    assert.instance(error, ForetokenError);
    assert.is((error as ForetokenError).code, 'file.json');
    return (error as ForetokenError).message;
  }
  return '';
}

/** Checks that `read` gives what JSON.parse gives. @returns the smallest text on which it does not, or undefined */
function difference(read: (text: string) => JsonValue): string | undefined {
  const { failed, counterexample } = fc.check(
    fc.property(fc.jsonValue({ stringUnit: 'grapheme' }), fc.nat(3), (value, indent) => {
      const text = JSON.stringify(value, null, indent);
      assert.equal(plain(read(text)), JSON.parse(text));
    }),
    { seed: 1, numRuns: 300 },
  );
  return failed ? JSON.stringify(counterexample![0]) : undefined;
}

test('every JSON text reads as JSON.parse reads it (seed 1)', () => {
  assert.is(difference(parse), undefined);
});

test('a reader that drops a sign, an escape or a word is seen (seed 1)', () => {
  for (const [fault, replacement] of [
    ['-', ''],
    ['\\', ''],
    ['null', '0'],
  ] as const) {
    assert.is.not(
      difference((text) => parse(text.replaceAll(fault, replacement))),
      undefined,
      fault,
    );
  }
});

/** Texts with a character exchanged or added that JSON.parse refuses. @returns how many there were, and the first that `read` accepts */
function accepted(read: (text: string) => JsonValue): { texts: number; wrong: string | undefined } {
  const text = '{"a":[1,-2.5e+3,true,null,"x\\u00e9\\n"],"b":{"c":[],"d":{}},"é":0}';
  const next = random(2);
  const inserts = ['', ',', '"', '{', ']', ':', '\\', '0', '.', 'e', '-', 'n', ' ', '\n', '\0', '\ud800', '/'];
  const result: { texts: number; wrong: string | undefined } = { texts: 0, wrong: undefined };
  for (let run = 0; run < 3000; run++) {
    const at = randomInt(next, text.length);
    const changed = text.slice(0, at) + inserts[randomInt(next, inserts.length)] + text.slice(at + randomInt(next, 2));
    try {
      JSON.parse(changed);
      continue;
    } catch {
      result.texts++;
    }
    if (refusal(() => read(changed)) === '') result.wrong ??= changed;
  }
  return result;
}

test('what JSON.parse refuses is refused, whatever character is changed or added (seed 2)', () => {
  const { texts, wrong } = accepted(parse);
  assert.is(wrong, undefined);
  assert.ok(texts > 1000, `${texts} texts were refused`);
});

test('a reader that forgives trailing commas is seen (seed 2)', () => {
  assert.is.not(accepted((text) => parse(text.replace(/,(?=[\]}])/, ''))).wrong, undefined);
});

test('objects keep the order of the text and know no prototype', () => {
  const object = parse('{"b": 1, "10": 2, "__proto__": {"x": 3}, "a": 4}') as Map<string, JsonValue>;
  assert.equal([...object.keys()], ['b', '10', '__proto__', 'a']);
  assert.is(object.get('constructor'), undefined);
  assert.is(({} as { x?: number }).x, undefined);
});

const refused: [title: string, text: string | Uint8Array, message: RegExp, limits?: JsonLimits][] = [
  ['nothing', '', /expected a value, got the end/],
  ['white space only', ' \n', /expected a value, got the end/],
  ['a second value', '{} {}', /expected the end, got "{}"/],
  ['a name given twice', '{"a": 1, "a": 2}', /the name "a" is given twice, at character 12/],
  ['a name given twice, once escaped', '{"a": 1, "\\u0061": 2}', /given twice/],
  ['a byte order mark', '\ufeff{}', /byte order mark/],
  ['a byte that is not UTF-8', Uint8Array.of(0x22, 0xff, 0x22), /not valid UTF-8/],
  ['an encoded surrogate', Uint8Array.of(0x22, 0xed, 0xa0, 0x80, 0x22), /not valid UTF-8/],
  ['an overlong encoding', Uint8Array.of(0x22, 0xc0, 0xaf, 0x22), /not valid UTF-8/],
  ['UTF-16', Uint8Array.of(0x7b, 0, 0x7d, 0), /expected/],
  ['an unpaired surrogate', '"\\ud800"', /unpaired surrogate/],
  ['a reversed pair of surrogates', '"\\udc00\\ud800"', /unpaired surrogate/],
  ['an unknown escape', '"\\x41"', /unknown escape/],
  ['a raw line break in a string', '"a\nb"', /the end of a string/],
  ['a string without end', '"abc', /the end of a string, got the end/],
  ['a string that ends in a backslash', '"abc\\', /the end of a string/],
  ['a number that overflows', '[1e400]', /the number "1e400" is too large/],
  ['a leading zero', '[01]', /expected "," or "\]", got "1\]"/],
  ['a leading plus', '[+1]', /expected a value/],
  ['a point without digits', '[1.]', /expected "," or "\]"/],
  ['NaN', '{"a": NaN}', /expected a value, got "NaN}"/],
  ['Infinity', '-Infinity', /expected a value/],
  ['a trailing comma', '[1,]', /expected a value, got "\]"/],
  ['a comment', '{} // x', /expected the end/],
  ['single quotes', "{'a': 1}", /a name in double quotes/],
  ['a name without value', '{"a"}', /expected ":"/],
  ['arrays nested 65 deep', '['.repeat(65) + ']'.repeat(65), /nested deeper than 64/],
  ['a million brackets', '['.repeat(1e6), /nested deeper than 64/],
  ['too many values', '[1,2,3]', /too many values/, { values: 3 }],
  ['too many bytes', '[1,2,3]', /7 bytes, expected at most 6/, { bytes: 6 }],
  ['a web page', '<!doctype html>', /expected a value, got "<!doctype ht"/],
];

for (const [title, text, message, limits] of refused) {
  test(`${title}: refused`, () => {
    const bytes = typeof text === 'string' ? encoder.encode(text) : text;
    assert.match(
      refusal(() => parseJson(bytes, 'sample', limits)),
      message,
    );
  });
}

test('limits are reached exactly: 64 levels, the values allowed', () => {
  assert.ok(Array.isArray(parse('['.repeat(64) + ']'.repeat(64))));
  assert.equal(parse('[1,2,3]', { values: 4, bytes: 7 }), [1, 2, 3]);
});

test.run();
