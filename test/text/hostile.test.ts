import { ForetokenError } from '../../src/errors.ts';
import { Fields } from '../../src/formats/fields.ts';
import type { JsonValue } from '../../src/formats/json.ts';
import { parseTokenizer } from '../../src/text/tokenizer-kinds.ts';
import { readMerges, readSpellings } from '../../src/text/vocabulary.ts';
import { assert, test } from '../harness.ts';
import { changed, GPT2, type Json, set, tokenizer, tokenizerFile } from './fixtures.ts';

type Change = (file: Json) => void;

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof ForetokenError) {
      assert.ok(error.message.length < 400, `a message of ${error.message.length} characters`);
      return error.code;
    }
    throw error;
  }
  return 'none';
}

const remove = (name: string): Change => set(name, undefined);
const addToken =
  (entry: object): Change =>
  ({ added_tokens }) =>
    added_tokens.push({ id: 560, content: '<new>', ...entry });
const merge =
  (entry: unknown): Change =>
  ({ model }) =>
    model.merges.push(entry);
const split = (pattern: unknown, more: object = {}): Change =>
  set('pre_tokenizer', {
    type: 'Sequence',
    pretokenizers: [{ type: 'Split', pattern, behavior: 'Isolated', invert: false, ...more }, { type: 'ByteLevel' }],
  });
const template = (single: object[], ids: unknown[] = [0]): Change =>
  set('post_processor', {
    type: 'TemplateProcessing',
    single,
    special_tokens: { '<s>': { id: '<s>', ids, tokens: ['<s>'] } },
  });

const TEXT = { Sequence: { id: 'A', type_id: 0 } };
const MARK = { SpecialToken: { id: '<s>', type_id: 0 } };

/** Changes to gpt2.json, whose 560 tokens have the ids 0..559. */
const CHANGES: Readonly<Record<string, readonly (readonly [string, Change])[]>> = {
  'tokenizer.type': [
    ['the model is a list', set('model', [])],
    ['the vocabulary is a list', set('model.vocab', ['a'])],
    ['an id is a string', set('model.vocab.a', '64')],
    ['an id is null', set('model.vocab.a', null)],
    ['the merges are an object', set('model.merges', {})],
    ['the merges are missing', remove('model.merges')],
    ['the added tokens are an object', set('added_tokens', {})],
    ['an added token is a string', set('added_tokens.0', '<|endoftext|>')],
    ['an added content is a number', addToken({ content: 1 })],
    ['special is a string', addToken({ special: 'yes' })],
    ['the pre-tokenizer is a string', set('pre_tokenizer', 'ByteLevel')],
    ['a type is a number', set('decoder.type', 1)],
    ['ignore_merges is a number', set('model.ignore_merges', 1)],
    ['a template without a list', set('post_processor', { type: 'TemplateProcessing', special_tokens: {} })],
  ],
  'tokenizer.missing': [
    ['no model', remove('model')],
    ['no vocabulary', remove('model.vocab')],
    ['no decoder', set('decoder', null)],
    ['no pre-tokenizer', set('pre_tokenizer', null)],
    ['an added token without content', addToken({ content: undefined })],
    ['an added token without an id', addToken({ id: undefined })],
    ['a split without a pattern', split(null)],
    ['a template that names no known token', template([{ SpecialToken: { id: '</s>' } }, TEXT])],
  ],
  'tokenizer.range': [
    ['an id of -1', set('model.vocab.a', -1)],
    ['an id of 1.5', set('model.vocab.a', 1.5)],
    ['an id of 2^53', set('model.vocab.a', 2 ** 53)],
    ['an id of 2^20', set('model.vocab.a', 2 ** 20)],
    ['a token of no characters', set('model.vocab.', 560)],
    ['an added id of -1', addToken({ id: -1 })],
    ['an added id of 1e300', addToken({ id: 1e300 })],
    ['an added token of no characters', addToken({ content: '' })],
    ['an added token of 129 units', addToken({ content: 'x'.repeat(129) })],
    ['an unknown token that does not exist', set('model.unk_token', '<unk>')],
    ['a template with an id beyond the vocabulary', template([MARK, TEXT], [560])],
    ['a template with an id that is a string', template([MARK, TEXT], ['0'])],
  ],
  'tokenizer.unsupported': [
    ['another version', set('version', '2.0')],
    ['another model', set('model.type', 'Unigram')],
    ['a random model', set('model.dropout', 0.1)],
    ['byte fallback', set('model.byte_fallback', true)],
    ['a prefix of parts of words', set('model.continuing_subword_prefix', '##')],
    ['a suffix of words', set('model.end_of_word_suffix', '</w>')],
    ['another decoder', set('decoder.type', 'Metaspace')],
    ['another normaliser', set('normalizer', { type: 'Lowercase' })],
    ['another normaliser in a sequence', set('normalizer', { type: 'Sequence', normalizers: [{ type: 'NFKC' }] })],
    ['another pre-tokenizer', set('pre_tokenizer', { type: 'Metaspace' })],
    ['an unknown pattern', split({ Regex: '\\w+|\\s+' })],
    ['a pattern that takes exponential time', split({ Regex: '(a+)+$' })],
    ['a pattern that is a string', split({ String: ' ' })],
    ['a pattern of another type', split({ Regex: 1 })],
    ['another behaviour', split({ Regex: '\\s+' }, { behavior: 'MergedWithNext' })],
    [
      'an unknown stage',
      set('pre_tokenizer', { type: 'Sequence', pretokenizers: [{ type: 'Punctuation' }, { type: 'ByteLevel' }] }),
    ],
    ['a sequence of nothing', set('pre_tokenizer', { type: 'Sequence', pretokenizers: [] })],
    [
      'a stage after the bytes',
      set('pre_tokenizer', { type: 'Sequence', pretokenizers: [{ type: 'ByteLevel' }, { type: 'Digits' }] }),
    ],
    [
      'bytes of bytes',
      set('pre_tokenizer', { type: 'Sequence', pretokenizers: [{ type: 'ByteLevel' }, { type: 'ByteLevel' }] }),
    ],
    ['whole words only', addToken({ single_word: true })],
    ['another post-processor', set('post_processor', { type: 'RobertaProcessing' })],
    ['a template without the text', template([MARK])],
    ['a template with the text twice', template([TEXT, MARK, TEXT])],
  ],
  'tokenizer.duplicate': [
    ['two tokens with one id', ({ model }) => void (model.vocab.a = model.vocab.b)],
    ['an added token with the id of another token', addToken({ id: 5 })],
    [
      'two added tokens with one id',
      ({ added_tokens }) => added_tokens.push({ id: 560, content: '<x>' }, { id: 560, content: '<y>' }),
    ],
    [
      'two added tokens with one content',
      ({ added_tokens }) => added_tokens.push({ id: 560, content: '<x>' }, { id: 561, content: '<x>' }),
    ],
    ['an added token that has another id in the vocabulary', addToken({ content: 'a' })],
  ],
  'tokenizer.gap': [
    ['an id far beyond the others', set('model.vocab.<far>', 1_000_000)],
    ['an added id far beyond the others', addToken({ id: 1_000_000 })],
    ['a token taken out', ({ model }) => delete model.vocab['<|endoftext|>'] && delete model.vocab['!']],
  ],
  'tokenizer.vocab': [
    [
      'no tokens at all',
      (file) => Object.assign(file, { added_tokens: [], model: { ...file.model, vocab: {}, merges: [] } }),
    ],
  ],
  'tokenizer.merge': [
    ['a merge of a token that does not exist', merge('a ∞')],
    ['a merge into a token that does not exist', merge('~ ~')],
    ['a merge of an added token', (file) => [addToken({})(file), merge(['<new>', 'a'])(file)]],
    ['a merge of one part', merge('a')],
    ['a merge of three parts', merge('a b c')],
    ['a merge of two spaces', merge('a  b')],
    ['a merge of nothing', merge('')],
    ['a merge of a token and nothing', merge(['a', ''])],
    ['a merge of three tokens', merge(['a', 'b', 'c'])],
    ['a merge of numbers', merge([1, 2])],
    ['a merge that is null', merge(null)],
    ['the header of a merges.txt', ({ model }) => model.merges.unshift('#version: 0.2')],
    ['a merge that is there twice', ({ model }) => model.merges.push(model.merges[7])],
  ],
};

test('the file that is changed loads, as do changes of each kind that are right', () => {
  const right: readonly Change[] = [
    () => {},
    addToken({}),
    split({ Regex: GPT2 }),
    template([MARK, TEXT]),
    set('model.unk_token', 'a'),
  ];
  for (const change of right)
    assert.is(
      codeOf(() => changed('gpt2', change)),
      'none',
    );
});

for (const [code, changes] of Object.entries(CHANGES)) {
  test(`${changes.length} hostile tokenizers are refused with ${code}`, () => {
    for (const [title, change] of changes)
      assert.is(
        codeOf(() => changed('gpt2', change)),
        code,
        title,
      );
  });
}

/** Changes to llama2.json, which merges characters. */
const PIECES: Readonly<Record<string, readonly (readonly [string, Change])[]>> = {
  'tokenizer.unsupported': [
    ['whole pieces before merges', set('model.ignore_merges', true)],
    ['a replacement by a regular expression', set('normalizer.normalizers.1.pattern', { Regex: ' +' })],
    ['a replacement of nothing', set('normalizer.normalizers.1.pattern', { String: '' })],
    ['another normaliser', set('normalizer.normalizers.0', { type: 'NFKC' })],
    ['another space', set('pre_tokenizer', { type: 'Metaspace', replacement: '_' })],
    ['another scheme', set('pre_tokenizer', { type: 'Metaspace', replacement: '▁', prepend_scheme: 'last' })],
    [
      'a prefix that is not one',
      set('pre_tokenizer', { type: 'Metaspace', replacement: '▁', prepend_scheme: 'first', add_prefix_space: false }),
    ],
    ['another split', set('pre_tokenizer', { type: 'Split', pattern: { String: ' ' }, behavior: 'Isolated' })],
    [
      'a split by a regular expression',
      set('pre_tokenizer', { type: 'Split', pattern: { Regex: ' ' }, behavior: 'MergedWithPrevious' }),
    ],
    ['another pre-tokenizer', set('pre_tokenizer', { type: 'Digits' })],
    ['a decoder that only fuses', set('decoder', { type: 'Fuse' })],
    ['decoders in another order', ({ decoder }) => decoder.decoders.reverse()],
    ['a decoder of another space', set('decoder.decoders.0.content', '_')],
    ['a decoder that strips letters', set('decoder.decoders.3.content', 'a')],
    ['a decoder that strips before it fuses', ({ decoder }) => decoder.decoders.splice(2, 1)],
  ],
  'tokenizer.range': [
    ['a long prefix', set('normalizer.normalizers.0.prepend', 'x'.repeat(129))],
    ['a decoder that strips the end', set('decoder.decoders.3.stop', 1)],
    ['an unknown token that does not exist', set('model.unk_token', '<none>')],
  ],
  'tokenizer.type': [['a pattern that is a list', set('normalizer.normalizers.1.pattern', [])]],
  'tokenizer.merge': [['a merge of a token that does not exist', merge('a ∞')]],
};

for (const [code, changes] of Object.entries(PIECES)) {
  test(`${changes.length} hostile tokenizers over characters are refused with ${code}`, () => {
    for (const [title, change] of changes)
      assert.is(
        codeOf(() => changed('llama2', change)),
        code,
        title,
      );
  });
}

test('bytes that are not strict JSON are refused with file.json', () => {
  const text = new TextDecoder().decode(tokenizerFile('gpt2'));
  const texts = [
    '',
    '{',
    `\ufeff${text}`,
    `${text}x`,
    text.replace('"a":', '"b":'),
    text.replace('"a":', '"\\ud800":'),
    'PK\u0003\u0004',
  ];
  for (const hostile of texts)
    assert.is(
      codeOf(() => parseTokenizer(new TextEncoder().encode(hostile))),
      'file.json',
    );
  const bytes = tokenizerFile('gpt2');
  bytes[100] = 0xff;
  assert.is(
    codeOf(() => parseTokenizer(bytes)),
    'file.json',
  );
  for (const other of ['[]', 'null', '7', '"BPE"']) {
    assert.is(
      codeOf(() => parseTokenizer(new TextEncoder().encode(other))),
      'tokenizer.type',
      other,
    );
  }
});

test('more tokens than the model has, or than any file may have, are refused with tokenizer.vocab', () => {
  assert.is(
    codeOf(() => parseTokenizer(tokenizerFile('gpt2'), 'gpt2', 559)),
    'tokenizer.vocab',
  );
  const many = new Map<string, JsonValue>([
    ['vocab', new Map(Array.from({ length: 2 ** 20 + 1 }, (_, id) => [`${id}`, id]))],
  ]);
  assert.is(
    codeOf(() => readSpellings(new Fields(many, 'tokenizer', 'test'))),
    'tokenizer.vocab',
  );
});

test('more merges than any file may have are refused with tokenizer.merge, before they are read', () => {
  const many = new Map<string, JsonValue>([['merges', new Array(2 ** 21 + 1)]]);
  assert.is(
    codeOf(() => readMerges(new Fields(many, 'tokenizer', 'test'), new Map(), 1)),
    'tokenizer.merge',
  );
});

test('what is odd and legal loads: names of the language, older forms, settings that touch no token', () => {
  const odd: readonly (readonly [string, Change])[] = [
    [
      'a token called __proto__',
      ({ model }) => void Object.defineProperty(model.vocab, '__proto__', { value: 560, enumerable: true }),
    ],
    ['an added token called constructor', addToken({ content: 'constructor' })],
    [
      'truncation and padding',
      (file) => Object.assign(file, { truncation: { max_length: 4 }, padding: { length: 9 } }),
    ],
    ['no normaliser in a sequence', set('normalizer', { type: 'Sequence', normalizers: [] })],
    [
      'empty prefix and suffix',
      (file) => Object.assign(file.model, { continuing_subword_prefix: '', end_of_word_suffix: '' }),
    ],
    ['no added tokens', remove('added_tokens')],
    ['no version', remove('version')],
    ['a dropout of 0', set('model.dropout', 0)],
    ['merges as pairs', ({ model }) => void (model.merges = model.merges.map((pair: string) => pair.split(' ')))],
  ];
  const text = "It's the first token, 12345 of them.";
  const expected = tokenizer('gpt2').encode(text);
  for (const [title, change] of odd) assert.equal(changed('gpt2', change).encode(text), expected, title);
});

test('a call with what is not a text, a token or a special token is refused, and the tokenizer goes on', () => {
  const of = tokenizer('foretoken-code');
  for (const text of [undefined, null, 7, {}, ['a'], Symbol('a')]) {
    assert.is(
      codeOf(() => of.encode(text as string)),
      'option.type',
    );
  }
  for (const id of [-1, of.vocab, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, '1', null, undefined]) {
    assert.is(
      codeOf(() => of.decode([id as number])),
      'tokenizer.token',
      String(id),
    );
    assert.is(
      codeOf(() => of.tokenBytes(id as number)),
      'tokenizer.token',
      String(id),
    );
  }
  assert.is(
    codeOf(() => of.encode('a', { allowSpecial: ['<|endoftext|>', 'a'] })),
    'tokenizer.special',
  );
  assert.is(of.decode(of.encode('still here')), 'still here');
});

test.run();
