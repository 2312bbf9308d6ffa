import { BLOCK, PANEL, Q4_BLOCK_BYTES, Q8_BLOCK_BYTES } from '../../src/engine/opcodes.ts';
import { packHalves, packedBytes, packF32, packQ4, packQ8, type WeightType } from '../../src/engine/packing.ts';
import { decodeF16, encodeBf16, encodeF16 } from '../../src/formats/float16.ts';
import { quantizeQ4 } from '../../src/formats/q4.ts';
import { quantizeQ8 } from '../../src/formats/q8.ts';
import { assert, firstDifference, random, randomFloats, test } from '../harness.ts';

test('f32 element (o, i) is float (o / 8 * inDim + i) * 8 + o % 8, and the last panel is filled up with zeros (seed 1)', () => {
  const [outDim, inDim, address] = [13, 5, 64];
  const values = randomFloats(random(1), outDim * inDim);
  const memory = new ArrayBuffer(address + packedBytes(outDim, inDim, 'f32'));
  packF32(memory, address, values, 0, inDim);

  const want = new Float32Array(memory.byteLength / 4);
  for (let o = 0; o < outDim; o++) {
    for (let i = 0; i < inDim; i++) {
      want[address / 4 + (Math.floor(o / PANEL) * inDim + i) * PANEL + (o % PANEL)] = values[o * inDim + i]!;
    }
  }
  assert.is(firstDifference(new Float32Array(memory), want), -1);
});

/** What lies where in blocks of a format, checked for a matrix of 11 rows and three blocks: `put` writes element i of output o of a panel. */
function expectBlocks(
  dtype: 'q8' | 'q4',
  memory: ArrayBuffer,
  { scale, address }: { scale: Uint16Array; address: number },
  put: (want: DataView, start: number, o: number, i: number, element: number) => void,
): void {
  const [outDim, inDim] = [11, 96];
  const scales = new Float32Array(scale.length);
  decodeF16(scale, scales);
  const want = new DataView(new ArrayBuffer(memory.byteLength));
  const blocks = inDim / BLOCK;
  const [blockBytes, scaleStart] = dtype === 'q8' ? [Q8_BLOCK_BYTES, 256] : [Q4_BLOCK_BYTES, 128];
  for (let row = 0; row < outDim; row++) {
    const o = row % PANEL;
    for (let block = 0; block < blocks; block++) {
      const start = address + (Math.floor(row / PANEL) * blocks + block) * blockBytes;
      for (let i = 0; i < BLOCK; i++) put(want, start, o, i, row * inDim + block * BLOCK + i);
      want.setFloat32(start + scaleStart + o * 4, scales[row * blocks + block]!, true);
    }
  }
  assert.equal(new Uint8Array(memory), new Uint8Array(want.buffer));
}

test('q8 byte (i / 4 * 8 + o) * 4 + i % 4 of a block is output o and input i; eight f32 scales and eight negative sums follow (seed 2)', () => {
  const [outDim, inDim, address] = [11, 96, 32];
  const matrix = quantizeQ8(randomFloats(random(2), outDim * inDim));
  matrix.q.set([-128, -128, 127]); // as a GGUF file may have them
  const memory = new ArrayBuffer(address + packedBytes(outDim, inDim, 'q8'));
  packQ8(memory, address, matrix, 0, inDim);
  expectBlocks('q8', memory, { scale: matrix.scale, address }, (want, start, o, i, element) => {
    const value = matrix.q[element]!;
    want.setInt8(start + (Math.floor(i / 4) * PANEL + o) * 4 + (i % 4), value);
    const sum = start + 288 + o * 2;
    want.setInt16(sum, want.getInt16(sum, true) - value, true);
  });
});

test('q4 byte (i / 4 * 4 + o % 4) * 4 + i % 4 of a block is input i of output o and of output o + 4; eight f32 scales follow (seed 2)', () => {
  const [outDim, inDim, address] = [11, 96, 32];
  const matrix = quantizeQ4(randomFloats(random(2), outDim * inDim));
  const memory = new ArrayBuffer(address + packedBytes(outDim, inDim, 'q4'));
  packQ4(memory, address, matrix, 0, inDim);
  expectBlocks('q4', memory, { scale: matrix.scale, address }, (want, start, o, i, element) => {
    const inBlock = element % BLOCK;
    const byte = matrix.q[(element - inBlock) / 2 + (inBlock % 16)]!;
    const at = start + (Math.floor(i / 4) * 4 + (o % 4)) * 4 + (i % 4);
    const value = inBlock < 16 ? byte & 15 : byte >> 4;
    want.setUint8(at, want.getUint8(at) | (value << (o < 4 ? 0 : 4)));
  });
});

test('bf16 element (o, i) of a panel is number i * 8 + o % 4 * 2 + o / 4 of it (seed 5)', () => {
  const [outDim, inDim, address] = [13, 5, 64];
  const halves = new Uint16Array(outDim * inDim);
  encodeBf16(randomFloats(random(5), halves.length), halves);
  const memory = new ArrayBuffer(address + packedBytes(outDim, inDim, 'bf16'));
  packHalves(memory, address, halves, 0, inDim);
  const want = new Uint16Array(memory.byteLength / 2);
  for (let row = 0; row < outDim; row++) {
    const o = row % PANEL;
    const panel = address / 2 + Math.floor(row / PANEL) * PANEL * inDim;
    for (let i = 0; i < inDim; i++)
      want[panel + i * PANEL + (o % 4) * 2 + Math.floor(o / 4)] = halves[row * inDim + i]!;
  }
  assert.equal(new Uint16Array(memory), want);
});

/** Packs f32 rows in a type. */
function packAs(dtype: WeightType, memory: ArrayBuffer, rows: Float32Array, row: number, inDim: number): void {
  if (dtype === 'f32') packF32(memory, 0, rows, row, inDim);
  if (dtype === 'q8') packQ8(memory, 0, quantizeQ8(rows), row, inDim);
  if (dtype === 'q4') packQ4(memory, 0, quantizeQ4(rows), row, inDim);
  if (dtype !== 'bf16' && dtype !== 'f16') return;
  const halves = new Uint16Array(rows.length);
  (dtype === 'bf16' ? encodeBf16 : encodeF16)(rows, halves);
  packHalves(memory, 0, halves, row, inDim);
}

test('rows packed in pieces, in any order, give the matrix packed at once (seed 3)', () => {
  const [outDim, inDim] = [21, 64];
  const values = randomFloats(random(3), outDim * inDim);
  const pieces = [
    [9, 21],
    [0, 4],
    [4, 9],
  ] as const;
  for (const dtype of ['f32', 'bf16', 'f16', 'q8', 'q4'] as const) {
    const pack = (memory: ArrayBuffer, from: number, to: number) =>
      packAs(dtype, memory, values.subarray(from * inDim, to * inDim), from, inDim);
    const whole = new ArrayBuffer(packedBytes(outDim, inDim, dtype));
    pack(whole, 0, outDim);
    const parts = new ArrayBuffer(whole.byteLength);
    for (const [from, to] of pieces) pack(parts, from, to);
    assert.equal(new Uint8Array(parts), new Uint8Array(whole), dtype);

    pack(parts, 0, 1);
    assert.equal(new Uint8Array(parts), new Uint8Array(whole), `${dtype}: packed once more`);
    new Uint8Array(parts)[2]! ^= 1;
    assert.not.equal(new Uint8Array(parts), new Uint8Array(whole), `${dtype}: a changed bit is seen`);
  }
});

test('blocks that begin at an odd byte pack like any other', () => {
  const odd = <T extends Int8Array | Uint8Array>(bytes: T): T => {
    const copy = new Uint8Array(bytes.length + 1);
    copy.set(bytes, 1);
    return new (bytes.constructor as Int8ArrayConstructor)(copy.buffer, 1, bytes.length) as T;
  };
  const values = randomFloats(random(6), 8 * 64);
  for (const dtype of ['q8', 'q4'] as const) {
    const [even, moved] = [0, 1].map(() => new ArrayBuffer(packedBytes(8, 64, dtype)));
    packAs(dtype, even!, values, 0, 64);
    if (dtype === 'q8') {
      const { q, scale } = quantizeQ8(values);
      packQ8(moved!, 0, { q: odd(q), scale }, 0, 64);
    } else {
      const { q, scale } = quantizeQ4(values);
      packQ4(moved!, 0, { q: odd(q), scale }, 0, 64);
    }
    assert.equal(new Uint8Array(moved!), new Uint8Array(even!), dtype);
  }
});

/**
 * `count` multiples of 1 / 2048 in -1..1, spread by a generator modulo a prime: exact in f32, with ties and a zero among the quotients.
 * The answers below were printed by gguf-py 0.19.0 (PyPI `gguf`), from the same values:
 *   blocks = gguf.quants.quantize(values.reshape(1, -1), gguf.GGMLQuantizationType.Q8_0).reshape(-1, 34)
 *   print(blocks[0][:2].view('uint16'), blocks[0][2:].view('int8').tolist()), and FNV-1a over the bytes of all blocks
 * and with Q4_0, 18 and 'uint8' for Q8_0, 34 and 'int8'.
 */
function knownValues(count: number): Float32Array {
  let state = 1;
  return Float32Array.from({ length: count }, () => (((state = (state * 75) % 65_537) % 4097) - 2048) / 2048);
}

test('weights quantised here have the bytes that gguf-py gives 256 blocks', () => {
  const { q, scale } = quantizeQ8(knownValues(8192));
  assert.is(scale[0], 8183);
  assert.equal(
    [...q.subarray(0, 32)],
    [
      ...[-124, -33, 127, 36, -50, -121, -69, -56, -101, -75, 39, -114, 1, 105, -60, -68],
      ...[78, 0, 98, -30, 30, -20, 21, 56, 112, -6, -92, 107, -111, -69, -23, 101],
    ],
  );
  const digest = () => digestBlocks(new Uint8Array(q.buffer), scale);
  assert.is(digest(), 0x95b3392);
  q[8191]! += 1;
  assert.is.not(digest(), 0x95b3392);
});

test('weights quantised here to 4 bits have the bytes that gguf-py gives 256 blocks', () => {
  const { q, scale } = quantizeQ4(knownValues(8192));
  assert.is(scale[0], 45031);
  assert.equal([...q.subarray(0, 16)], [63, 138, 32, 166, 107, 159, 124, 76, 30, 141, 230, 31, 248, 193, 156, 44]);
  const digest = () => digestBlocks(q, scale);
  assert.is(digest(), 0x298e40ce);
  q[4095]! ^= 1;
  assert.is.not(digest(), 0x298e40ce);
});

/** FNV-1a over blocks as GGUF lays them: the scale, then the bytes. */
function digestBlocks(q: Uint8Array, scale: Uint16Array): number {
  let hash = 0x811c9dc5;
  const fold = (byte: number) => (hash = Math.imul(hash ^ byte, 0x01000193) >>> 0);
  const blockBytes = q.length / scale.length;
  for (let block = 0; block < scale.length; block++) {
    fold(scale[block]! & 0xff);
    fold(scale[block]! >> 8);
    for (const byte of q.subarray(block * blockBytes, (block + 1) * blockBytes)) fold(byte);
  }
  return hash;
}

test('NaN and infinities keep their bits', () => {
  const bits = Uint32Array.of(0x7fc12345, 0xff800000, 0x7f800001, 0x80000000);
  const memory = new ArrayBuffer(packedBytes(1, 4, 'f32'));
  packF32(memory, 0, new Float32Array(bits.buffer), 0, 4);
  assert.equal(
    [0, 1, 2, 3].map((i) => new Uint32Array(memory)[i * PANEL]),
    [...bits],
  );
});

test.run();
