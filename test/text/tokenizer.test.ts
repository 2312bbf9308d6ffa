import fc from 'fast-check';
import { parseTokenizer } from '../../src/text/tokenizer-kinds.ts';
import { allocated } from '../formats/allocations.ts';
import { assert, test } from '../harness.ts';
import { changed, LOSSLESS, NAMES, tokenizer, tokenizerFile } from './fixtures.ts';
import { lines, wellFormed } from './lines.ts';

const texts = lines(3, 1300).map(({ text }) => text);

/** Any text, well-formed or not. */
const anyText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 60 }).map((units) => String.fromCharCode(...units)),
);

for (const name of LOSSLESS) {
  test(`${name}: decoding what was encoded gives the text back (seed 3)`, () => {
    const of = tokenizer(name);
    const comesBack = (text: string, allowSpecial: boolean) =>
      of.decode(of.encode(text, { allowSpecial })) === wellFormed(text);
    for (const text of texts) assert.ok(comesBack(text, false) && comesBack(text, true), JSON.stringify(text));
    fc.assert(fc.property(anyText, fc.boolean(), comesBack), { seed: 3, numRuns: 300 });
  });
}

test('the round trip catches a normal form and a lost byte (seed 3)', () => {
  for (const name of ['qwen2', 'dropping'] as const) {
    const of = tokenizer(name);
    assert.ok(
      texts.some((text) => of.decode(of.encode(text)) !== wellFormed(text)),
      name,
    );
  }
});

test('a text is the same tokens whether its words were seen before or not', () => {
  const warm = tokenizer('foretoken-code');
  const text = texts.join(' ');
  const first = warm.encode(text);
  assert.equal(warm.encode(text), first);
  assert.equal(tokenizer('foretoken-code').encode(text), first);
});

test('what spells a special token stays text unless the caller allows it', () => {
  const of = tokenizer('llama3');
  const [begin, end] = [of.specialToken('<|begin|>')!, of.specialToken('<|endoftext|>')!];
  const text = 'a<|endoftext|><|begin|>';
  const specials = (allowSpecial?: boolean | 'all' | string[]) =>
    Array.from(of.encode(text, allowSpecial === undefined ? {} : { allowSpecial })).filter((id) => id >= begin);
  assert.equal(specials(), []);
  assert.equal(specials(false), []);
  assert.equal(specials([]), []);
  assert.equal(specials(true), [end, begin]);
  assert.equal(specials('all'), [end, begin]);
  assert.equal(specials(['<|begin|>']), [begin]);
  assert.is(of.decode(of.encode(text)), text);
  assert.throws(
    () => of.encode(text, { allowSpecial: ['<tool>'] }),
    (error: { code: string }) => error.code === 'tokenizer.special',
  );
});

for (const name of NAMES) {
  test(`${name}: no text forges a special token, however it is cut (seed 3)`, () => {
    const of = tokenizer(name);
    const special = of.addedTokens.filter((token) => token.special);
    const ids = new Set(special.map(({ id }) => id));
    for (const { content } of special) {
      for (const text of [
        content,
        ` ${content} `,
        `a${content}${content}b`,
        `${content}\ud800`,
        `▁${content}`,
        content.slice(1),
      ]) {
        const found = Array.from(of.encode(text)).filter((id) => ids.has(id) && id !== of.specialToken('<unk>'));
        assert.equal(found, [], JSON.stringify(text));
      }
      assert.ok(
        Array.from(of.encode(` ${content}`, { allowSpecial: true })).includes(of.specialToken(content)!),
        content,
      );
    }
  });
}

test('a special token that is also a whole piece of the vocabulary stays text unless allowed', () => {
  const of = changed('llama3', ({ model, added_tokens }) => {
    model.vocab.zebra = 644;
    added_tokens.push({ id: 644, content: 'zebra', special: true });
  });
  assert.not.ok(of.encode('zebra').includes(644));
  assert.equal(of.encode('zebra', { allowSpecial: true }), Int32Array.of(644));
});

test('added tokens that are not special are always found, the longest first', () => {
  const of = changed('gpt2', ({ added_tokens, model }) => {
    const first = Object.keys(model.vocab).length;
    for (const [i, content] of ['<a', '<a b', '<a b c>'].entries()) added_tokens.push({ id: first + i, content });
  });
  const added = (text: string) =>
    Array.from(of.encode(text))
      .filter((id) => id >= of.vocab - 3)
      .map((id) => of.decode([id]));
  assert.equal(added('<a b c><a b c<ab<'), ['<a b c>', '<a b', '<a']);
  assert.is(of.decode(of.encode('<a b c><a b c<ab<')), '<a b c><a b c<ab<');
});

test('the ids that the file puts around a text are given, and added only on request', () => {
  const of = tokenizer('llama3');
  assert.equal(of.prefix, [of.specialToken('<|begin|>')]);
  assert.equal(of.suffix, []);
  assert.equal(Array.from(of.encode('hello', { addSpecial: true })), [...of.prefix, ...of.encode('hello')]);
  assert.equal(tokenizer('gpt2').prefix, []);
});

test('the bytes of a token are what it stands for: bytes of a text, or the content of an added token', () => {
  const of = tokenizer('qwen2');
  const text = 'Straße 123';
  const bytes = Array.from(of.encode(text)).flatMap((id) => Array.from(of.tokenBytes(id)));
  assert.equal(Uint8Array.from(bytes), new TextEncoder().encode(text));
  const added = of.addedTokens.find(({ content }) => content.normalize('NFC') === '<\u00e9>')!;
  assert.equal(of.tokenBytes(added.id), new TextEncoder().encode('<e\u0301>'));
  assert.equal(of.encode('<\u00e9>'), Int32Array.of(added.id));
});

test('ids of the model that have no token are legal, and stand for nothing', () => {
  const of = parseTokenizer(tokenizerFile('gpt2'), 'gpt2', 1000);
  assert.is(of.vocab, 1000);
  assert.is(of.tokenBytes(999).length, 0);
  assert.is(of.decode([...of.encode('one '), 999, ...of.encode('two')]), 'one two');
  assert.equal(of.encode('one two'), tokenizer('gpt2').encode('one two'));
});

test('tables are as large as the tokens are many, however large the vocabulary of the model', async () => {
  const taken = (vocab: number) => allocated(async () => parseTokenizer(tokenizerFile('gpt2'), 'gpt2', vocab));
  assert.is(await taken(2 ** 20), await taken(1000));
  assert.ok(
    (await allocated(async () => new Int32Array(2 ** 20))) > (await taken(1000)),
    'a table of it would be seen',
  );
});

test('an unpaired surrogate counts as U+FFFD', () => {
  const of = tokenizer('foretoken-code');
  assert.equal(of.encode('a\ud800b\udc00'), of.encode('a\ufffdb\ufffd'));
  assert.equal(of.encode('\ud83d\ude00'), of.encode('😀'));
});

test('an empty text is no tokens, and no tokens are an empty text', () => {
  for (const name of NAMES) {
    assert.is(tokenizer(name).encode('').length, 0);
    assert.is(tokenizer(name).decode([]), '');
  }
});

test.run();
