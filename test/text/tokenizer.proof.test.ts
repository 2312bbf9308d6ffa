/**
 * The tokens are those of Hugging Face tokenizers: of the Python package by recorded digests, of the JavaScript one side by side.
 * @module
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Tokenizer as Peer } from '@huggingface/tokenizers';
import { assert, note, repositoryFile, test } from '../harness.ts';
import {
  answers,
  changed,
  digestOfIds,
  digestOfTexts,
  GPT2,
  type Json,
  NAMES,
  type Name,
  set,
  sha256,
  tokenizer,
  tokenizerFile,
} from './fixtures.ts';
import { knownLines, type Line, lines } from './lines.ts';

const known = knownLines();

for (const name of NAMES) {
  test(`${name}: 10,000 lines have the ids of tokenizers ${answers.tokenizers} (seed 2024)`, () => {
    assert.is(
      sha256(tokenizerFile(name)),
      answers.files[name],
      'the file has changed: run test/fixtures/tokenizers/make.py',
    );
    const of = tokenizer(name);
    for (const [family, texts] of Object.entries(known)) {
      assert.is(digestOfIds(of, texts), answers.ids[name][family], family);
    }
  });
}

/** An added token decodes to its content here; the reference reads the é of `<é>` as a byte. */
const READ_AS_BYTES: Readonly<Partial<Record<Name, readonly string[]>>> = { qwen2: ['special'] };

for (const name of NAMES) {
  test(`${name}: what the lines are encoded to is decoded to the text of tokenizers ${answers.tokenizers} (seed 2024)`, () => {
    const of = tokenizer(name);
    for (const [family, texts] of Object.entries(known)) {
      const decoded = texts.map((text) => of.decode(of.encode(text, { allowSpecial: 'all' })));
      if (READ_AS_BYTES[name]?.includes(family)) assert.ok(decoded.some((text) => text.includes('<e\u0301>')));
      else assert.is(digestOfTexts(decoded), answers.texts[name][family], family);
    }
  });
}

const STAGE = 'pre_tokenizer.pretokenizers';

function digitsOneByOne(file: Json): void {
  const { pattern } = file.pre_tokenizer.pretokenizers[0];
  pattern.Regex = pattern.Regex.replace('{1,3}', '');
}

function digitsInThrees(file: Json): void {
  const { pattern } = file.pre_tokenizer.pretokenizers[0];
  pattern.Regex = pattern.Regex.replace('\\p{N}|', '\\p{N}{1,3}|');
}

/** Planted: one setting of a file changed, as if the code had read it wrong; and a family of lines that must show it. */
const FAULTS: readonly (readonly [string, Name, string, (file: Json) => void])[] = [
  ['merges in another order', 'gpt2', 'prose', ({ model }) => model.merges.reverse()],
  ['one merge missing', 'gpt2', 'prose', ({ model }) => model.merges.shift()],
  ['digits one by one', 'foretoken-code', 'numbers', digitsOneByOne],
  ['another pattern', 'qwen2', 'code', set(`${STAGE}.0.pattern.Regex`, GPT2)],
  ['no normal form', 'qwen2', 'marks', set('normalizer', null)],
  ['merges before whole pieces', 'llama3', 'prose', set('model.ignore_merges', false)],
  ['no prefix space', 'digit_runs', 'numbers', set(`${STAGE}.1.add_prefix_space`, false)],
  ['runs of digits', 'digits', 'numbers', set(`${STAGE}.0.individual_digits`, false)],
  ['digits in threes', 'qwen2', 'numbers', digitsInThrees],
  ['unknown bytes not fused', 'partial', 'characters', set('model.fuse_unk', false)],
  ['unknown bytes dropped', 'partial', 'characters', set('model.unk_token', null)],
  ['white space kept before a mask', 'digit_runs', 'special', set('added_tokens.0.lstrip', false)],
  ['white space kept after a token', 'digit_runs', 'special', set('added_tokens.1.rstrip', false)],
  ['no space in front', 'llama2', 'prose', set('normalizer.normalizers.0.prepend', '')],
  ['spaces left as they are', 'llama2', 'prose', set('normalizer.normalizers.1.content', ' ')],
  ['bytes unknown', 'llama2', 'characters', set('model.byte_fallback', false)],
  ['white space kept after a token', 'phi3', 'special', ({ added_tokens }) => unstrip(added_tokens)],
  ['a space in front of every part', 'mistral', 'special', set('pre_tokenizer.prepend_scheme', 'always')],
  ['no space in front', 'metaspace', 'prose', set('pre_tokenizer.prepend_scheme', 'never')],
  ['runs of spaces not found', 'neox', 'space', ({ added_tokens }) => added_tokens.splice(1)],
  ['a space in front', 'gemma', 'prose', set('normalizer', { type: 'Prepend', prepend: '▁' })],
];

function unstrip(tokens: { rstrip: boolean }[]): void {
  for (const token of tokens) token.rstrip = false;
}

test(`the known lines catch each of ${FAULTS.length} planted faults`, () => {
  for (const [fault, name, family, change] of FAULTS) {
    assert.is.not(digestOfIds(changed(name, change), known[family]!), answers.ids[name][family], fault);
  }
});

/**
 * Where the peer for JavaScript differs from the one for Python, Python is right: NEL and the byte order mark in \s, long s in
 * contractions, digits of other scripts, and bytes that the vocabulary lacks, which it drops
 * and fuses after merging and not before.
 */
const DISPUTED = /[\u0085\ufeffſ]/;
const OTHER_NUMBERS = /[^\P{N}0-9]/u;
const PEERS: Readonly<Partial<Record<Name, readonly RegExp[]>>> = {
  gpt2: [DISPUTED],
  llama3: [DISPUTED],
  qwen2: [DISPUTED],
  digits: [DISPUTED, OTHER_NUMBERS],
  digit_runs: [DISPUTED, OTHER_NUMBERS],
  'foretoken-code': [DISPUTED],
};

/** Lines of the repository's own sources, whatever they are today, in one order. */
function repositoryLines(): Line[] {
  const found: Line[] = [];
  for (const folder of ['src', 'assembly', 'test', 'scripts']) {
    const paths = readdirSync(repositoryFile(folder), { recursive: true, encoding: 'utf8' }).sort();
    for (const path of paths.filter((path) => /\.(ts|mjs)$/.test(path) && !/node_modules|binary/.test(path))) {
      const text = readFileSync(join(repositoryFile(folder), path), 'utf8');
      found.push(...text.split(/(?<=\n)/).map((text) => ({ family: path, text })));
    }
  }
  return found;
}

function comparedLines(name: Name): Line[] {
  const generated = lines(9, name === 'foretoken-code' ? 9000 : 1500);
  const own = repositoryLines().slice(0, generated.length / 4);
  return [...generated, ...own].filter(({ text }) => !PEERS[name]!.some((disputed) => disputed.test(text)));
}

for (const name of Object.keys(PEERS) as Name[]) {
  test(`${name}: ids and text are those of @huggingface/tokenizers on mixed lines and on our own sources (seed 9)`, () => {
    const of = tokenizer(name);
    const file = JSON.parse(new TextDecoder().decode(tokenizerFile(name)));
    const peer = new Peer({ ...file, model: { type: 'BPE', ...file.model } }, {});
    const compared = comparedLines(name);
    for (const { family, text } of compared) {
      const expected = peer.encode(text, { add_special_tokens: false }).ids;
      const ids = Array.from(of.encode(text, { allowSpecial: 'all' }));
      assert.equal(ids, expected, `${family}: ${JSON.stringify(text)}`);
      if (ids.length > 0) assert.is(of.decode(ids), peer.decode(ids, { clean_up_tokenization_spaces: false }), family);
    }
    note(`${name}: ${compared.length} lines as @huggingface/tokenizers has them`);
  });
}

test.run();
