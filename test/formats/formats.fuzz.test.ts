/** Random damage to sound files: the outcome is one of our errors or a description that holds, never anything else. */
import fc from 'fast-check';
import { ForetokenError } from '../../src/errors.ts';
import { type ModelConfig, parseHfConfig } from '../../src/formats/hf-config.ts';
import { readSafetensors } from '../../src/formats/safetensors.ts';
import type { TensorDescription } from '../../src/formats/tensors.ts';
import { assert, test } from '../harness.ts';
import { transformers5Config } from './configs.ts';
import { entry, frame, meteredSource } from './frames.ts';

const encode = (text: string) => new TextEncoder().encode(text);

const header = `{${[
  '"__metadata__":{"format":"pt"}',
  entry('model.embed_tokens.weight', 'F32', '[4,3]', 0, 48),
  entry('model.norm.weight', 'BF16', '[3]', 48, 54),
  entry('w.q', 'I8', '[2,32]', 54, 118),
  entry('empty', 'F16', '[0]', 118, 118),
].join(',')}}`;
const sound = frame(header, 118);

/** Whether tensors fill the data of a file of `size` bytes, each with as many bytes as its elements need. */
function holds(tensors: readonly TensorDescription[], size: number): boolean {
  const sizes = {
    F64: 8,
    I64: 8,
    U64: 8,
    C64: 8,
    F32: 4,
    I32: 4,
    U32: 4,
    F16: 2,
    BF16: 2,
    I16: 2,
    U16: 2,
    F4: 0.5,
  } as const;
  const six = ['F6_E2M3', 'F6_E3M2'];
  let at = tensors[0]?.begin ?? size;
  for (const { dtype, shape, elements, bytes, begin, end } of tensors) {
    const product = shape.reduce((count, length) => count * length, 1);
    const elementBytes = six.includes(dtype) ? 0.75 : ((sizes as Record<string, number>)[dtype] ?? 1);
    if (elements !== product || bytes !== product * elementBytes || begin !== at || end !== begin + bytes) return false;
    at = end;
  }
  return at === size;
}

/** Reads a damaged file. @returns whether it was refused */
async function refuses(file: Uint8Array): Promise<boolean> {
  try {
    const { tensors } = await readSafetensors(meteredSource(file));
    assert.ok(holds([...tensors.values()], file.length), 'the description holds');
    return false;
  } catch (error) {
    assert.instance(error, ForetokenError, String(error));
    return true;
  }
}

test('the check of descriptions sees overlaps, holes, wrong sizes and wrong ends', async () => {
  const tensors = [...(await readSafetensors(meteredSource(sound))).tensors.values()];
  assert.ok(holds(tensors, sound.length));
  assert.not.ok(holds(tensors, sound.length + 1));
  assert.not.ok(holds(tensors.slice(0, -2), sound.length));
  assert.not.ok(holds([tensors[0]!, ...tensors], sound.length));
  assert.not.ok(
    holds(
      tensors.map((tensor) => ({ ...tensor, shape: [1] })),
      sound.length,
    ),
  );
});

/** Runs a property a number of times and shows that it met both outcomes. */
async function meetsBoth(property: (count: (refused: boolean) => void) => Promise<void>): Promise<void> {
  const outcomes = { refused: 0, accepted: 0 };
  await property((refused) => {
    outcomes[refused ? 'refused' : 'accepted']++;
  });
  assert.ok(outcomes.refused > 100 && outcomes.accepted > 10, JSON.stringify(outcomes));
}

test('files with bytes changed, removed, added are refused or hold (seed 21)', () =>
  meetsBoth((count) => {
    const at = fc.nat(sound.length - 1);
    const change = fc.oneof(
      { weight: 6, arbitrary: fc.record({ at, value: fc.nat(255) }) },
      { weight: 1, arbitrary: fc.record({ at, remove: fc.integer({ min: 1, max: 20 }) }) },
      { weight: 1, arbitrary: fc.record({ at, insert: fc.uint8Array({ minLength: 1, maxLength: 9 }) }) },
    );
    const property = fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 3 }), async (changes) => {
      const file = [...sound];
      for (const { at: place, ...what } of changes) {
        if ('value' in what) file[place] = what.value;
        else if ('remove' in what) file.splice(place, what.remove);
        else file.splice(place, 0, ...what.insert);
      }
      count(await refuses(Uint8Array.from(file)));
    });
    return fc.assert(property, { seed: 21, numRuns: 4000 });
  }));

/** Numbers at the edges of what a reader may get wrong. */
const edge = fc.oneof(
  fc.constantFrom(
    '-1',
    '0',
    '-0',
    '1.5',
    '2147483648',
    '4294967296',
    '9007199254740991',
    '9007199254740992',
    '1e15',
    '1e308',
    '1e400',
    'null',
    '"2"',
    '[]',
    '{}',
  ),
  fc.nat(130).map(String),
);

test('headers with numbers exchanged are refused or hold (seed 22)', () =>
  meetsBoth((count) => {
    const numbers = [...header.matchAll(/\d+(?=[,\]])/g)];
    const property = fc.asyncProperty(
      fc.nat(numbers.length - 1),
      fc.nat(numbers.length - 1),
      edge,
      async (i, j, value) => {
        let text = header;
        // From the back, so that the places of the others stay.
        for (const at of [...new Set([i, j])].sort((x, y) => y - x)) {
          const { index, 0: digits } = numbers[at]!;
          const replacement = at === i ? value : digits;
          text = text.slice(0, index) + replacement + text.slice(index + digits.length);
        }
        count(await refuses(frame(text, 118)));
      },
    );
    return fc.assert(property, { seed: 22, numRuns: 2000 });
  }));

test('headers of random tensors are refused or hold (seed 23)', () =>
  meetsBoth((count) => {
    const tensor = fc.record({
      name: fc.constantFrom('a', 'b', '__proto__', 'constructor', ''),
      dtype: fc.constantFrom('F32', 'BF16', 'I8', 'BOOL', 'F4', 'F6_E2M3', 'F33'),
      shape: fc.array(fc.constantFrom(0, 1, 2, 4, 2 ** 31, 2 ** 53), { maxLength: 3 }),
      begin: fc.constantFrom(0, 0, 0, 4, 8),
      bytes: fc.constantFrom(0, 1, 2, 4, 8),
    });
    const property = fc.asyncProperty(
      fc.array(tensor, { maxLength: 2 }),
      fc.constantFrom(0, 4, 8, 16),
      async (tensors, size) => {
        const entries = tensors.map(({ name, dtype, shape, begin, bytes }) =>
          entry(name, dtype, JSON.stringify(shape), begin, begin + bytes),
        );
        count(await refuses(frame(`{${entries.join(',')}}`, size)));
      },
    );
    return fc.assert(property, { seed: 23, numRuns: 3000 });
  }));

/** Whether every number of a config is one that the rest of the engine can rely on. */
function within(config: ModelConfig): boolean {
  const { vocab, hidden, layers, queryHeads, kvHeads, headDim, intermediate, context, eosTokens, bosToken } = config;
  const counts = [vocab, hidden, layers, queryHeads, kvHeads, headDim, intermediate, context];
  const tokens = bosToken === undefined ? eosTokens : [bosToken, ...eosTokens];
  return (
    counts.every((count) => Number.isInteger(count) && count >= 1 && count <= 2 ** 24) &&
    queryHeads % kvHeads === 0 &&
    headDim % 2 === 0 &&
    tokens.every((token) => Number.isInteger(token) && token >= 0 && token < vocab) &&
    config.rmsNormEpsilon > 0 &&
    config.ropeTheta >= 1 &&
    Number.isFinite(config.ropeTheta)
  );
}

test('the check of configurations sees what is out of bounds', () => {
  const config = parseHfConfig(encode(JSON.stringify(transformers5Config)));
  assert.ok(within(config));
  for (const fault of [
    { vocab: 0 },
    { kvHeads: 3 },
    { headDim: 15 },
    { eosTokens: [320] },
    { hidden: NaN },
    { ropeTheta: 0 },
  ]) {
    assert.not.ok(within({ ...config, ...fault }), JSON.stringify(fault));
  }
});

test('configurations with fields exchanged for any value are refused or within bounds (seed 24)', () =>
  meetsBoth((count) => {
    const name = fc.constantFrom(
      ...Object.keys(transformers5Config),
      'rope_scaling',
      'sliding_window',
      'quantization_config',
      '__proto__',
    );
    const value = fc.oneof(edge, fc.nat(400).map(String), fc.json({ maxDepth: 2 }));
    const property = fc.asyncProperty(
      fc.array(fc.tuple(name, value), { minLength: 1, maxLength: 3 }),
      async (changes) => {
        const fields = new Map(Object.entries(transformers5Config).map(([key, field]) => [key, JSON.stringify(field)]));
        for (const [key, text] of changes) fields.set(key, text);
        const text = `{${[...fields].map(([key, field]) => `${JSON.stringify(key)}:${field}`)}}`;
        try {
          assert.ok(within(parseHfConfig(encode(text))), text);
          count(false);
        } catch (error) {
          assert.instance(error, ForetokenError, String(error));
          count(true);
        }
      },
    );
    return fc.assert(property, { seed: 24, numRuns: 3000 });
  }));

test.run();
