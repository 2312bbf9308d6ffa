import { Utf8Decoder } from '../../src/text/utf8.ts';
import { assert, random, randomInt, test } from '../harness.ts';

const host = new TextDecoder('utf-8', { ignoreBOM: true });

/** The text of bytes that arrive in parts, each part ending at random. */
function inParts(bytes: Uint8Array, next: () => number): string {
  const decoder = new Utf8Decoder();
  let text = '';
  for (let at = 0; at < bytes.length; ) {
    const end = Math.min(bytes.length, at + randomInt(next, 4));
    text += decoder.push(bytes.subarray(at, end));
    at = end;
  }
  return text + decoder.flush();
}

function decode(bytes: Uint8Array): string {
  const decoder = new Utf8Decoder();
  return decoder.push(bytes) + decoder.flush();
}

/** Both sides of every border that the encoding draws between bytes. */
const BORDERS = [
  0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef, 0xf0,
  0xf1, 0xf4, 0xf5, 0xff,
];

test('every sequence of four bytes from the borders decodes as TextDecoder does it', () => {
  const bytes = new Uint8Array(4 * BORDERS.length ** 3);
  for (const first of BORDERS) {
    let at = 0;
    for (const second of BORDERS) {
      for (const third of BORDERS) for (const fourth of BORDERS) bytes.set([first, second, third, fourth], 4 * at++);
    }
    // An ASCII byte ends whatever came before it, so that the sequences do not touch.
    const apart = new Uint8Array(5 * at);
    for (let i = 0; i < at; i++) apart.set([...bytes.subarray(4 * i, 4 * i + 4), 0x2e], 5 * i);
    assert.ok(decode(apart) === host.decode(apart), `first byte ${first}`);
  }
});

test('every code point comes back', () => {
  const points = Array.from({ length: 0x110000 }, (_, i) => i).filter((point) => point < 0xd800 || point > 0xdfff);
  const text = points.map((point) => String.fromCodePoint(point)).join('');
  assert.ok(decode(new TextEncoder().encode(text)) === text);
});

test('bytes in parts give the text of the whole, valid or not (seed 11)', () => {
  const next = random(11);
  for (let run = 0; run < 2000; run++) {
    const valid = new TextEncoder().encode('aé€😀'.repeat(4));
    const bytes = valid.map((byte) => (next() < 0.15 ? BORDERS[randomInt(next, BORDERS.length)]! : byte));
    assert.is(inParts(bytes, next), host.decode(bytes));
  }
});

test('what is held back is one U+FFFD, and the decoder starts afresh after a flush', () => {
  const decoder = new Utf8Decoder();
  assert.is(decoder.push(Uint8Array.of(0x41, 0xf0, 0x9f, 0x98)), 'A');
  assert.is(decoder.flush(), '\ufffd');
  assert.is(decoder.flush(), '');
  assert.is(decoder.push(Uint8Array.of(0x80, 0x41)), '\ufffdA');
});

test.run();
