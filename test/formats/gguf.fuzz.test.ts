/**
 * Random damage to GGUF files, of their bytes and of their structure: the outcome is one of our errors or a description that holds.
 * FUZZ_SCALE multiplies the number of runs.
 */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { ForetokenError } from '../../src/errors.ts';
import { bytesSource } from '../../src/formats/byte-source.ts';
import { readGguf } from '../../src/formats/gguf.ts';
import { Scratch } from '../../src/formats/scratch.ts';
import type { TensorDescription } from '../../src/formats/tensors.ts';
import { openModel, readTokenizer } from '../../src/load.ts';
import { planFor } from '../../src/model/load-transformer.ts';
import { checkWeights, readMatrix } from '../../src/model/load-weights.ts';
import { assert, repositoryFile, test } from '../harness.ts';
import { meteredSource } from './frames.ts';
import { type Frame, ggufFrame, join, listPair, pair, tensor, text, u8, u32, VALUE } from './gguf-frames.ts';

const SCALE = Number(process.env.FUZZ_SCALE ?? 1);
const runs = (count: number) => Math.ceil(count * SCALE);

/** Values and bytes of a block, from the structures of ggml, written down a second time. */
const BLOCKS: Readonly<Record<string, readonly [values: number, bytes: number]>> = {
  F32: [1, 4],
  F16: [1, 2],
  BF16: [1, 2],
  I8: [1, 1],
  I16: [1, 2],
  I32: [1, 4],
  I64: [1, 8],
  F64: [1, 8],
  Q4_0: [32, 2 + 16],
  Q4_1: [32, 4 + 16],
  Q5_0: [32, 2 + 4 + 16],
  Q5_1: [32, 4 + 4 + 16],
  Q8_0: [32, 2 + 32],
  Q4_K: [256, 4 + 12 + 128],
  Q5_K: [256, 4 + 12 + 32 + 128],
  Q6_K: [256, 128 + 64 + 16 + 2],
};

/** Whether tensors lie end to end but for less than `alignment` bytes, each with as many bytes as its blocks need, to the end of the file. */
function holds(tensors: readonly TensorDescription[], size: number, alignment: number): boolean {
  let at = tensors[0]?.begin ?? size;
  for (const { dtype, shape, elements, bytes, begin, end } of tensors) {
    const [values, blockBytes] = BLOCKS[dtype] ?? [1, NaN]; // types without a decoder are not measured a second time
    const product = shape.reduce((count, length) => count * length, 1);
    const measured = Number.isNaN(blockBytes) ? bytes : (product / values) * blockBytes;
    if (elements !== product || bytes !== measured || end !== begin + bytes) return false;
    if (begin < at || begin - at >= alignment || end > size) return false;
    at = end;
  }
  return size - at < alignment || tensors.length === 0;
}

/** Reads a damaged file. @returns whether it was refused */
async function refuses(file: Uint8Array): Promise<boolean> {
  try {
    const { tensors, metadata } = await readGguf(meteredSource(file, file.length, file.length));
    const alignment = Number(metadata.get('general.alignment') ?? 32);
    assert.ok(holds([...tensors.values()], file.length, alignment), 'the description holds');
    return false;
  } catch (error) {
    assert.instance(error, ForetokenError, String(error));
    return true;
  }
}

/** Runs a property a number of times and shows that it met both outcomes. */
async function meetsBoth(property: (count: (refused: boolean) => void) => Promise<void>): Promise<void> {
  const outcomes = { refused: 0, accepted: 0 };
  await property((refused) => {
    outcomes[refused ? 'refused' : 'accepted']++;
  });
  assert.ok(outcomes.refused > 50 && outcomes.accepted > 10, JSON.stringify(outcomes));
}

const sound: Frame = {
  pairs: [
    pair('general.architecture', VALUE.text, text('llama')),
    pair('general.alignment', VALUE.u32, u32(32)),
    listPair('tokens', VALUE.text, 3, join(text('a'), text('é'), text(''))),
    listPair('types', VALUE.i32, 3, join(u32(1), u32(3), u32(1))),
    pair('truth', VALUE.bool, u8(1)),
  ],
  tensors: [tensor('a', [32, 2], 8, 0), tensor('b', [3], 0, 96), tensor('c', [256], 14, 128)],
  data: 128 + 210,
};
const soundFile = ggufFrame(sound);

test('the check of descriptions sees overlaps, holes, wrong sizes and wrong ends', async () => {
  const tensors = [...(await readGguf(bytesSource(soundFile, 'x'))).tensors.values()];
  const size = soundFile.length;
  assert.ok(holds(tensors, size, 32));
  assert.not.ok(holds(tensors, size + 32, 32));
  assert.not.ok(holds(tensors, size - 1, 32));
  assert.not.ok(holds([tensors[0]!, ...tensors], size, 32));
  assert.not.ok(holds([tensors[0]!, tensors[2]!], size, 32));
  assert.not.ok(
    holds(
      tensors.map((one) => ({ ...one, shape: [1] })),
      size,
      32,
    ),
  );
});

const at = fc.nat(soundFile.length - 1);
type Change = { at: number } & ({ value: number } | { remove: number } | { insert: Uint8Array });
const byteChange: fc.Arbitrary<Change> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ at, value: fc.nat(255) }) },
  { weight: 1, arbitrary: fc.record({ at, remove: fc.integer({ min: 1, max: 20 }) }) },
  { weight: 1, arbitrary: fc.record({ at, insert: fc.uint8Array({ minLength: 1, maxLength: 9 }) }) },
);

function damaged(changes: readonly Change[]): Uint8Array {
  const file = [...soundFile];
  for (const { at: place, ...what } of changes) {
    if ('value' in what) file[place] = what.value;
    else if ('remove' in what) file.splice(place, what.remove);
    else file.splice(place, 0, ...what.insert);
  }
  return Uint8Array.from(file);
}

test('files with bytes changed, removed, added are refused or hold (seed 31)', () =>
  meetsBoth((count) => {
    const changes = fc.array(byteChange, { minLength: 1, maxLength: 3 });
    const property = fc.asyncProperty(changes, async (list) => count(await refuses(damaged(list))));
    return fc.assert(property, { seed: 31, numRuns: runs(3000) });
  }));

/** Numbers at the edges of what a reader may get wrong. */
const edge = fc.oneof(
  fc.constantFrom(
    0n,
    1n,
    2n,
    31n,
    32n,
    33n,
    255n,
    256n,
    2n ** 31n,
    2n ** 32n - 1n,
    2n ** 32n,
    2n ** 52n,
    2n ** 53n - 1n,
  ),
  fc.constantFrom(2n ** 53n, 2n ** 61n, 2n ** 63n, 2n ** 64n - 32n, 2n ** 64n - 1n),
  fc.bigInt({ min: 0n, max: 400n }),
);

/** Where the numbers of the sound file stand: every place where 8 bytes are a number below 2^16, counts, lengths, sizes and offsets among them. */
const numbers = Array.from({ length: soundFile.length - 400 }, (_, at) => at).filter((at) => {
  const value = new DataView(soundFile.buffer).getBigUint64(at, true);
  return value < 2n ** 16n;
});

test('files with numbers of 64 bits exchanged are refused or hold (seed 32)', () =>
  meetsBoth((count) => {
    const exchange = fc.tuple(fc.constantFrom(...numbers), edge);
    const property = fc.asyncProperty(fc.array(exchange, { minLength: 1, maxLength: 2 }), async (exchanges) => {
      const file = soundFile.slice();
      for (const [at, value] of exchanges) new DataView(file.buffer).setBigUint64(at, value, true);
      count(await refuses(file));
    });
    return fc.assert(property, { seed: 32, numRuns: runs(2000) });
  }));

const kind = fc.oneof({ weight: 8, arbitrary: fc.nat(12) }, { weight: 1, arbitrary: fc.nat({ max: 2 ** 32 - 1 }) });
const key = fc.oneof(fc.constantFrom('a', 'b', 'general.alignment', '__proto__', ''), fc.string({ maxLength: 8 }));
const anyPair = fc.oneof(
  fc.tuple(key, kind, fc.uint8Array({ maxLength: 12 })).map(([name, type, bytes]) => pair(name, type, bytes)),
  fc
    .tuple(key, fc.string({ unit: 'binary', maxLength: 9 }))
    .map(([name, value]) => pair(name, VALUE.text, text(value))),
  fc.tuple(key, fc.nat(70_000)).map(([name, value]) => pair(name, VALUE.u32, u32(value))),
  fc
    .tuple(key, kind, fc.nat(3), fc.uint8Array({ maxLength: 24 }))
    .map(([name, type, items, bytes]) => listPair(name, type, items, bytes)),
  fc
    .tuple(key, fc.array(fc.string({ maxLength: 3 }), { maxLength: 3 }))
    .map(([name, texts]) => listPair(name, VALUE.text, texts.length, join(...texts.map((value) => text(value))))),
);
const size: fc.Arbitrary<number | bigint> = fc.oneof(
  fc.constantFrom(0, 1, 2, 4, 32, 64, 256),
  fc.constantFrom(2 ** 31, 2 ** 53, 2n ** 63n),
);
/** Values and bytes of a block of the types that are drawn most often, by their number. */
const SIZES: Readonly<Record<number, readonly [values: number, bytes: number]>> = {
  0: [1, 4],
  1: [1, 2],
  2: [32, 18],
  8: [32, 34],
  12: [256, 144],
  30: [1, 2],
};
const anyTensor = fc.record({
  name: fc.constantFrom('a', 'b', 'c', ''),
  sizes: fc.oneof(fc.constant<(number | bigint)[]>([32]), fc.array(size, { maxLength: 5 })),
  type: fc.oneof(fc.constantFrom(0, 1, 2, 8, 12, 30), fc.nat(42)),
  skip: fc.oneof(
    { weight: 6, arbitrary: fc.constant(0) },
    { weight: 1, arbitrary: fc.constantFrom(-32, 32, 1, 2 ** 40) },
  ),
});

test('files of random pairs and tensors are refused or hold (seed 33)', () =>
  meetsBoth((count) => {
    const frame = fc.record({
      pairs: fc.array(anyPair, { maxLength: 2 }),
      tensors: fc.array(anyTensor, { maxLength: 3 }),
      spare: fc.constantFrom(0, 0, 0, 1, 31, 32, -1),
    });
    const property = fc.asyncProperty(frame, async ({ pairs, tensors, spare }) => {
      let end = 0;
      const entries = tensors.map(({ name, sizes, type, skip }) => {
        const offset = Math.max(0, Math.ceil(end / 32) * 32 + skip);
        const [values, bytes] = SIZES[type] ?? [1, 4];
        const count = sizes.reduce<number>((product, length) => product * Number(length), 1);
        end = offset + (count / values) * bytes;
        return tensor(name, sizes, type, BigInt(Math.floor(Math.min(offset, 2 ** 62))));
      });
      const data = end < 100_000 ? Math.max(0, Math.ceil(end) + spare) : 64;
      count(await refuses(ggufFrame({ pairs, tensors: entries, data })));
    });
    return fc.assert(property, { seed: 33, numRuns: runs(3000) });
  }));

/** All that loading does to a model before and beside its memory. @returns whether it was refused */
async function refusesModel(file: Uint8Array): Promise<boolean> {
  try {
    const model = await openModel(file);
    await readTokenizer(model);
    const plan = planFor(model.config, { context: 1, maxNodes: 1, memoryLimit: 2 ** 24 });
    const { matrices } = checkWeights(plan.weights, await model.readTensors(), model.config.quantization);
    for (const { stored, plan: matrix } of matrices) {
      for await (const { row } of readMatrix(stored, matrix.inDim, { scratch: new Scratch() })) assert.ok(row >= 0);
    }
    return false;
  } catch (error) {
    assert.instance(error, ForetokenError, String(error));
    return true;
  }
}

test('models with bytes of the header changed are refused, or read to the end (seed 34)', () =>
  meetsBoth((count) => {
    const model = new Uint8Array(readFileSync(repositoryFile('test/fixtures/gguf/grouped-q4_0.gguf')));
    const change = fc.record({ at: fc.nat(2400), value: fc.oneof(fc.nat(255), fc.constantFrom(0, 1, 255)) });
    const property = fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 2 }), async (changes) => {
      const file = model.slice();
      for (const { at, value } of changes) file[at] = value;
      count(await refusesModel(file));
    });
    return fc.assert(property, { seed: 34, numRuns: runs(600) });
  }));

test.run();
