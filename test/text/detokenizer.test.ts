import { Detokenizer } from '../../src/text/detokenizer.ts';
import type { Tokenizer } from '../../src/text/tokenizer.ts';
import { assert, random, randomInt, test } from '../harness.ts';
import { type Name, tokenizer } from './fixtures.ts';
import { lines } from './lines.ts';

type Streamer = Pick<Detokenizer, 'push' | 'flush'>;
type Make = (of: Tokenizer) => Streamer;

const ours: Make = (of) => new Detokenizer(of);
/** Planted: every token decoded for itself, so that a character across two tokens is lost. */
const forgetful: Make = (of) => ({ push: (id) => of.decode([id]), flush: () => '' });
/** Planted: the end of the text is not asked for. */
const endless: Make = (of) => {
  const detokenizer = new Detokenizer(of);
  return { push: (id) => detokenizer.push(id), flush: () => '' };
};

/** Streams random ids, which mostly are not UTF-8, and the ids of texts; the number of streams whose pieces are not the whole. */
function faults(name: Name, seed: number, make: Make): number {
  const next = random(seed);
  const of = tokenizer(name);
  const texts = lines(seed, 300).map(({ text }) => Array.from(of.encode(text)));
  const noise = Array.from({ length: 300 }, () =>
    Array.from({ length: randomInt(next, 12) }, () => randomInt(next, of.vocab)),
  );
  let found = 0;
  for (const ids of [...texts, ...noise]) {
    const streamer = make(of);
    const pieces = ids.map((id) => streamer.push(id));
    if (pieces.join('') + streamer.flush() !== of.decode(ids)) found++;
  }
  return found;
}

for (const name of ['foretoken-code', 'gpt2', 'llama3'] as const) {
  test(`the pieces of ${name}, joined, are the decoding of all ids (seed 21)`, () => {
    assert.is(faults(name, 21, ours), 0);
  });
}

test('the comparison catches a detokenizer that forgets and one that does not end (seed 21)', () => {
  assert.ok(faults('foretoken-code', 21, forgetful) > 0);
  assert.ok(faults('foretoken-code', 21, endless) > 0);
});

test('no piece ends inside a character: emoji come whole, token by token', () => {
  const of = tokenizer('gpt2');
  const text = '👩🏽‍💻 naïve 한국 🇩🇪';
  const ids = of.encode(text);
  const detokenizer = new Detokenizer(of);
  const pieces = Array.from(ids, (id) => detokenizer.push(id));
  assert.ok(pieces.includes(''), 'some token completes nothing');
  for (const piece of pieces) assert.not.match(piece, /\ufffd|\p{Surrogate}/u);
  assert.is(pieces.join(''), text);
  assert.is(detokenizer.flush(), '');
});

test('a wrong id is refused and leaves what is held back as it was', () => {
  const of = tokenizer('gpt2');
  const [first, ...rest] = of.encode('龍');
  const detokenizer = new Detokenizer(of);
  assert.is(detokenizer.push(first!), '');
  for (const id of [-1, of.vocab, 0.5, Number.NaN]) {
    assert.throws(
      () => detokenizer.push(id),
      (error: { code: string }) => error.code === 'tokenizer.token',
    );
  }
  assert.is(rest.map((id) => detokenizer.push(id)).join(''), '龍');
});

test.run();
