/** Tokenizers by the optional peer: its ids, our promises of special tokens and whole characters. */
import { Tokenizer as Peer } from '@huggingface/tokenizers';
import { load } from '../../src/index.ts';
import { parseJson } from '../../src/formats/json.ts';
import { type PeerTokenizer, peerTokenizer } from '../../src/peer-tokenizer.ts';
import { rejection } from '../codes.ts';
import { assert, test } from '../harness.ts';
import { type Json, tokenizerFile } from './fixtures.ts';
import { lines, wellFormed } from './lines.ts';

const LETTERS = [...'abcdefghijklmnopqrstuvwxyz'];
const special = (id: number, content: string) => ({
  ...{ id, content, special: true, normalized: false, single_word: false, lstrip: false, rstrip: false },
});
const around = (before: [string, number], after: [string, number]) => ({
  type: 'TemplateProcessing',
  single: [
    { SpecialToken: { id: before[0], type_id: 0 } },
    { Sequence: { id: 'A', type_id: 0 } },
    { SpecialToken: { id: after[0], type_id: 0 } },
  ],
  pair: [],
  special_tokens: Object.fromEntries([before, after].map(([id, n]) => [id, { id, ids: [n], tokens: [id] }])),
});

/** As BERT's. */
const words = [
  '[PAD]',
  '[UNK]',
  '[CLS]',
  '[SEP]',
  ...LETTERS,
  ...LETTERS.map((letter) => `##${letter}`),
  'the',
  '##ing',
  '[',
  ']',
  '.',
];
const WORD_PIECE = {
  version: '1.0',
  added_tokens: words.slice(0, 4).map((content, id) => special(id, content)),
  normalizer: {
    type: 'BertNormalizer',
    clean_text: true,
    handle_chinese_chars: true,
    strip_accents: null,
    lowercase: true,
  },
  pre_tokenizer: { type: 'BertPreTokenizer' },
  post_processor: around(['[CLS]', 2], ['[SEP]', 3]),
  decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
  model: {
    ...{ type: 'WordPiece', unk_token: '[UNK]', continuing_subword_prefix: '##', max_input_chars_per_word: 100 },
    vocab: Object.fromEntries(words.map((word, id) => [word, id])),
  },
};

const BYTES = Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`);
/** As T5's and XLM-R's, with tokens of bytes; `<s>` could be made of a text by the model, too. */
const pieces = ['<unk>', '<s>', '</s>', ...BYTES, '▁', ...LETTERS, '▁the', 'ing', '<', '>', '/'];
const UNIGRAM = {
  version: '1.0',
  added_tokens: pieces.slice(0, 3).map((content, id) => special(id, content)),
  normalizer: null,
  pre_tokenizer: { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: true },
  post_processor: around(['<s>', 1], ['</s>', 2]),
  decoder: {
    type: 'Sequence',
    decoders: [
      { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
      { type: 'ByteFallback' },
      { type: 'Fuse' },
      { type: 'Strip', content: ' ', start: 1, stop: 0 },
    ],
  },
  model: {
    type: 'Unigram',
    unk_id: 0,
    byte_fallback: false,
    vocab: pieces.map((piece, id) => [piece, id < 259 ? 0 : -piece.length]),
  },
};

const FILES: Readonly<Record<string, Json>> = { WordPiece: WORD_PIECE, Unigram: UNIGRAM };
const jsonOf = (file: Json) => parseJson(new TextEncoder().encode(JSON.stringify(file)), 'x.json');
const read = async (file: Json, vocab = 400) =>
  (await peerTokenizer({ json: jsonOf(file), name: 'x.json' }, vocab)) as PeerTokenizer;
const texts = lines(12, 400).map(({ text }) => text);

for (const [name, file] of Object.entries(FILES)) {
  test(`${name}: ids are the peer's, with and without those around a text (seed 12)`, async () => {
    const of = await read(file);
    const peer = new Peer(file, {});
    assert.is(of.kind, `${name}, by @huggingface/tokenizers`);
    for (const text of ['the thing', ...texts.map(wellFormed)]) {
      const expected = (add: boolean) => (text === '' ? [] : peer.encode(text, { add_special_tokens: add }).ids);
      assert.equal([...of.encode(text)], expected(false), JSON.stringify(text));
      if (text !== '') assert.equal([...of.encode(text, { addSpecial: true })], expected(true), JSON.stringify(text));
    }
  });

  test(`${name}: what spells a special token stays text unless allowed, and the peer alone would be fooled`, async () => {
    const of = await read(file);
    const ids = new Set(of.addedTokens.map(({ id }) => id));
    const unknown = file.model.unk_id ?? file.model.vocab[file.model.unk_token];
    const found = (encoded: ArrayLike<number>) => Array.from(encoded).filter((id) => ids.has(id) && id !== unknown);
    for (const { content, id } of of.addedTokens.filter((token) => token.id !== unknown)) {
      for (const text of [content, ` ${content}`, `the${content}the`, `${content}${content}`]) {
        assert.equal(found(of.encode(text)), [], JSON.stringify(text));
        assert.equal(new Set(found(of.encode(text, { allowSpecial: [content] }))), new Set([id]));
        assert.ok(found(new Peer(file, {}).encode(text, { add_special_tokens: false }).ids).includes(id));
      }
      const other = of.addedTokens.find((token) => token.id !== unknown && token.id !== id)!;
      assert.equal(found(of.encode(`${content}${other.content}`, { allowSpecial: [other.content] })), [other.id]);
    }
  });

  test(`${name}: pieces, joined, are the text that goes on; none ends inside a character (seed 12)`, async () => {
    const of = await read(file);
    for (const text of [...texts.slice(0, 80), 'the thing '.repeat(60), '😀é'.repeat(40)]) {
      const ids = of.encode(text);
      const stream = of.detokenizer();
      const streamed = Array.from(ids, (id) => stream.push(id));
      for (const piece of streamed) assert.not.ok(/[\ud800-\udbff]$/.test(piece));
      const whole = streamed.join('') + stream.flush();
      assert.is(whole.replace(/^ /, ''), of.decode(ids), JSON.stringify(text));
    }
  });
}

test('half a character waits for the other half, in streams of bytes', async () => {
  const of = await read(UNIGRAM);
  const stream = of.detokenizer();
  const [space] = of.encode('a');
  const pushed = [space!, ...[0xe2, 0x82, 0xac].map((byte) => 3 + byte)].map((id) => stream.push(id));
  assert.equal(pushed, [' ', '', '', '€']);
  assert.is(stream.push(3 + 0xe2), '');
  assert.is(stream.flush(), '\ufffd');
  assert.is(stream.push(space!), ' ', 'a text begins anew');
});

test('files that the peer cannot read, and calls that are wrong, are refused with a code', async () => {
  assert.is(await rejection(read({ ...WORD_PIECE, model: { type: 'Other', vocab: {} } })), 'tokenizer.peer');
  assert.is(await rejection(read({ ...WORD_PIECE, added_tokens: 7 })), 'tokenizer.peer');
  assert.is(await rejection(read({ ...WORD_PIECE, model: null })), 'tokenizer.peer');
  assert.is(await rejection(read(WORD_PIECE, 5)), 'tokenizer.peer');
  const fallback = { ...UNIGRAM, model: { ...UNIGRAM.model, byte_fallback: true } };
  assert.is(await rejection(read(fallback)), 'tokenizer.peer', 'the peer would give the unknown token');
  const of = await read(WORD_PIECE);
  const code = (run: () => unknown) => rejection((async () => run())());
  assert.is(await code(() => of.encode(7 as unknown as string)), 'option.type');
  assert.is(await code(() => of.encode('a', { allowSpecial: ['a'] })), 'tokenizer.special');
  assert.is(await code(() => of.decode([400])), 'tokenizer.token');
  assert.is(of.decode([399]), '', 'a token of the model that the file does not have');
  assert.is(of.encode('').length, 0);
  assert.is(await rejection(load({}, { tokenizer: 7 as never })), 'option.type');
});

test('without the option such a file is refused, and the message names the way out', async () => {
  const { readTokenizerParts } = await import('../../src/text/tokenizer-kinds.ts');
  for (const file of Object.values(FILES)) {
    assert.throws(() => readTokenizerParts(jsonOf(file), 'x.json'), /peer-tokenizer/);
  }
});

test('byte-level BPE by the peer has the ids of ours', async () => {
  const file = JSON.parse(new TextDecoder().decode(tokenizerFile('llama3')));
  const of = await read(file, 644);
  const { tokenizer } = await import('./fixtures.ts');
  for (const text of ["It's 12345 words", 'a<|endoftext|>b', '<tool> 😀']) {
    assert.equal(of.encode(text, { addSpecial: true }), tokenizer('llama3').encode(text, { addSpecial: true }), text);
  }
});

test.run();
