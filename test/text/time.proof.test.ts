import { readFileSync } from 'node:fs';
import { bytesSource } from '../../src/formats/byte-source.ts';
import { readGguf } from '../../src/formats/gguf.ts';
import { metadataFields } from '../../src/model/gguf/metadata.ts';
import { sentencePiece } from '../../src/text/sentence-piece.ts';
import { Tokenizer } from '../../src/text/tokenizer.ts';
import { buildTables } from '../../src/text/tokenizer-file.ts';
import { assert, note, repositoryFile, test } from '../harness.ts';
import { changed, tokenizer } from './fixtures.ts';
import { LENGTH, RUNS, repeated } from './runs.ts';

/** Milliseconds of processor time, the least of a few runs: other processes on the machine do not count. */
function processorTime(run: () => unknown): number {
  const times = Array.from({ length: 3 }, () => {
    const before = process.cpuUsage();
    run();
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1000;
  });
  return Math.min(...times);
}

/** How many times longer four times the text takes: 4 is linear, 16 is quadratic. */
const QUADRATIC = 10;

function growth(encode: (text: string) => unknown, text: string): { readonly long: number; readonly ratio: number } {
  encode(text.slice(0, 2000)); // compiled before it is measured
  const short = processorTime(() => encode(text.slice(0, text.length / 4)));
  const long = processorTime(() => encode(text));
  return { long, ratio: long / Math.max(short, 1) };
}

/** 10^5 characters take at most 250 ms where the machine is idle; four times that here. */
const MOST_MS = 1000;

function assertLinear(of: Tokenizer, runs: readonly (readonly [string, string])[]): void {
  const encode = (text: string) => of.encode(text, { allowSpecial: true });
  const worst = { title: '', long: 0 };
  for (const [title, text] of runs) {
    const { long, ratio } = growth(encode, text);
    assert.ok(ratio < QUADRATIC && long < MOST_MS, `${title}: ${long} ms, ${ratio} times the time of a quarter`);
    if (long > worst.long) Object.assign(worst, { title, long });
  }
  note(`slowest run of ${LENGTH} characters: ${worst.title}, ${Math.round(worst.long)} ms of processor time`);
}

test(`runs of ${LENGTH} characters take time in proportion to their length`, () => {
  assertLinear(tokenizer('foretoken-code'), RUNS);
});

test(`runs of ${LENGTH} characters take time in proportion to their length with tokens of SentencePiece`, async () => {
  const bytes = new Uint8Array(readFileSync(repositoryFile('test/fixtures/gguf/pieces.gguf')));
  const file = await readGguf(bytesSource(bytes, 'pieces.gguf'));
  const vocab = (file.metadata.get('tokenizer.ggml.tokens') as string[]).length;
  assertLinear(
    new Tokenizer(
      buildTables(sentencePiece(metadataFields(file, 'tokenizer', 'pieces.gguf'), file.metadata, vocab), vocab),
    ),
    RUNS,
  );
});

for (const name of ['qwen2', 'digits', 'llama2', 'mistral', 'metaspace', 'gemma'] as const) {
  test(`${name}: runs of ${LENGTH} characters take time in proportion to their length`, () => {
    assertLinear(tokenizer(name), RUNS);
  });
}

test('no list of merges makes a run slow: doubling, growing from the left, growing from the right', () => {
  const letters = 'a'.repeat(200);
  const grow = (pair: (length: number) => [number, number]) =>
    changed('gpt2', ({ model, added_tokens }) => {
      model.merges = [];
      const end = added_tokens[0].content;
      model.vocab = { [end]: 0, a: 1, Ġ: 2 };
      for (let length = 2; length <= 128; length++) {
        model.vocab[letters.slice(0, length)] = length + 1;
        model.merges.push(pair(length).map((part) => letters.slice(0, part)));
      }
    });
  const cascades = [
    grow((length) => [Math.ceil(length / 2), Math.floor(length / 2)]),
    grow((length) => [length - 1, 1]),
    grow((length) => [1, length - 1]),
  ];
  for (const of of cascades) assertLinear(of, [['one letter', repeated('a')]]);
});

test('no list of added tokens makes a search slow: 63 long ones that are almost there at every place', () => {
  const of = changed('gpt2', ({ added_tokens }) => {
    for (let i = 0; i < 63; i++) added_tokens.push({ id: 560 + i, content: `${'a'.repeat(64 + i)}!` });
  });
  assertLinear(of, [['one letter', repeated('a')]]);
});

test('the measure of growth catches quadratic time', () => {
  const quadratic = (text: string) => {
    let sum = 0;
    for (let i = 0; i < text.length; i++) for (let j = 0; j < text.length; j++) sum += text.charCodeAt(j);
    return sum;
  };
  // Three tries: on a busy machine a short time may come out long.
  assert.ok([1, 2, 3].some(() => growth(quadratic, 'a'.repeat(8000)).ratio > QUADRATIC));
});

test.run();
