import { ForetokenError } from '../../src/errors.ts';
import { parseTokenizer } from '../../src/text/tokenizer-kinds.ts';
import { assert, note, random, randomInt, test } from '../harness.ts';
import { type Json, type Name, tokenizerFile } from './fixtures.ts';

type Next = () => number;

const pick = <T>(next: Next, from: readonly T[]): T => from[randomInt(next, from.length)]!;

const VALUES: readonly Json[] = [
  null,
  true,
  false,
  0,
  -1,
  1.5,
  2 ** 31,
  1e300,
  '',
  'a',
  'ByteLevel',
  'Sequence',
  'A',
  [],
  {},
  [0],
  [['a', 'b']],
  { type: 'ByteLevel' },
];
const TEXT = "It's <|endoftext|> <tool> naïve é e\u0301 12345\r\n\t 😀 \ud800 <mask> ";

/** One random change somewhere in a tree of JSON: a value put in, taken out, doubled, or moved. */
function mutate(next: Next, root: Json): void {
  let parent = root;
  for (;;) {
    const names = Object.keys(parent);
    const name = names.length > 0 ? pick(next, names) : 'type';
    const value = parent[name];
    if (value !== null && typeof value === 'object' && next() < 0.85) {
      parent = value;
      continue;
    }
    const action = randomInt(next, 4);
    if (action === 0) parent[name] = pick(next, VALUES);
    if (action === 1) delete parent[name];
    if (action === 2) parent[pick(next, [...names.slice(0, 50), 'single', 'ids'])] = value;
    if (action === 3 && typeof value === 'number') parent[name] = value + pick(next, [-1, 1, 0.5, 1000]);
    return;
  }
}

/** Reads the file and uses the tokenizer: whether it was read. Anything that is not a ForetokenError goes through. */
function survives(bytes: Uint8Array): boolean {
  try {
    const of = parseTokenizer(bytes);
    const ids = of.encode(TEXT, { allowSpecial: true, addSpecial: true });
    assert.ok(ids.every((id) => id >= 0 && id < of.vocab));
    of.decode(ids);
    return true;
  } catch (error) {
    if (error instanceof ForetokenError) return false;
    throw error;
  }
}

const NAMES: readonly Name[] = ['gpt2', 'llama3', 'qwen2', 'digit_runs'];

test('a file with a few random values changed works or is refused with a code (seed 41)', () => {
  const next = random(41);
  const files = NAMES.map((name) => new TextDecoder().decode(tokenizerFile(name)));
  const counts = { works: 0, refused: 0 };
  for (let run = 0; run < 1000; run++) {
    const file = JSON.parse(pick(next, files));
    for (let changes = 1 + randomInt(next, 3); changes > 0; changes--) mutate(next, file);
    counts[survives(new TextEncoder().encode(JSON.stringify(file))) ? 'works' : 'refused']++;
  }
  assert.ok(counts.works > 50 && counts.refused > 50, JSON.stringify(counts));
  note(`1000 changed tokenizers: ${counts.works} work, ${counts.refused} refused`);
});

test('a file with random bytes changed, cut or doubled works or is refused with a code (seed 42)', () => {
  const next = random(42);
  for (let run = 0; run < 400; run++) {
    const bytes = tokenizerFile(pick(next, NAMES));
    for (let i = randomInt(next, 3); i >= 0; i--)
      bytes[randomInt(next, bytes.length)] = pick(next, [0x22, 0x2c, 0x5c, 0x30, 0x7d, 0xff, 0x41]);
    survives(next() < 0.2 ? bytes.subarray(0, randomInt(next, bytes.length)) : bytes);
  }
});

test('the fuzz would see an error that is not a ForetokenError', () => {
  assert.throws(() => survives(null as unknown as Uint8Array), TypeError);
});

test.run();
