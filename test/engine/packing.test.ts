import { BLOCK, PANEL, Q8_BLOCK_BYTES } from '../../src/engine/opcodes.ts';
import { packF32, packQ8, packedBytes } from '../../src/engine/packing.ts';
import { decodeF16 } from '../../src/formats/float16.ts';
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

test('q8 byte ((i / 2) * 8 + o) * 2 + i % 2 of a block is output o and input i, and eight f32 scales follow 256 bytes (seed 2)', () => {
  const [outDim, inDim, address] = [11, 96, 32];
  const matrix = quantizeQ8(randomFloats(random(2), outDim * inDim));
  const scales = new Float32Array(matrix.scale.length);
  decodeF16(matrix.scale, scales);
  const memory = new ArrayBuffer(address + packedBytes(outDim, inDim, 'q8'));
  packQ8(memory, address, matrix, 0, inDim);

  const want = new DataView(new ArrayBuffer(memory.byteLength));
  const blocks = inDim / BLOCK;
  for (let row = 0; row < outDim; row++) {
    const o = row % PANEL;
    for (let block = 0; block < blocks; block++) {
      const start = address + (Math.floor(row / PANEL) * blocks + block) * Q8_BLOCK_BYTES;
      for (let i = 0; i < BLOCK; i++) {
        want.setInt8(start + (Math.floor(i / 2) * PANEL + o) * 2 + (i % 2), matrix.q[row * inDim + block * BLOCK + i]!);
      }
      want.setFloat32(start + BLOCK * PANEL + o * 4, scales[row * blocks + block]!, true);
    }
  }
  assert.equal(new Uint8Array(memory), new Uint8Array(want.buffer));
});

test('rows packed in pieces, in any order, give the matrix packed at once (seed 3)', () => {
  const [outDim, inDim] = [21, 64];
  const values = randomFloats(random(3), outDim * inDim);
  const pieces = [
    [9, 21],
    [0, 4],
    [4, 9],
  ] as const;
  for (const dtype of ['f32', 'q8'] as const) {
    const pack = (memory: ArrayBuffer, from: number, to: number) => {
      const rows = values.subarray(from * inDim, to * inDim);
      if (dtype === 'f32') packF32(memory, 0, rows, from, inDim);
      else packQ8(memory, 0, quantizeQ8(rows), from, inDim);
    };
    const whole = new ArrayBuffer(packedBytes(outDim, inDim, dtype));
    pack(whole, 0, outDim);
    const parts = new ArrayBuffer(whole.byteLength);
    for (const [from, to] of pieces) pack(parts, from, to);
    assert.equal(new Uint8Array(parts), new Uint8Array(whole), dtype);

    pack(parts, 0, 1);
    new Uint8Array(parts)[2]! ^= 1;
    assert.not.equal(new Uint8Array(parts), new Uint8Array(whole), `${dtype}: a changed bit is seen`);
  }
});

/**
 * `count` multiples of 1 / 2048 in -1..1, spread by a generator modulo a prime: exact in f32, with ties and a zero among the quotients.
 * The answers below were printed by gguf-py 0.19.0 (PyPI `gguf`), from the same values:
 *   blocks = gguf.quants.quantize(values.reshape(1, -1), gguf.GGMLQuantizationType.Q8_0).reshape(-1, 34)
 *   print(blocks[0][:2].view('uint16'), blocks[0][2:].view('int8').tolist()), and FNV-1a over the bytes of all blocks
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
  const digest = () => {
    let hash = 0x811c9dc5;
    const fold = (byte: number) => (hash = Math.imul(hash ^ byte, 0x01000193) >>> 0);
    for (let block = 0; block < scale.length; block++) {
      fold(scale[block]! & 0xff);
      fold(scale[block]! >> 8);
      for (const value of q.subarray(block * BLOCK, (block + 1) * BLOCK)) fold(value & 0xff);
    }
    return hash;
  };
  assert.is(digest(), 0x95b3392);
  q[8191]! += 1;
  assert.is.not(digest(), 0x95b3392);
});

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
