/** GGUF files that gguf-py wrote (test/fixtures/gguf/make.py) are read as it reads them. */
import { readFileSync } from 'node:fs';
import { bytesSource } from '../../src/formats/byte-source.ts';
import { type GgufFile, readGguf } from '../../src/formats/gguf.ts';
import { Scratch } from '../../src/formats/scratch.ts';
import { readFloats, readRows, type TensorDescription } from '../../src/formats/tensors.ts';
import { toFloats } from '../../src/formats/values.ts';
import { assert, firstDifference, repositoryFile, test } from '../harness.ts';
import { meteredSource } from './frames.ts';

const fixture = (name: string) => new Uint8Array(readFileSync(repositoryFile(`test/fixtures/gguf/${name}.gguf`)));
const read = (name: string): Promise<GgufFile> => readGguf(bytesSource(fixture(name), `${name}.gguf`));

const BLOCK_TYPES = ['Q8_0', 'Q4_0', 'Q4_1', 'Q5_0', 'Q5_1', 'Q4_K', 'Q5_K', 'Q6_K'];

/** The values of a tensor in blocks, read in pieces of `pieceBytes`. */
async function decoded(tensor: TensorDescription, pieceBytes: number): Promise<Float32Array> {
  const all = new Float32Array(tensor.elements);
  const scratch = new Scratch();
  let at = 0;
  for await (const { data } of readRows(tensor, { pieceBytes, scratch })) {
    const values = toFloats(tensor.decode!(data, scratch));
    all.set(values, at);
    at += values.length;
  }
  assert.is(at, all.length);
  return all;
}

async function floatsOf(tensor: TensorDescription): Promise<Float32Array> {
  const all = new Float32Array(tensor.elements);
  for await (const { row, rows, data } of readFloats(tensor)) all.set(data, (row * data.length) / rows);
  return all;
}

for (const type of BLOCK_TYPES) {
  test(`${type} blocks stand for the values of gguf-py, to the bit, in pieces of any size`, async () => {
    const { tensors } = await read('blocks');
    const tensor = tensors.get(type)!;
    const expected = await floatsOf(tensors.get(`${type}.values`)!);
    assert.is(tensor.dtype, type);
    for (const pieceBytes of [1, 2 * (tensor.bytes / 3), 2 ** 20]) {
      assert.is(firstDifference(await decoded(tensor, pieceBytes), expected), -1, `pieces of ${pieceBytes}`);
    }
  });

  test(`the comparison sees each bit of a ${type} block that is wrong (planted fault)`, async () => {
    const file = fixture('blocks');
    const { tensors } = await readGguf(bytesSource(file, 'blocks.gguf'));
    const { begin, bytes } = tensors.get(type)!;
    const blocks = type.endsWith('K') ? 12 : 36;
    const expected = await decoded(tensors.get(type)!, 2 ** 20);
    let unseen = 0;
    for (let bit = 0; bit < (bytes / blocks) * 8; bit++) {
      file[begin + (bit >> 3)]! ^= 1 << (bit & 7);
      if (firstDifference(await decoded(tensors.get(type)!, 2 ** 20), expected) === -1) unseen++;
      file[begin + (bit >> 3)]! ^= 1 << (bit & 7);
    }
    // A bit whose values are multiplied by a scale of 0 is not seen; a random block has few of them.
    assert.ok(unseen <= bytes / blocks / 4, `${unseen} bits unseen`);
  });
}

test('values of every type are those that gguf-py was given', async () => {
  const { metadata, version } = await read('values');
  assert.is(version, 3);
  const numbers: [string, number | bigint, unknown][] = [
    ['uint8', 200, Uint8Array],
    ['int8', -100, Int8Array],
    ['uint16', 60_000, Uint16Array],
    ['int16', -30_000, Int16Array],
    ['uint32', 4_000_000_000, Uint32Array],
    ['int32', -2_000_000_000, Int32Array],
    ['uint64', 2 ** 53 - 1, BigUint64Array],
    ['int64', -(2 ** 53 - 1), BigInt64Array],
    ['float32', Math.fround(0.1), Float32Array],
    ['float64', 0.1, Float64Array],
  ];
  for (const [name, number, list] of numbers) {
    assert.is(metadata.get(name), number, name);
    const values = metadata.get(`${name}.list`) as Float64Array;
    assert.instance(values, list as typeof Float64Array);
    assert.equal(Array.from(values, Number), [Number(number), 1, 0], name);
  }
  assert.is(metadata.get('large.uint64'), 2n ** 64n - 1n);
  assert.is(metadata.get('bool'), true);
  assert.equal([...(metadata.get('bool.list') as Uint8Array)], [1, 0]);
  assert.is(metadata.get('string'), 'é 日本 😀');
  assert.equal(metadata.get('string.list'), ['a', '', 'ß']);
});

test('tensors lie where the file has them, sizes outermost first, at the alignment that it states', async () => {
  const { tensors } = await read('values');
  const [one, two] = [tensors.get('one')!, tensors.get('two')!];
  assert.equal([one.dtype, one.shape, one.bytes, one.begin % 64], ['I32', [3], 12, 0]);
  assert.equal([two.dtype, two.shape, two.bytes, two.begin - one.begin], ['F16', [1, 2, 3], 12, 64]);
  assert.equal([...(await floatsOf(two))], [0, 1, 2, 3, 4, 5]);
});

test('version 2 is read like version 3', async () => {
  const file = fixture('values');
  file[4] = 2;
  assert.is((await readGguf(bytesSource(file, 'x'))).version, 2);
});

for (const name of ['values', 'blocks', 'grouped-f16']) {
  test(`the header of ${name}.gguf is read in few pieces, and nothing behind it`, async () => {
    const file = fixture(name);
    const inner = bytesSource(file, name);
    let at = 0;
    let reads = 0;
    const source = {
      ...inner,
      async read(offset: number, length: number) {
        assert.is(offset, at, 'each byte is read once, in order');
        at += length;
        reads++;
        return inner.read(offset, length);
      },
    };
    const { tensors, metadata } = await readGguf(source);
    const first = [...tensors.values()][0]!;
    assert.ok(at <= first.begin && first.begin - at < 64, `${at} bytes read, the data begin at ${first.begin}`);
    assert.ok(reads <= 4 + 3 * metadata.size + 3 * tensors.size, `${reads} reads`);
  });
}

test('the header of a vocabulary of 50,000 tokens takes few reads', async () => {
  const count = 50_000;
  const head = new Uint8Array(24 + 8 + 1 + 4 + 12 + count * 16);
  const view = new DataView(head.buffer);
  head.set(new TextEncoder().encode('GGUF'));
  view.setUint32(4, 3, true);
  view.setBigUint64(16, 1n, true);
  view.setBigUint64(24, 1n, true);
  head[32] = 0x61;
  view.setUint32(33, 9, true);
  view.setUint32(37, 8, true);
  view.setBigUint64(41, BigInt(count), true);
  let at = 49;
  for (let i = 0; i < count; i++) {
    const bytes = new TextEncoder().encode(`t${i}`);
    view.setBigUint64(at, BigInt(bytes.length), true);
    head.set(bytes, at + 8);
    at += 8 + bytes.length;
  }
  const file = head.subarray(0, at);
  let reads = 0;
  const inner = meteredSource(file, file.length, file.length);
  const { metadata } = await readGguf({
    ...inner,
    read: (...parameters) => {
      reads++;
      return inner.read(...parameters);
    },
  });
  assert.is((metadata.get('a') as string[])[count - 1], `t${count - 1}`);
  assert.ok(reads < 40, `${reads} reads`);
});

test.run();
