/** Random numbers by counter: known answers, and spread. */
import { philox, uniform } from '../../src/decode/random.ts';
import { assert, test } from '../harness.ts';

const hex = (words: readonly number[]): string => words.map((word) => word.toString(16).padStart(8, '0')).join(' ');

// The vectors of philox4x32 with 10 rounds in Random123 1.14 (tests/kat_vectors).
test('philox gives the known answers of its authors', () => {
  assert.is(hex(philox([0, 0, 0, 0], [0, 0])), '6627e8d5 e169c58d bc57ac4c 9b00dbd8');
  const ones = 0xffffffff;
  assert.is(hex(philox([ones, ones, ones, ones], [ones, ones])), '408f276d 41c83b0e a20bc7c6 6d5451fd');
  assert.is(
    hex(philox([0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], [0xa4093822, 0x299f31d0])),
    'd16cfe09 94fdcceb 5001e420 24126ea1',
  );
});

test('a uniform number is made of the first two words: 27 high bits and 26 high bits', () => {
  // python: w = philox((position, 0, 0, 0), (seed & 0xffffffff, seed >> 32)); ((w[0] >> 5) * 2**26 + (w[1] >> 6)) / 2**53
  const expected = (first: number, second: number) => ((first >>> 5) * 2 ** 26 + (second >>> 6)) / 2 ** 53;
  assert.is(uniform(0, 0), expected(0x6627e8d5, 0xe169c58d));
  assert.is(uniform(7, 1000), expected(0x17053bde, 0xcd8ef504));
  assert.is(uniform(2 ** 53 - 1, 5), expected(0xef5ea183, 0x5d54cfe7));
});

test('numbers are below 1, even, and differ with every seed and position', () => {
  const cells = new Int32Array(16);
  const seen = new Set<number>();
  for (let seed = 0; seed < 40; seed++) {
    for (let position = 0; position < 100; position++) {
      const u = uniform(seed * 4294967291, position);
      assert.ok(u >= 0 && u < 1);
      cells[Math.floor(u * 16)]!++;
      seen.add(u);
    }
  }
  assert.is(seen.size, 4000);
  const chiSquare = cells.reduce((sum, count) => sum + (count - 250) ** 2 / 250, 0);
  // 15 degrees of freedom: more than 37.7 comes once in a thousand times; the numbers are always the same.
  assert.ok(chiSquare < 37.7, `${chiSquare}`);
});

test.run();
