/** Every 16-bit value decoded against the formats' definitions; rounding at and beside every midpoint. */
import { decodeBf16, decodeF16, encodeBf16, encodeF16, firstNonfinite } from '../../src/formats/float16.ts';
import { assert, test } from '../harness.ts';

const all = Uint16Array.from({ length: 65536 }, (_, i) => i);

/** The value of a 16-bit float with `exponent` and `fraction` bits, straight from the definition. */
function definedValue(bits: number, exponentBits: number, fractionBits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits & 0x7fff) >> fractionBits;
  const fraction = bits & (2 ** fractionBits - 1);
  const bias = 2 ** (exponentBits - 1) - 1;
  if (exponent === 2 ** exponentBits - 1) return fraction === 0 ? sign * Infinity : NaN;
  if (exponent === 0) return sign * fraction * 2 ** (1 - bias - fractionBits);
  return sign * (1 + fraction / 2 ** fractionBits) * 2 ** (exponent - bias);
}

const formats = [
  // overflow: the bits of the f32 halfway between the largest value and the power of two after it.
  {
    name: 'f16',
    decode: decodeF16,
    encode: encodeF16,
    exponentBits: 5,
    fractionBits: 10,
    infinity: 0x7c00,
    overflow: 0x477ff000,
  },
  {
    name: 'bf16',
    decode: decodeBf16,
    encode: encodeBf16,
    exponentBits: 8,
    fractionBits: 7,
    infinity: 0x7f80,
    overflow: 0x7f7f8000,
  },
];

type Decode = (from: Uint16Array, to: Float32Array) => void;
type Encode = (from: Float32Array, to: Uint16Array) => void;

/** First of the 65536 values that `decode` gets wrong, or -1; the sign of zero counts. */
function wrongDecode(decode: Decode, exponentBits: number, fractionBits: number): number {
  const decoded = new Float32Array(65536);
  decode(all, decoded);
  return all.findIndex((bits) => !Object.is(decoded[bits], definedValue(bits, exponentBits, fractionBits)));
}

/** First pair of neighbours whose midpoint, or the f32 on either side of it, `encode` rounds wrongly, or -1. */
function wrongRounding(decode: Decode, encode: Encode, infinity: number): number {
  const ends = new Float32Array(2);
  const words = new Uint32Array(1);
  const midpoint = new Float32Array(words.buffer);
  const encoded = new Uint16Array(1);
  for (let low = 0; low < infinity - 1; low++) {
    decode(Uint16Array.of(low, low + 1), ends);
    midpoint[0] = (ends[0]! + ends[1]!) / 2;
    const middle = words[0]!;
    for (const [step, expected] of [
      [-1, low],
      [0, low + (low & 1)],
      [1, low + 1],
    ] as const) {
      words[0] = middle + step;
      encode(midpoint, encoded);
      if (encoded[0] !== expected) return low;
      midpoint[0] = -midpoint[0]!;
      encode(midpoint, encoded);
      if (encoded[0] !== (expected | 0x8000)) return low;
    }
  }
  return -1;
}

for (const { name, decode, encode, exponentBits, fractionBits, infinity, overflow } of formats) {
  test(`every ${name} decodes to the value of its definition`, () => {
    assert.is(wrongDecode(decode, exponentBits, fractionBits), -1);
  });

  test(`every ${name} survives decoding and encoding`, () => {
    const decoded = new Float32Array(65536);
    const encoded = new Uint16Array(65536);
    decode(all, decoded);
    encode(decoded, encoded);
    for (const bits of all) {
      const nan = (bits & 0x7fff) > infinity;
      if (nan) assert.ok((encoded[bits]! & 0x7fff) > infinity, `NaN ${bits} became ${encoded[bits]}`);
      else assert.is(encoded[bits], bits);
    }
  });

  test(`encoding to ${name} rounds to the nearest, ties to even, at every midpoint`, () => {
    assert.is(wrongRounding(decode, encode, infinity), -1);
  });

  test(`the checks of ${name} see a faulty conversion`, () => {
    const flushing: Decode = (from, to) =>
      decode(
        from.map((bits) => (bits === 1 ? 0 : bits)),
        to,
      );
    const truncating: Encode = (from, to) => {
      encode(from, to);
      const words = new Uint32Array(from.buffer);
      if ((words[0]! & 0xfff) === 0 && (to[0]! & 1) === 0 && to[0]! > 0x4000) to[0]! -= 1;
    };
    assert.is(wrongDecode(flushing, exponentBits, fractionBits), 1);
    assert.is.not(wrongRounding(decode, truncating, infinity), -1);
  });

  test(`from half a step beyond the largest ${name} on, everything becomes infinity`, () => {
    const words = Uint32Array.of(overflow - 1, overflow, 0x7f7fffff, 0x7f800000, 0xff7fffff);
    const encoded = new Uint16Array(5);
    encode(new Float32Array(words.buffer), encoded);
    assert.equal([...encoded], [infinity - 1, infinity, infinity, infinity, infinity | 0x8000]);
  });
}

test('firstNonfinite finds the first of NaN and both infinities, and nothing else', () => {
  const values = Float32Array.of(0, -0, 1e-45, 3.4028234663852886e38, -3.4028234663852886e38);
  assert.is(firstNonfinite(values), -1);
  for (const bad of [NaN, Infinity, -Infinity]) {
    assert.is(firstNonfinite(Float32Array.of(...values, bad, NaN)), values.length);
  }
});

test.run();
