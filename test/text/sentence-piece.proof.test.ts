/** A tokenizer of SentencePiece out of a GGUF file finds the tokens that SentencePiece finds (test/fixtures/gguf/make.py). */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { bytesSource } from '../../src/formats/byte-source.ts';
import { type GgufFile, type GgufValue, readGguf } from '../../src/formats/gguf.ts';
import { metadataFields } from '../../src/model/gguf/metadata.ts';
import { sentencePiece } from '../../src/text/sentence-piece.ts';
import { Tokenizer } from '../../src/text/tokenizer.ts';
import { buildTables } from '../../src/text/tokenizer-file.ts';
import { hasCode } from '../codes.ts';
import { assert, repositoryFile, test } from '../harness.ts';
import { digestOfIds } from './fixtures.ts';
import { knownLines, lines, wellFormed } from './lines.ts';

const FOLDER = 'test/fixtures/gguf';
const answers: { ids: Record<string, string> } = JSON.parse(
  readFileSync(repositoryFile(`${FOLDER}/pieces.json`), 'utf8'),
);
const file = await readGguf(
  bytesSource(new Uint8Array(readFileSync(repositoryFile(`${FOLDER}/pieces.gguf`))), 'pieces.gguf'),
);
const VOCAB = (file.metadata.get('tokenizer.ggml.tokens') as string[]).length;

function tokenizerOf({ metadata }: Pick<GgufFile, 'metadata'>, vocab = VOCAB): Tokenizer {
  const fields = metadataFields({ metadata }, 'tokenizer', 'x.gguf');
  return new Tokenizer(buildTables(sentencePiece(fields, metadata, vocab), vocab));
}

/** The file's metadata after a change; undefined takes a key out. */
function changed(
  change: Readonly<Record<string, GgufValue | undefined>>,
  of: Iterable<[string, GgufValue]> = file.metadata,
) {
  const metadata = new Map<string, GgufValue>(of);
  for (const [key, value] of Object.entries(change)) {
    if (value === undefined) metadata.delete(`tokenizer.ggml.${key}`);
    else metadata.set(`tokenizer.ggml.${key}`, value);
  }
  return { metadata };
}

const pieces = tokenizerOf(file);

for (const [family, texts] of Object.entries(knownLines())) {
  test(`${family}: the tokens of SentencePiece`, () => assert.is(digestOfIds(pieces, texts), answers.ids[family]));
}

test('the digests see scores that are wrong, a space too few, and a byte that is lost (planted faults)', () => {
  const scores = file.metadata.get('tokenizer.ggml.scores') as Float32Array;
  const types = file.metadata.get('tokenizer.ggml.token_type') as Int32Array;
  const faults: Readonly<Record<string, GgufValue | undefined>>[] = [
    { scores: scores.map((score) => -score) },
    { add_space_prefix: false },
    { token_type: types.map((type, id) => (type === 6 && id > 200 ? 5 : type)) },
  ];
  for (const fault of faults) {
    const wrong = tokenizerOf(changed(fault));
    const { prose, characters } = knownLines();
    const differs =
      digestOfIds(wrong, prose!) !== answers.ids.prose || digestOfIds(wrong, characters!) !== answers.ids.characters;
    assert.ok(differs, Object.keys(fault).join());
  }
});

test('decoding what was encoded gives the text back without the space that was put in front (seed 6)', () => {
  const comesBack = (text: string) => pieces.decode(pieces.encode(text)) === wellFormed(text).replaceAll('▁', ' ');
  for (const { text } of lines(6, 600)) assert.ok(comesBack(text), JSON.stringify(text));
  fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 60 }), comesBack), { seed: 6, numRuns: 300 });
});

const TINY: [string, GgufValue][] = Object.entries({
  tokens: ['<unk>', '<s>', '</s>', '<0x41>', '▁', 'a', 'b', 'ab', '▁a', 'ba', '<t>'],
  scores: Float32Array.of(0, 0, 0, 0, -9, -9, -9, -1, -2, -1, 0),
  token_type: Int32Array.of(2, 3, 3, 6, 1, 1, 1, 1, 1, 1, 4),
  bos_token_id: 1,
  eos_token_id: 2,
}).map(([key, value]) => [`tokenizer.ggml.${key}`, value]);
const tiny = (change: Readonly<Record<string, GgufValue | undefined>> = {}) => tokenizerOf(changed(change, TINY), 12);

test('the token of the highest score comes first, of equal ones of two tokens the lower id, of one token the leftmost', () => {
  const ids = (text: string) => [...tiny().encode(text)];
  assert.equal(ids('ab'), [4, 7]); // ▁|ab before ▁a|b
  assert.equal(ids('aab'), [8, 7]); // aab: ab first, then ▁a
  assert.equal(ids('bab'), [4, 6, 7]); // ab and ba have one score, ab the lower id
  assert.equal(ids('abab'), [4, 7, 7]);
});

test('characters without a token are bytes, or unknown; added tokens are found, and a space follows them', () => {
  const ids = (text: string, allowSpecial = false) => [...tiny().encode(text, { allowSpecial })];
  assert.equal(ids('A'), [4, 3]);
  assert.equal(ids('B'), [4, 0]);
  assert.equal(ids('a<t>a'), [8, 10, 8]);
  assert.equal(ids('<s>a', true), [1, 8]);
  assert.equal(ids('<s>a').includes(1), false);
  assert.equal([...tiny().encode('a', { addSpecial: true })], [1, 8]);
  assert.equal([...tiny({ add_bos_token: false, add_eos_token: true }).encode('a', { addSpecial: true })], [8, 2]);
  assert.equal([...tiny({ add_space_prefix: false }).encode('a')], [5]);
  assert.is(tiny().decode([1, 8, 3, 10, 11, 4]), '<s> aA<t> ');
});

const types = TINY.find(([key]) => key.endsWith('token_type'))![1] as Int32Array;
const HOSTILE: readonly [code: string, change: Readonly<Record<string, GgufValue | undefined>>][] = [
  ['tokenizer.missing', { tokens: undefined }],
  ['tokenizer.type', { tokens: 'a' }],
  ['tokenizer.vocab', { tokens: [], scores: new Float32Array(0), token_type: new Int32Array(0) }],
  ['tokenizer.vocab', { tokens: Array.from({ length: 13 }, String) }],
  ['tokenizer.missing', { scores: undefined }],
  ['tokenizer.range', { scores: new Float32Array(10) }],
  ['tokenizer.range', { scores: new Float32Array(11).fill(NaN) }],
  ['tokenizer.range', { scores: new Int32Array(11) }],
  ['tokenizer.range', { token_type: types.slice(1) }],
  ['tokenizer.range', { token_type: types.map(() => 7) }],
  ['tokenizer.range', { token_type: types.map(() => 6) }],
  ['tokenizer.duplicate', { tokens: ['<unk>', '<s>', '</s>', '<0x41>', '▁', 'a', 'b', 'ab', 'a', 'ba', '<t>'] }],
  ['tokenizer.duplicate', { tokens: ['<unk>', '<s>', '<s>', '<0x41>', '▁', 'a', 'b', 'ab', '▁a', 'ba', '<t>'] }],
  ['tokenizer.range', { tokens: ['<unk>', '<s>', '</s>', '<0x41>', '▁', 'a', 'b', 'ab', '', 'ba', '<t>'] }],
  [
    'tokenizer.range',
    { tokens: ['<unk>', '<s>', '</s>', '<0x41>', '▁', 'a', 'b', 'ab', 'x'.repeat(513), 'ba', '<t>'] },
  ],
  ['tokenizer.range', { tokens: ['<unk>', '', '</s>', '<0x41>', '▁', 'a', 'b', 'ab', '▁a', 'ba', '<t>'] }],
  ['tokenizer.range', { tokens: ['<unk>', '<s>', '</s>', '<0x4g>', '▁', 'a', 'b', 'ab', '▁a', 'ba', '<t>'] }],
  ['tokenizer.unsupported', { remove_extra_whitespaces: true }],
  ['tokenizer.type', { add_space_prefix: 1 }],
  ['tokenizer.missing', { add_bos_token: true, bos_token_id: undefined }],
  ['tokenizer.range', { bos_token_id: 11 }],
];

for (const [i, [code, change]] of HOSTILE.entries()) {
  test(`hostile metadata ${i}, of ${Object.keys(change)}: ${code}`, () => {
    assert.throws(() => tiny(change), hasCode(code));
  });
}

test('a vocabulary with more places to cut than any published one is refused at once', () => {
  const count = 17_000;
  const tokens = Array.from({ length: count }, (_, i) => `${i}`.padEnd(512, 'x'));
  const change = { tokens, scores: new Float32Array(count), token_type: new Int32Array(count).fill(1) };
  assert.throws(() => tokenizerOf(changed(change, TINY), count), hasCode('tokenizer.vocab'));
});

test.run();
