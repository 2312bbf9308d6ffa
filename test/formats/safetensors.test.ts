/** What we write is read back by our reader and by the `safetensors` package; checkpoints of one and several files. */
import safetensorsPackage from 'safetensors';
import { bytesSource } from '../../src/formats/byte-source.ts';
import { openCheckpoint } from '../../src/formats/checkpoint.ts';
import { encodeBf16, encodeF16 } from '../../src/formats/float16.ts';
import { openFolder } from '../../src/formats/folder.ts';
import { quantizeQ8 } from '../../src/formats/q8.ts';
import { readSafetensors } from '../../src/formats/safetensors.ts';
import { safetensorsPieces, type TensorData, writeSafetensors } from '../../src/formats/safetensors-writer.ts';
import { Scratch } from '../../src/formats/scratch.ts';
import { expectTensor, readFloats, readRows, type TensorDescription } from '../../src/formats/tensors.ts';
import { assert, firstDifference, random, randomFloats, test } from '../harness.ts';
import { meteredSource } from './frames.ts';
import { rejection } from './rejection.ts';

const f32 = (shape: number[], values: ArrayLike<number>): TensorData => ({
  dtype: 'F32',
  shape,
  data: Float32Array.from(values),
});

/** Some tensors of many kinds, in no useful order. */
function someTensors(seed: number): Map<string, TensorData> {
  const next = random(seed);
  const values = randomFloats(next, 6 * 32);
  const { q, scale } = quantizeQ8(values);
  const bf16 = new Uint16Array(values.length);
  encodeBf16(values, bf16);
  return new Map<string, TensorData>([
    ['w.q', { dtype: 'I8', shape: [6, 32], data: q }],
    ['norm', f32([5], randomFloats(next, 5))],
    ['w.scale', { dtype: 'F16', shape: [6, 1], data: scale }],
    ['head', { dtype: 'BF16', shape: [6, 32], data: bf16 }],
    ['scalar', { dtype: 'F64', shape: [], data: Float64Array.of(0.1) }],
    ['empty', { dtype: 'F32', shape: [0, 7], data: new Float32Array(0) }],
    ['__proto__', { dtype: 'U8', shape: [3], data: Uint8Array.of(1, 2, 3) }],
    ['名前 "quoted"', { dtype: 'BOOL', shape: [1], data: Uint8Array.of(1) }],
  ]);
}

const bytesOf = ({ data }: TensorData) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
const describe = (file: Uint8Array) => readSafetensors(bytesSource(file, 'model.safetensors'));

async function collect(tensor: TensorDescription, pieceBytes: number): Promise<{ bytes: number[]; largest: number }> {
  const bytes: number[] = [];
  let largest = 0;
  let nextRow = 0;
  for await (const { row, rows, data } of readRows(tensor, { pieceBytes })) {
    assert.is(row, nextRow);
    nextRow += rows;
    largest = Math.max(largest, data.length);
    bytes.push(...data);
  }
  assert.is(nextRow, tensor.bytes === 0 ? 0 : (tensor.shape[0] ?? 1));
  return { bytes, largest };
}

test('what is written is read back: names, dtypes, shapes, bytes, metadata (seed 4)', async () => {
  const tensors = someTensors(4);
  const { tensors: read, metadata } = await describe(writeSafetensors(tensors, { format: 'pt', note: 'é' }));
  assert.equal([...read.keys()].sort(), [...tensors.keys()].sort());
  assert.equal(
    [...metadata],
    [
      ['format', 'pt'],
      ['note', 'é'],
    ],
  );
  for (const [name, written] of tensors) {
    const tensor = read.get(name)!;
    assert.is(tensor.dtype, written.dtype);
    assert.equal(tensor.shape, written.shape);
    assert.equal((await collect(tensor, 64)).bytes, [...bytesOf(written)], name);
  }
});

test('the same tensors in another order give the same file, aligned to their elements (seed 5)', async () => {
  const tensors = someTensors(5);
  const file = writeSafetensors(tensors);
  assert.equal(writeSafetensors([...tensors].reverse()), file);
  for (const { begin, dtype } of (await describe(file)).tensors.values()) {
    const elementBytes = { F64: 8, F32: 4, BF16: 2, F16: 2 }[dtype as string] ?? 1;
    assert.is(begin % elementBytes, 0, dtype);
  }
  const headerBytes = Number(new DataView(file.buffer).getBigUint64(0, true));
  assert.is(headerBytes % 8, 0);
  assert.not.ok(new TextDecoder().decode(file.subarray(8, 8 + headerBytes)).includes('__metadata__'));
});

test('a quantised matrix lies together, its scales before its bytes', async () => {
  const matrix = (name: string): [string, TensorData][] => [
    [`${name}.q`, { dtype: 'I8', shape: [2, 32], data: new Int8Array(64) }],
    [`${name}.scale`, { dtype: 'F16', shape: [2, 1], data: new Uint16Array(2) }],
  ];
  const bytes: [string, TensorData] = ['lone.q', { dtype: 'U8', shape: [1], data: new Uint8Array(1) }];
  const { tensors } = await describe(
    writeSafetensors([bytes, ...matrix('b'), ...matrix('a'), ['norm', f32([1], [1])]]),
  );
  assert.equal([...tensors.keys()], ['norm', 'a.scale', 'a.q', 'b.scale', 'b.q', 'lone.q']);
});

test('the safetensors package reads what we write (seed 6)', () => {
  // It keeps its entries in a plain object, so not `__proto__`.
  const tensors = [...someTensors(6)].filter(([name]) => name !== '__proto__');
  const read = new safetensorsPackage.SafeTensor(writeSafetensors(tensors));
  assert.is(read.metadata.size, tensors.length);
  for (const [name, written] of tensors) {
    assert.equal(read.metadata.get(name)!.shape, written.shape);
    assert.is(read.metadata.get(name)!.dtype, written.dtype);
    assert.equal(read.getTensor(name), bytesOf(written));
  }
});

test('pieces hold the bytes of the file, tensors uncopied (seed 7)', () => {
  const tensors = someTensors(7);
  const pieces = [...safetensorsPieces(tensors)];
  assert.equal(
    pieces.flatMap((piece) => [...piece]),
    [...writeSafetensors(tensors)],
  );
  assert.ok(pieces.slice(1).every((piece) => [...tensors.values()].some(({ data }) => data.buffer === piece.buffer)));
});

test('the writer refuses data that does not fill its shape, the reserved name, and a name given twice', async () => {
  for (const [code, name, tensor] of [
    ['file.shape', 'a', f32([2, 3], [1, 2, 3, 4, 5])],
    ['file.shape', 'a', f32([1.5], [1])],
    ['file.entry', '__metadata__', f32([1], [1])],
  ] as const) {
    assert.is((await rejection(() => writeSafetensors([[name, tensor]]))).code, code);
  }
  const twice = [
    ['a', f32([1], [1])],
    ['a', f32([1], [2])],
  ] as const;
  assert.is((await rejection(() => writeSafetensors(twice))).code, 'file.entry');
});

test('rows come whole, in pieces no larger than asked unless one row is', async () => {
  const tensor = (
    await describe(
      writeSafetensors([
        [
          'w',
          f32(
            [10, 3],
            Array.from({ length: 30 }, (_, i) => i),
          ),
        ],
      ]),
    )
  ).tensors.get('w')!;
  assert.is((await collect(tensor, 48)).largest, 48);
  assert.is((await collect(tensor, 47)).largest, 36);
  assert.is((await collect(tensor, 5)).largest, 12);
});

test('f32, bf16 and f16 tensors give the same floats wherever they begin in the file (seed 8)', async () => {
  // Small integers are exact in all three formats.
  const values = Float32Array.from(randomFloats(random(8), 21), (x) => Math.floor(x * 10));
  const halves = { BF16: new Uint16Array(21), F16: new Uint16Array(21) };
  encodeBf16(values, halves.BF16);
  encodeF16(values, halves.F16);
  for (const [dtype, data] of [
    ['F32', values],
    ['BF16', halves.BF16],
    ['F16', halves.F16],
  ] as const) {
    const file = writeSafetensors([['w', { dtype, shape: [7, 3], data }]]);
    for (let shift = 0; shift < 4; shift++) {
      const shifted = new Uint8Array(file.length + shift);
      shifted.set(file, shift);
      const tensor = (await describe(shifted.subarray(shift))).tensors.get('w')!;
      const read: number[] = [];
      for await (const { data: floats } of readFloats(tensor, { pieceBytes: 24 })) read.push(...floats);
      assert.is(firstDifference(Float32Array.from(read), values), -1, `${dtype} shifted by ${shift}`);
    }
  }
});

test('many tensors are read through the same memory', async () => {
  const values = Array.from({ length: 8 }, (_, i) => i);
  const halves = { dtype: 'BF16', shape: [2], data: Uint16Array.of(0x3f80, 0x4000) } as const;
  const file = writeSafetensors([
    ['a', f32([8], values)],
    ['b', f32([4], values.slice(0, 4))],
    ['c', halves],
  ]);
  const scratch = new Scratch();
  const places: ArrayBufferLike[] = [];
  // A source that copies, as disks and networks do.
  const source = meteredSource(file);
  const copying: typeof source = {
    ...source,
    read: async (offset, length, signal, into) => {
      into!.set(await source.read(offset, length, signal));
      return into!.subarray(0, length);
    },
  };
  const read: number[][] = [];
  for (const tensor of (await readSafetensors(source)).tensors.values()) {
    for await (const { data } of readFloats({ ...tensor, source: copying }, { scratch, pieceBytes: 32 })) {
      read.push([...data]);
      places.push(data.buffer);
    }
  }
  assert.equal(read, [values, values.slice(0, 4), [1, 2]]);
  assert.is(places[0], places[1]);
  assert.is(scratch.bytes(32, 'read').buffer, places[0]);
  assert.is(scratch.floats(2, 'values').buffer, places[2]);
});

test('NaN and infinity are refused where they stand, in every float format', async () => {
  for (const bad of [NaN, Infinity, -Infinity]) {
    const values = new Float32Array(24).fill(1);
    values[17] = bad;
    const halves = new Uint16Array(24);
    encodeF16(values, halves);
    for (const [dtype, data] of [
      ['F32', values],
      ['F16', halves],
    ] as const) {
      const { tensors } = await describe(writeSafetensors([['w', { dtype, shape: [6, 4], data }]]));
      const { code, message } = await rejection(async () => {
        for await (const _ of readFloats(tensors.get('w')!, { pieceBytes: 32 }));
      });
      assert.is(code, 'file.nonfinite');
      assert.match(message, `"w" holds ${bad} at element 17`);
    }
  }
});

test('integers are not read as floats', async () => {
  const { tensors } = await describe(writeSafetensors(someTensors(9)));
  assert.is((await rejection(async () => void (await readFloats(tensors.get('w.q')!).next()))).code, 'file.dtype');
});

test('an expected tensor is found, or named with what is wrong about it', async () => {
  const { tensors } = await describe(writeSafetensors(someTensors(10)));
  assert.is(expectTensor(tensors, 'head', [6, 32]), tensors.get('head'));
  assert.is(expectTensor(tensors, 'w.q', [6, 32], ['I8']), tensors.get('w.q'));
  const code = async (...args: Parameters<typeof expectTensor>) =>
    (await rejection(async () => expectTensor(...args))).code;
  assert.is(await code(tensors, 'tail', [6, 32]), 'file.tensor');
  assert.is(await code(tensors, 'head', [32, 6]), 'config.shape');
  assert.is(await code(tensors, 'head', [6, 32, 1]), 'config.shape');
  assert.is(await code(tensors, 'w.q', [6, 32]), 'file.dtype');
});

const index = (weightMap: Record<string, unknown>) =>
  new TextEncoder().encode(JSON.stringify({ metadata: { total_size: 8 }, weight_map: weightMap }));

test('a checkpoint is one file, or the files that its index names', async () => {
  const a = writeSafetensors([['a', f32([1], [1])]]);
  const b = writeSafetensors([['b', f32([1], [2])]]);
  const single = await openCheckpoint(await openFolder({ 'model.safetensors': a }));
  assert.equal([...single.keys()], ['a']);
  const sharded = await openCheckpoint(
    await openFolder({
      'model.safetensors.index.json': index({ b: 'two.safetensors', a: 'one.safetensors' }),
      'one.safetensors': a,
      'two.safetensors': b,
    }),
  );
  assert.equal([...sharded.keys()].sort(), ['a', 'b']);
  assert.is(sharded.get('b')!.source.name, 'two.safetensors');
});

test.run();
