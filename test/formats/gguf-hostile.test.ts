/**
 * Hostile GGUF files: each is refused with its code, at once, and before anything is allocated on its word. Beside them, files that look
 * odd and are legal.
 */
import { bytesSource } from '../../src/formats/byte-source.ts';
import { readGguf } from '../../src/formats/gguf.ts';
import { Scratch } from '../../src/formats/scratch.ts';
import { checkFinite } from '../../src/formats/values.ts';
import { assert, test } from '../harness.ts';
import { allocated } from './allocations.ts';
import { meteredSource } from './frames.ts';
import { f32, type Frame, ggufFrame, join, listPair, pair, tensor, text, u8, u32, u64, VALUE } from './gguf-frames.ts';
import { rejection } from './rejection.ts';

/** Bytes that reading a hostile file may allocate beside the file's own. */
const MOST_ALLOCATED = 2 ** 20;

/** Refused with this code, in a message that quotes no more of the file than it needs, and for few bytes. */
async function refused(code: string, file: Uint8Array, size = file.length): Promise<void> {
  const bytes = await allocated(async () => {
    const error = await rejection(() => readGguf(meteredSource(file, size)));
    assert.is(error.code, code, error.message);
    assert.ok(error.message.length < 300, `a message of ${error.message.length} characters`);
  });
  assert.ok(bytes <= 4 * file.length + MOST_ALLOCATED, `${bytes} bytes allocated for a file of ${file.length}`);
}

test('the count of allocated bytes sees an array that is too large (planted fault)', async () => {
  assert.ok((await allocated(async () => new Uint8Array(2 ** 21))) >= 2 ** 21);
  assert.is(await allocated(async () => new Uint8Array([1, 2])), 0);
});

type Case = [title: string, code: string, frame: Frame | Uint8Array, size?: number];

function each(family: string, cases: readonly Case[]): void {
  for (const [title, code, frame, size] of cases) {
    const file = frame instanceof Uint8Array ? frame : ggufFrame(frame);
    test(`${family}: ${title}: ${code}`, () => refused(code, file, size));
  }
}

const note = pair('note', VALUE.text, text('hello'));
const a = tensor('a', [32], 0, 0);
const sound: Frame = { pairs: [note], tensors: [a], data: 128 };
const soundFile = ggufFrame(sound);

test('the sound file that the others are made from is read', async () => {
  const { metadata, tensors } = await readGguf(meteredSource(soundFile));
  assert.is(metadata.get('note'), 'hello');
  assert.is(tensors.get('a')!.bytes, 128);
});

// The frame.

const magic = (start: string) => Uint8Array.from({ length: 200 }, (_, i) => start.charCodeAt(i) || 0);

each('frame', [
  ['an empty file', 'file.header', new Uint8Array(0)],
  ['one letter', 'file.format', u8(0x47)],
  ['four letters', 'file.header', u8(0x47, 0x47, 0x55, 0x46)],
  ['7 bytes', 'file.header', soundFile.subarray(0, 7)],
  ['a magic and a version', 'file.header', soundFile.subarray(0, 8)],
  ['one count', 'file.header', soundFile.subarray(0, 16)],
  ['half a count', 'file.header', soundFile.subarray(0, 20)],
  ['zeros', 'file.format', new Uint8Array(1000)],
  ['the magic of the old GGML', 'file.format', { ...sound, magic: 'lmgg' }],
  ['a magic in small letters', 'file.format', { ...sound, magic: 'gguf' }],
  ['a magic back to front', 'file.format', { ...sound, magic: 'FUGG' }],
  ['safetensors', 'file.format', join(u64(8), new TextEncoder().encode('{"a":{}}'))],
  ['a zip archive of PyTorch', 'file.format', magic('PK\x03\x04')],
  ['an HDF5 file', 'file.format', magic('\x89HDF\r\n\x1a\n')],
  ['a Git LFS pointer', 'file.format', magic('version https://git-lfs.github.com/spec/v1')],
  ['a web page', 'file.format', magic('<!doctype html>')],
  ['version 0', 'file.format', { ...sound, version: 0 }],
  ['version 1', 'file.format', { ...sound, version: 1 }],
  ['version 4', 'file.format', { ...sound, version: 4 }],
  ['version 2^32 - 1', 'file.format', { ...sound, version: 2 ** 32 - 1 }],
  ['big endian, version 3', 'file.format', { ...sound, version: 0x03000000 }],
  ['big endian, version 2', 'file.format', { ...sound, version: 0x02000000 }],
  ...[10n, 1000n, 2n ** 32n, 2n ** 53n, 2n ** 60n, 2n ** 63n, 2n ** 64n - 1n].flatMap((claimed): Case[] => [
    [`${claimed} tensors where there is one`, 'file.header', { ...sound, tensorCount: claimed }],
    [`${claimed} pairs where there is one`, 'file.header', { pairs: [note], pairCount: claimed, data: 20 }],
  ]),
  ['one pair more than there are', 'file.entry', { pairs: [note], pairCount: 2, data: 40 }],
  ['one tensor more than there are', 'file.shape', { ...sound, tensorCount: 2 }],
  ['2^20 tensors in a file of 1 TB', 'file.shape', { pairs: [], tensorCount: 2 ** 20, tensors: [] }, 2 ** 40],
  ['2^22 pairs in a file of 1 TB', 'file.entry', { pairs: [note], pairCount: 2 ** 22 }, 2 ** 40],
  ['2^23 pairs in a file of 1 TB', 'file.header', { pairs: [note], pairCount: 2 ** 23 }, 2 ** 40],
  ['2^40 tensors in a file of 4 PB', 'file.header', { tensorCount: 2 ** 40 }, 2 ** 52],
]);

// Every field cut in the middle: the file ends inside it.

const everyKind = ggufFrame({
  pairs: [
    note,
    pair('b', VALUE.bool, u8(1)),
    pair('n', VALUE.u32, u32(7)),
    listPair('t', VALUE.text, 2, join(text('x'), text('yz'))),
    listPair('l', VALUE.i32, 2, join(u32(1), u32(2))),
  ],
  tensors: [a, tensor('bb', [4, 8], 0, 128)],
  data: 256,
});
const headerBytes = everyKind.length - 256;

for (let length = 0; length < headerBytes; length += 7) {
  const code = length < 4 && length > 0 ? 'file.format' : 'file.header';
  test(`cut short after ${length} of ${headerBytes} bytes of the header: ${code} or file.size`, async () => {
    const error = await rejection(() => readGguf(meteredSource(everyKind.subarray(0, length))));
    // The last bytes of the header are padding.
    assert.ok(error.code === code || (headerBytes - length < 32 && error.code === 'file.size'), error.code);
  });
}
each(
  'cut short',
  [0, 1, 127, 128, 129, 255].map(
    (bytes): Case => [`after ${bytes} bytes of data`, 'file.size', everyKind.subarray(0, headerBytes + bytes)],
  ),
);

// Keys and values.

const withPair = (...pairs: Uint8Array[]): Frame => ({ ...sound, pairs });
const notText = u8(0x61, 0xff, 0x62);

each('value', [
  ['a key given twice', 'file.entry', withPair(note, note)],
  ['an empty key', 'file.entry', withPair(pair('', VALUE.u8, u8(1)))],
  ['a key that is not UTF-8', 'file.entry', withPair(pair(notText, VALUE.u8, u8(1)))],
  ['a key of an overlong form', 'file.entry', withPair(pair(u8(0xc0, 0x80), VALUE.u8, u8(1)))],
  ['a key with a surrogate', 'file.entry', withPair(pair(u8(0xed, 0xa0, 0x80), VALUE.u8, u8(1)))],
  ['a key of 65,536 bytes', 'file.header', withPair(pair('k'.repeat(65_536), VALUE.u8, u8(1)))],
  ['a text that is not UTF-8', 'file.entry', withPair(pair('a', VALUE.text, text(notText)))],
  ['a text cut inside a character', 'file.entry', withPair(pair('a', VALUE.text, text(u8(0xf0, 0x9f))))],
  [
    'a list with a text that is not UTF-8',
    'file.entry',
    withPair(listPair('a', VALUE.text, 2, join(text('x'), text(notText)))),
  ],
  ...[2n ** 24n + 1n, 2n ** 32n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n, 2n ** 64n - 8n].flatMap((length): Case[] => [
    [`a text that claims ${length} bytes`, 'file.header', withPair(pair('a', VALUE.text, text('x', length)))],
    [`a key that claims ${length} bytes`, 'file.header', withPair(join(text('x', length), u32(VALUE.u8), u8(1)))],
    [
      `a list's text that claims ${length} bytes`,
      'file.header',
      withPair(listPair('a', VALUE.text, 1, text('x', length))),
    ],
  ]),
  [
    'a text one byte longer than the file',
    'file.header',
    ggufFrame({ pairs: [pair('a', VALUE.text, text('abc', 4))] }),
  ],
  ...[13, 14, 255, 2 ** 16, 2 ** 32 - 1].flatMap((type): Case[] => [
    [`a value of type ${type}`, 'file.entry', withPair(pair('a', type, new Uint8Array(16)))],
    [`a list of type ${type}`, 'file.entry', withPair(listPair('a', type, 1, new Uint8Array(16)))],
  ]),
  ['a truth value of 2', 'file.entry', withPair(pair('a', VALUE.bool, u8(2)))],
  ['a truth value of 255', 'file.entry', withPair(pair('a', VALUE.bool, u8(255)))],
  ['a list with a truth value of 2', 'file.entry', withPair(listPair('a', VALUE.bool, 3, u8(0, 2, 1)))],
  ['a list of lists', 'file.entry', withPair(listPair('a', VALUE.list, 1, join(u32(VALUE.u8), u64(1), u8(1))))],
  [
    'lists nested 1000 deep',
    'file.entry',
    withPair(listPair('a', VALUE.list, 1, join(...Array.from({ length: 1000 }, () => join(u32(VALUE.list), u64(1)))))),
  ],
  ['a list of 2^40 empty lists', 'file.entry', withPair(listPair('a', VALUE.list, 2 ** 40, new Uint8Array(64)))],
  ...Object.entries(VALUE)
    .filter(([name]) => name !== 'list')
    .flatMap(([name, type]): Case[] => [
      [`a list of 2^40 of type ${name}`, 'file.header', withPair(listPair('a', type, 2 ** 40, new Uint8Array(64)))],
      [`a list of 2^62 of type ${name}`, 'file.header', withPair(listPair('a', type, 2n ** 62n, new Uint8Array(64)))],
      [
        `a list of 2^61 + 1 of type ${name}, whose bytes wrap around`,
        'file.header',
        withPair(listPair('a', type, 2n ** 61n + 1n, new Uint8Array(64))),
      ],
      [
        `a list of 2^33 of type ${name} in a file of 1 TB`,
        'file.header',
        ggufFrame({ pairs: [listPair('a', type, 2 ** 33, u8())] }),
        2 ** 40,
      ],
    ]),
  ...[0, 1, 4, 7, 24, 33, 48, 2 ** 17, 2 ** 20].map(
    (alignment): Case => [
      `an alignment of ${alignment}`,
      'file.header',
      withPair(pair('general.alignment', VALUE.u32, u32(alignment))),
    ],
  ),
  ['an alignment that is a text', 'file.header', withPair(pair('general.alignment', VALUE.text, text('32')))],
  ['an alignment of 32.5', 'file.header', withPair(pair('general.alignment', VALUE.f32, f32(32.5)))],
  ['an alignment that is a list', 'file.header', withPair(listPair('general.alignment', VALUE.u32, 1, u32(32)))],
]);

// Tensors.

const withTensors = (data: number, ...tensors: Uint8Array[]): Frame => ({ tensors, data });

each('tensor', [
  ['a name given twice', 'file.entry', withTensors(256, a, tensor('a', [32], 0, 128))],
  ['an empty name', 'file.entry', withTensors(128, tensor('', [32], 0, 0))],
  ['a name that is not UTF-8', 'file.entry', withTensors(128, tensor(notText, [32], 0, 0))],
  ['a name of 65,536 bytes', 'file.header', withTensors(128, tensor('n'.repeat(65_536), [32], 0, 0))],
  ['no sizes', 'file.shape', withTensors(128, tensor('a', [], 0, 0), new Uint8Array(8))],
  ['5 sizes', 'file.shape', withTensors(128, tensor('a', [32, 1, 1, 1, 1], 0, 0))],
  ['2^32 - 1 sizes', 'file.shape', withTensors(128, tensor('a', [32], 0, 0, 2 ** 32 - 1))],
  ['a size of 2^53', 'file.header', withTensors(128, tensor('a', [2n ** 53n], 0, 0))],
  ['a size of 2^64 - 1', 'file.header', withTensors(128, tensor('a', [2n ** 64n - 1n], 0, 0))],
  ['sizes whose product is 2^64', 'file.shape', withTensors(128, tensor('a', [2 ** 32, 2 ** 32], 0, 0))],
  [
    'sizes whose product is 2^64 + 32, which wraps around',
    'file.shape',
    withTensors(128, tensor('a', [32, 2 ** 52, 2 ** 12], 0, 0)),
  ],
  ['sizes whose product is past 2^53, then 0', 'file.shape', withTensors(0, tensor('a', [0, 2 ** 50, 2 ** 50], 0, 0))],
  ['sizes whose bytes are past 2^53', 'file.shape', withTensors(128, tensor('a', [2 ** 51, 2], 0, 0))],
  ['2^50 values in a small file', 'file.size', withTensors(128, tensor('a', [2 ** 50], 0, 0))],
  ...[4, 5, 31, 32, 33, 36, 37, 38, 99, 2 ** 32 - 1].map(
    (type): Case => [`an element type ${type}`, 'file.dtype', withTensors(128, tensor('a', [32], type, 0))],
  ),
  ...[2, 3, 6, 7, 8, 9, 20, 39].map(
    (type): Case => [
      `a row of 33 values in blocks of 32 of type ${type}`,
      'file.shape',
      withTensors(4096, tensor('a', [33, 32], type, 0)),
    ],
  ),
  ...[10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 21, 22, 23, 29, 34, 35].map(
    (type): Case => [
      `a row of 128 values in blocks of 256 of type ${type}`,
      'file.shape',
      withTensors(4096, tensor('a', [128, 2], type, 0)),
    ],
  ),
]);

each('place', [
  ['an offset that is no multiple of the alignment', 'file.offsets', withTensors(256, tensor('a', [32], 0, 16))],
  ['a first tensor that leaves a hole', 'file.offsets', withTensors(256, tensor('a', [32], 0, 32))],
  ['an offset of 2^53 - 32', 'file.offsets', withTensors(128, tensor('a', [32], 0, 2n ** 53n - 32n))],
  ['an offset of 2^53', 'file.header', withTensors(128, tensor('a', [32], 0, 2n ** 53n))],
  [
    'an offset of 2^64 - 128, which wraps around',
    'file.header',
    withTensors(128, tensor('a', [32], 0, 2n ** 64n - 128n)),
  ],
  ['two tensors in one place', 'file.offsets', withTensors(256, a, tensor('b', [32], 0, 0))],
  ['a tensor inside another', 'file.offsets', withTensors(256, a, tensor('b', [8], 0, 64))],
  [
    'a tensor that begins in the padding of another',
    'file.offsets',
    withTensors(256, tensor('a', [9], 0, 0), tensor('b', [9], 0, 32)),
  ],
  ['a hole between two tensors', 'file.offsets', withTensors(512, a, tensor('b', [32], 0, 160))],
  [
    'offsets at another alignment than the file states',
    'file.offsets',
    {
      pairs: [pair('general.alignment', VALUE.u32, u32(64))],
      tensors: [tensor('a', [4], 0, 0), tensor('b', [4], 0, 32)],
      data: 128,
      alignment: 64,
    },
  ],
  ['a last tensor that ends behind the file', 'file.size', withTensors(127, a)],
  ['a second tensor that begins at the end of the file', 'file.size', withTensors(128, a, tensor('b', [32], 0, 128))],
  ['32 bytes behind the last tensor', 'file.size', withTensors(160, a)],
  ['1 MB behind the last tensor', 'file.size', withTensors(2 ** 20, a)],
  ['data and no tensors', 'file.size', { pairs: [note], data: 64 }],
]);

test('odd files that are legal: no tensors, empty tensors, any order, padding at the end or none, 4 sizes, a key named __proto__', async () => {
  const legal: Frame[] = [
    {},
    { pairs: [note] },
    withTensors(0, tensor('a', [0], 0, 0)),
    withTensors(128, tensor('b', [0, 7], 0, 0), a),
    withTensors(160, tensor('b', [1], 0, 128), a),
    withTensors(132, tensor('b', [1], 0, 128), a),
    withTensors(32, tensor('a', [2, 2, 2, 1], 0, 0)),
    withPair(
      pair('__proto__', VALUE.u8, u8(1)),
      listPair('constructor', VALUE.text, 0, u8()),
      listPair('x', VALUE.i32, 0, u8()),
    ),
    {
      pairs: [pair('general.alignment', VALUE.u32, u32(8))],
      tensors: [tensor('a', [1], 0, 0), tensor('b', [1], 0, 8)],
      data: 12,
      alignment: 8,
    },
    { pairs: [pair('general.alignment', VALUE.u64, u64(64))], tensors: [a], data: 128, alignment: 64 },
    withTensors(64, tensor('a', [256], 34, 0)),
  ];
  for (const [i, frame] of legal.entries()) {
    const file = ggufFrame(frame);
    assert.ok(await readGguf(meteredSource(file)), `file ${i}`);
  }
});

// Weights.

const HALF = { one: [0x00, 0x3c], inf: [0x00, 0x7c], minusInf: [0x00, 0xfc], nan: [0x01, 0x7e], largest: [0xff, 0x7b] };
/** Type, bytes of a block, and where its f16 numbers stand. */
const BLOCKS: readonly [type: number, name: string, bytes: number, halves: readonly number[]][] = [
  [8, 'Q8_0', 34, [0]],
  [2, 'Q4_0', 18, [0]],
  [3, 'Q4_1', 20, [0, 2]],
  [6, 'Q5_0', 22, [0]],
  [7, 'Q5_1', 24, [0, 2]],
  [12, 'Q4_K', 144, [0, 2]],
  [13, 'Q5_K', 176, [0, 2]],
  [14, 'Q6_K', 210, [208]],
];

for (const [type, name, bytes, halves] of BLOCKS) {
  for (const at of halves) {
    test(`${name}: a scale at byte ${at} of a block that is not finite is refused, the largest f16 is not`, async () => {
      const values = bytes > 100 ? 256 : 32;
      const file = ggufFrame(withTensors(2 * bytes + ((-2 * bytes) & 31), tensor('w', [values, 2], type, 0)));
      const { begin, decode } = (await readGguf(bytesSource(file, 'x'))).tensors.get('w')!;
      const check = (half: readonly number[]) => {
        const blocks = file.slice(begin, begin + 2 * bytes).fill(3);
        for (const place of halves) for (const block of [0, bytes]) blocks.set(HALF.one, block + place);
        blocks.set(half, bytes + at);
        checkFinite(decode!(blocks, new Scratch()), 'w');
      };
      for (const half of [HALF.inf, HALF.minusInf, HALF.nan]) {
        assert.is((await rejection(() => check(half))).code, 'file.nonfinite');
      }
      check(HALF.largest);
    });
  }
}

test('a weight of -128 in Q8_0 is -128 times its scale', async () => {
  const file = ggufFrame(withTensors(64, tensor('w', [32], 8, 0)));
  const { begin, decode } = (await readGguf(bytesSource(file, 'x'))).tensors.get('w')!;
  file.set([0x00, 0x38, 0x80, 0x7f], begin); // scale 0.5, then -128 and 127
  const values = decode!(file.subarray(begin, begin + 34), new Scratch());
  assert.ok('q8' in values);
  assert.equal([...values.q8.q.subarray(0, 3)], [-128, 127, 0]);
});

test.run();
