/** Normalisation form C is the reference's, whatever this host knows of Unicode, and takes linear time. */
import { nfc } from '../../src/text/nfc.ts';
import { boundaries, isInside } from '../../src/text/unicode.ts';
import { UNASSIGNED_RUNS } from '../../src/text/unicode-marks.ts';
import { assert, random, randomInt, test } from '../harness.ts';
import { answers, digestOfTexts } from './fixtures.ts';

/** As `composed` of test/fixtures/tokenizers/make.py. */
function* composed(): Generator<string> {
  for (const [low, high] of [
    [0, 0xd800],
    [0xe000, 0x20000],
    [0x2f800, 0x2fa20],
    [0xe0000, 0xe0200],
  ] as const) {
    for (let point = low; point < high; point++) {
      const character = String.fromCodePoint(point);
      yield `a${character}\u0334\u0301${character}\u0323\u1161\u11a8`;
    }
  }
}

const normalised = (of: (text: string) => string) => digestOfTexts([...composed()].map(of));

test('every character among marks and letters is composed as tokenizers composes it', () => {
  assert.is(normalised(nfc), answers.nfc);
});

test('the digest sees a newer Unicode, and marks that stay where they are (planted faults)', () => {
  assert.is.not(
    normalised((text) => text.normalize('NFC')),
    answers.nfc,
    'this host knows no more than Unicode 9',
  );
  assert.is.not(
    normalised((text) => text),
    answers.nfc,
  );
});

test('texts of characters that Unicode 9 knows are what the host makes of them (seed 8)', () => {
  const unassigned = boundaries(UNASSIGNED_RUNS);
  const next = random(8);
  const blocks = [
    [0x41, 0x7a],
    [0xc0, 0x24f],
    [0x300, 0x36f],
    [0x5b0, 0x5c7],
    [0xf70, 0xf84],
    [0x1100, 0x11ff],
    [0xac00, 0xac80],
    [0x1dc0, 0x1dff],
    [0x1e00, 0x1fff],
  ];
  for (let run = 0; run < 3000; run++) {
    const text = Array.from({ length: 1 + randomInt(next, 12) }, () => {
      const [low, high] = blocks[randomInt(next, blocks.length)]!;
      const point = low! + randomInt(next, high! - low! + 1);
      return isInside(unassigned, point) ? '' : String.fromCodePoint(point);
    }).join('');
    assert.is(nfc(text), text.normalize('NFC'), JSON.stringify(text));
  }
});

test.run();
