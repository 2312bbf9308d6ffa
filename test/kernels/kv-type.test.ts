/**
 * Rounding to each type of a cache, and expanding from it: one row of keys goes in, and comes back as attention reads it.
 */
import { KV_TYPES, type KvType } from '../../src/engine/kv-type.ts';
import { decodeF16 } from '../../src/formats/float16.ts';
import { assert, firstDifference, random, randomFloats, randomInt, test } from '../harness.ts';
import { kernelHost } from './kernel-host.ts';
import { expand, hold, holdScaled, largestMagnitude } from './kv-type.twin.ts';

const CAPACITY = 8;

interface Held {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly scales: Float32Array;
}

/** What the kernels hold of x, a row of `headDim` after the other, each the value of one kv head in slot 0. */
function held(type: KvType, x: Float32Array, headDim: number): Held[] {
  const host = kernelHost();
  const kvHeads = x.length / headDim;
  const [bytes, scaleBytes] = { f32: [4, 0], f16: [2, 0], q8: [1, 4] }[type] as [number, number];
  const head = CAPACITY * (headDim * bytes + scaleBytes);
  const [keys, values, v] = [
    host.place(new Uint8Array(kvHeads * head)),
    host.place(new Uint8Array(kvHeads * head)),
    host.place(x),
  ];
  host.kernels.kvStore!(KV_TYPES[type], keys, values, v, v, 0, 1, headDim, CAPACITY, 0, 0, kvHeads);
  return Array.from({ length: kvHeads }, (_, kvHead) => {
    const region = values + kvHead * head;
    return {
      bytes: Uint8Array.from(host.bytes(region, headDim * bytes)),
      scales: host.floats(region + CAPACITY * headDim * bytes, scaleBytes / 4),
    };
  });
}

/** (n,) f16 that the kernels round x (n,) to. */
function halves(x: Float32Array): Uint16Array {
  return new Uint16Array(held('f16', x, x.length)[0]!.bytes.buffer);
}

/** Values as attention reads them: it sees one position, whose weight is 1, so it gives 0 + 1 * value. */
function readBack(type: KvType, x: Float32Array, headDim: number): Float32Array {
  const host = kernelHost();
  const heads = x.length / headDim;
  const [keys, values, v] = [
    host.place(new Float32Array(CAPACITY * (x.length + heads))),
    host.place(new Float32Array(CAPACITY * (x.length + heads))),
    host.place(x),
  ];
  const out = host.place(new Float32Array(x.length));
  const [node, scratch] = [host.place(Int32Array.of(0)), host.place(new Float32Array(4 * CAPACITY))];
  host.kernels.kvStore!(KV_TYPES[type], keys, values, v, v, 0, 1, headDim, CAPACITY, 0, 0, heads);
  const sizes = [0, 1, heads, heads, headDim, CAPACITY, x.length];
  host.kernels.attention!(KV_TYPES[type], out, v, keys, values, node, node, ...sizes, scratch, 0, 0, 0, 0, heads);
  return host.floats(out, x.length);
}

/** Every finite f16, as f32; 63 488 of them. */
const EVERY_HALF = new Float32Array(63_488);
const EVERY_HALF_BITS = Uint16Array.from(EVERY_HALF, (_, i) => (i < 31_744 ? i : i - 31_744 + 0x8000));
decodeF16(EVERY_HALF_BITS, EVERY_HALF);

test('f16: every finite f16 is held as it is', () => {
  assert.equal(halves(EVERY_HALF), EVERY_HALF_BITS);
});

test('f16: every finite f16 is read exactly, subnormal ones too', () => {
  const withoutNegativeZero = EVERY_HALF.map((value) => 0 + value);
  for (const headDim of [64, 16, 4]) {
    assert.is(firstDifference(readBack('f16', EVERY_HALF, headDim), withoutNegativeZero), -1, `headDim ${headDim}`);
  }
});

test('f16: halfway between two neighbours the even one is taken, beside it the nearer one', () => {
  const magnitudes = EVERY_HALF.subarray(0, 31_744);
  const word = new Int32Array(1);
  const float = new Float32Array(word.buffer);
  const step = (value: number, by: number) => {
    float[0] = value;
    word[0]! += by;
    return float[0]!;
  };
  const middles = magnitudes.subarray(1).map((value, i) => (value + magnitudes[i]!) / 2); // exact: one bit more than f16 has
  const even = Uint16Array.from(middles, (_, i) => i + (i % 2));
  const lower = Uint16Array.from(middles, (_, i) => i);
  const upper = Uint16Array.from(middles, (_, i) => i + 1);
  const part = <T extends Float32Array | Uint16Array>(all: T) => all.subarray(0, all.length - (all.length % 4)) as T;
  assert.equal(halves(part(middles)), part(even));
  assert.equal(halves(part(middles.map((value) => step(value, -1)))), part(lower));
  assert.equal(halves(part(middles.map((value) => step(value, 1)))), part(upper));
  assert.equal(halves(part(middles.map((value) => -value))), part(even.map((bits) => bits | 0x8000)));
});

test('f16: beyond the largest f16 there is the largest f16', () => {
  const largest = Float32Array.of(65504, 65519.996, 65520, 65536, 1e10, 3.4028234663852886e38, Infinity, -65520);
  assert.equal([...halves(largest)], [...new Array(7).fill(0x7bff), 0xfbff]);
});

test('f16 and q8: rows have the bits of the twin, whatever their size (seed 1)', () => {
  const next = random(1);
  for (const type of ['f16', 'q8'] as const) {
    for (let round = 0; round < 60; round++) {
      const x = randomFloats(next, 4 * (1 + randomInt(next, 40))).map((value) => value * 10 ** (20 * next() - 10));
      const { bytes, scales } = held(type, x, x.length)[0]!;
      const want = hold(type, x);
      assert.equal(bytes, new Uint8Array(want.numbers.buffer), `${type}, round ${round}`);
      if (type === 'q8') assert.is(scales[0], want.scale);
    }
  }
});

test('q8: the largest value becomes 127, halves go to the even neighbour, and tiny rows are zero', () => {
  const bytesOf = (...x: number[]) => [...new Int8Array(held('q8', Float32Array.from(x), x.length)[0]!.bytes)];
  assert.equal(bytesOf(127, 0.5, -0.5, 1.5, -1.5, 2.5, -126.5, -127), [127, 0, 0, 2, -2, 2, -126, -127]);
  assert.equal(bytesOf(3.4028234663852886e38, -3.4028234663852886e38, 0, 1), [127, -127, 0, 0]);
  assert.equal(bytesOf(2 ** -101, -(2 ** -149), 0, 0), [0, 0, 0, 0]);
  assert.equal(bytesOf(2 ** -100, 0, 0, 0), [127, 0, 0, 0]);
});

test('q8: a row is read as its bytes times its scale, within half a step of what was stored (seed 2)', () => {
  const x = randomFloats(random(2), 60 * 64);
  const back = readBack('q8', x, 64);
  for (let row = 0; row < 60; row++) {
    const part = x.subarray(row * 64, (row + 1) * 64);
    const { numbers, scale } = hold('q8', part);
    const values = expand(numbers).map((value) => 0 + value * scale);
    assert.is(firstDifference(back.subarray(row * 64, (row + 1) * 64), values), -1, `row ${row}`);
    const worst = Math.max(...part.map((value, i) => Math.abs(value - values[i]!)));
    assert.ok(worst <= scale * (0.5 + 127 * 2 ** -22), `row ${row}: ${worst} of ${scale}`);
  }
});

test('f16: what is read is within 2^-11 of what was stored, of its size or of the smallest normal number (seed 3)', () => {
  const x = randomFloats(random(3), 4096).map((value, i) => value * 2 ** -(i % 24));
  const back = readBack('f16', x, 64);
  const worst = Math.max(...x.map((value, i) => Math.abs(value - back[i]!) / Math.max(Math.abs(value), 2 ** -14)));
  assert.ok(worst <= 2 ** -11 && worst > 2 ** -12, `${worst}`);
});

test('cutting off instead of rounding, a scale shared by neighbours, and halves away from zero are seen (planted faults, seed 4)', () => {
  const x = randomFloats(random(4), 64);
  const cut = new Uint16Array(hold('f16', x).numbers).map((bits, i) =>
    Math.abs(EVERY_HALF[EVERY_HALF_BITS.indexOf(bits)]!) > Math.abs(x[i]!) ? bits - 1 : bits,
  );
  assert.not.equal(halves(x), cut);
  const { bytes } = held('q8', x, 64)[0]!;
  const shared = holdScaled(x, largestMagnitude(Float32Array.of(...x, 9)));
  assert.not.equal(bytes, new Uint8Array(shared.numbers.buffer));
  const row = Float32Array.of(127, 0.5, 2.5, 0);
  const away = Int8Array.from(row, (value) => Math.floor(value + 0.5));
  assert.not.equal(held('q8', row, 4)[0]!.bytes, new Uint8Array(away.buffer));
});

test.run();
