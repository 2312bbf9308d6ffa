/**
 * Hostile inputs of both formats, by the million: files and configurations whose parts are changed, as parts and as bytes, and what is asked of
 * every one of them. Inputs follow from a seed and their number.
 * @module
 */
import process from 'node:process';
import { ForetokenError } from '../../src/errors.ts';
import { bytesSource } from '../../src/formats/byte-source.ts';
import { readSafetensors } from '../../src/formats/safetensors.ts';
import { openModel, readTokenizer } from '../../src/load.ts';
import { parseModelConfig } from '../../src/model/architectures/parse-config.ts';
import { planFor } from '../../src/model/load-transformer.ts';
import { CHECKPOINTS, readFixture } from '../model/architecture-models.ts';
import { random, randomInt } from '../numbers.ts';
import { countingAllocations } from './allocations.ts';
import { entry, frame } from './frames.ts';
import { f32, type Frame, ggufFrame, join, listPair, pair, tensor, text, u32, u64, u8, VALUE } from './gguf-frames.ts';
import { GENERAL, MODELS, number, type Typed, words } from './gguf-models.ts';

type Next = () => number;

/** An input, and what a user of its format does with it. */
export interface HostileInput {
  readonly bytes: Uint8Array;
  read(): Promise<unknown>;
}

/** The limits of a promise: milliseconds for each 64 KB begun, and bytes beside those of the input. */
const MOST_MS = 100;
const MOST_BYTES = 2 ** 20;
/** A pause of the collector is no hang: a run that takes too long is repeated so often, and the quickest counts. */
const REPEATS = 3;

/** Milliseconds of the processor that this process has taken: those of a busy machine do not count. */
function processorMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** What came of inputs. */
export interface HostileOutcome {
  readonly refused: number;
  readonly accepted: number;
  readonly slowestMs: number;
  readonly mostBytes: number;
  /** What broke a promise, with the number of the input. */
  readonly faults: readonly string[];
}

/** Reads inputs 0..count - 1 of a seed. */
export function readHostile(make: (next: Next) => HostileInput, seed: number, count: number): Promise<HostileOutcome> {
  return countingAllocations(async (allocation) => {
    let [refused, accepted, slowestMs, mostBytes] = [0, 0, 0, 0];
    const faults: string[] = [];
    for (let i = 0; i < count; i++) {
      const { bytes, read } = make(random(seed * 2 ** 24 + i));
      const mostMs = MOST_MS * Math.max(1, Math.ceil(bytes.length / 2 ** 16));
      let quickest = Infinity;
      for (let run = 0; run < REPEATS && quickest > mostMs; run++) {
        allocation.reset();
        const start = processorMs();
        const error = await read().then(
          () => undefined,
          (reason: unknown) => reason ?? new Error('nothing was thrown'),
        );
        quickest = Math.min(quickest, processorMs() - start);
        if (run > 0) continue;
        mostBytes = Math.max(mostBytes, allocation.bytes() - bytes.length);
        if (allocation.bytes() > bytes.length + MOST_BYTES) faults.push(`input ${i}: ${allocation.bytes()} bytes`);
        if (error === undefined) accepted++;
        else refused++;
        if (error !== undefined && !(error instanceof ForetokenError)) faults.push(`input ${i}: ${String(error)}`);
      }
      slowestMs = Math.max(slowestMs, quickest);
      if (quickest > mostMs) faults.push(`input ${i}: ${quickest} ms`);
    }
    return { refused, accepted, slowestMs, mostBytes, faults };
  });
}

const pick = <T>(next: Next, list: readonly T[]): T => list[randomInt(next, list.length)]!;

/** Numbers at the edges of what a reader may get wrong. */
const EDGES = [
  ...[0n, 1n, 2n, 7n, 31n, 32n, 33n, 64n, 255n, 256n, 2n ** 16n, 2n ** 24n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 32n],
  ...[2n ** 52n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 61n, 2n ** 63n, 2n ** 64n - 32n, 2n ** 64n - 1n],
];

/** Some bytes changed, removed or added, or the end cut off. */
function damaged(next: Next, file: Uint8Array): Uint8Array {
  const at = randomInt(next, Math.max(1, file.length));
  switch (randomInt(next, 4)) {
    case 0:
      return file.subarray(0, at);
    case 1:
      return join(file.subarray(0, at), file.subarray(Math.min(file.length, at + 1 + randomInt(next, 20))));
    case 2:
      return join(
        file.subarray(0, at),
        Uint8Array.from({ length: 1 + randomInt(next, 9) }, () => randomInt(next, 256)),
        file.subarray(at),
      );
    default: {
      const copy = file.slice();
      copy[at] = randomInt(next, 256);
      return copy;
    }
  }
}

// GGUF.

const FAMILIES = Object.values(MODELS);
/** Keys of all families, and of their tokenizers. */
const KEYS = [
  ...new Set(FAMILIES.flatMap(([, keys]) => Object.keys(keys))),
  ...['rope.scaling.type', 'rope.scaling.factor', 'rope.freq_base', 'attention.scale', 'attention.value_length'],
];
const NAMES = [
  'token_embd.weight',
  'output_norm.weight',
  'output.weight',
  'rope_freqs.weight',
  'blk.0.attn_q.weight',
  'blk.1.ffn_up.bias',
  'a',
  '',
];
const TEXTS = ['llama', 'gpt2', 'linear', 'yarn', 'none', 'qwen2', '', '\u0000', '__proto__'];

function anyValue(next: Next): Typed {
  switch (randomInt(next, 7)) {
    case 0:
      return [VALUE.u64, u64(pick(next, EDGES))];
    case 1:
      return [VALUE.f32, f32(pick(next, [0, -1, 1.5, 1e-30, 1e30, NaN, Infinity, 8, 32]))];
    case 2:
      return words(pick(next, TEXTS));
    case 3:
      return [VALUE.bool, u8(randomInt(next, 3))];
    case 4: {
      const count = pick(next, [0n, 1n, 2n, 3n, ...EDGES]);
      return [VALUE.list, join(u32(pick(next, Object.values(VALUE))), u64(count), u8(1, 0, 1, 0, 0, 0, 0, 0))];
    }
    case 5:
      return [randomInt(next, 16), Uint8Array.from({ length: randomInt(next, 12) }, () => randomInt(next, 256))];
    default:
      return number(pick(next, [0, 1, 2, 3, 4, 8, 16, 63, 64, 65, 1000, 2 ** 31]));
  }
}

const TOKENS = ['<s>', '</s>', '!', '"', 'a', 'b', 'ab', 'é'];

/** A file of a family, with some of its parts changed. */
export function hostileGguf(next: Next): HostileInput {
  const [architecture, keys] = pick(next, FAMILIES);
  const pairs = new Map<string, Typed>([
    ['general.architecture', words(architecture)],
    ...(Object.entries(GENERAL) as [string, Typed][]),
    ...(Object.entries(keys) as [string, Typed][]).map(([key, typed]): [string, Typed] => [
      `${architecture}.${key}`,
      typed,
    ]),
    [`${architecture}.vocab_size`, number(8)],
    ['tokenizer.ggml.model', words(pick(next, ['gpt2', 'llama', 'none']))],
    ['tokenizer.ggml.pre', words('gpt-2')],
  ]);
  const frames: Uint8Array[] = [
    listPair('tokenizer.ggml.tokens', VALUE.text, TOKENS.length, join(...TOKENS.map((token) => text(token)))),
    listPair('tokenizer.ggml.scores', VALUE.f32, TOKENS.length, join(...TOKENS.map(() => f32(0)))),
    listPair('tokenizer.ggml.merges', VALUE.text, 1, text('a b')),
  ];
  const tensors = [
    { name: 'token_embd.weight', sizes: [64n, 8n], type: 0, offset: 0n },
    { name: 'output_norm.weight', sizes: [64n], type: 0, offset: 2048n },
  ];
  let changed: Frame = { data: 2048 + 256 };
  let bytes = 0;
  for (let changes = randomInt(next, 4); changes > 0; changes--) {
    const key = `${randomInt(next, 4) === 0 ? pick(next, FAMILIES)[0] : architecture}.${pick(next, KEYS)}`;
    const one = tensors[randomInt(next, tensors.length)];
    switch (randomInt(next, 10)) {
      case 0:
        pairs.delete(pick(next, [...pairs.keys()]));
        break;
      case 1:
      case 2:
        pairs.set(pick(next, [...pairs.keys(), 'general.alignment', 'split.count']), anyValue(next));
        break;
      case 3:
        pairs.set(key, anyValue(next));
        break;
      case 4:
        frames.push(
          pair(pick(next, [key, 'tokenizer.ggml.token_type', 'tokenizer.chat_template', '']), ...anyValue(next)),
        );
        break;
      case 5:
        tensors.push({ name: pick(next, NAMES), sizes: [32n], type: randomInt(next, 42), offset: 2304n });
        break;
      case 6:
        if (one) one.sizes = Array.from({ length: randomInt(next, 5) }, () => pick(next, [...EDGES, 64n, 8n]));
        break;
      case 7:
        if (one)
          Object.assign(
            one,
            pick(next, [{ type: randomInt(next, 42) }, { offset: pick(next, EDGES) }, { name: pick(next, NAMES) }]),
          );
        break;
      case 8:
        changed = {
          ...changed,
          ...pick(next, [
            { tensorCount: pick(next, EDGES) },
            { pairCount: pick(next, EDGES) },
            { version: randomInt(next, 5) },
            { data: randomInt(next, 4096) },
          ]),
        };
        break;
      default:
        bytes++;
    }
  }
  let file = ggufFrame({
    ...changed,
    pairs: [...[...pairs].map(([key, typed]) => pair(key, ...typed)), ...frames],
    tensors: tensors.map(({ name, sizes, type, offset }) => tensor(name, sizes, type, offset)),
  });
  for (; bytes > 0; bytes--) file = damaged(next, file);
  return { bytes: file, read: () => openAll(file) };
}

/** All that loading does before memory is reserved, but for looking for each weight. */
async function openAll(file: Uint8Array): Promise<void> {
  const model = await openModel(file);
  await readTokenizer(model);
  planFor(model.config, { context: 1, maxNodes: 1, memoryLimit: 2 ** 24 });
  await model.readTensors();
}

// Safetensors and config.json.

const JSON_EDGES = [
  '-1',
  '0',
  '-0',
  '1.5',
  '2147483648',
  '9007199254740991',
  '9007199254740992',
  '1e308',
  '1e400',
  'null',
  '"2"',
  '[]',
  '{}',
  'true',
];
const DTYPES = ['F32', 'BF16', 'F16', 'I8', 'F64', 'F4', 'F6_E2M3', 'BOOL', 'F33', '__proto__'];
const CONFIGS = CHECKPOINTS.map((name) =>
  Object.entries(readFixture(name).config).map(([key, value]) => [key, JSON.stringify(value)] as const),
);
const FIELDS = [
  ...new Set(CONFIGS.flatMap((fields) => fields.map(([key]) => key))),
  'quantization_config',
  '__proto__',
];
const encoder = new TextEncoder();

/** A safetensors file or a config.json of any family, with some of its parts changed. */
export function hostileFolder(next: Next): HostileInput {
  return randomInt(next, 2) === 0 ? hostileSafetensors(next) : hostileConfig(next);
}

function hostileSafetensors(next: Next): HostileInput {
  const tensors = [
    ['model.embed_tokens.weight', 'F32', ['4', '3'], '0', '48'],
    ['model.norm.weight', 'BF16', ['3'], '48', '54'],
    ['w.q', 'I8', ['2', '32'], '54', '118'],
    ['empty', 'F16', ['0'], '118', '118'],
  ].map(
    ([name, dtype, shape, begin, end]) => ({ name, dtype, shape, begin, end }) as Record<string, string | string[]>,
  );
  const [size, length] = [
    118 + (randomInt(next, 8) === 0 ? randomInt(next, 40) - 20 : 0),
    randomInt(next, 12) === 0 ? pick(next, EDGES) : undefined,
  ];
  let bytes = 0;
  for (let changes = randomInt(next, 4); changes > 0; changes--) {
    const one = pick(next, tensors);
    switch (randomInt(next, 6)) {
      case 0:
        one.dtype = pick(next, DTYPES);
        break;
      case 1:
        one.shape = Array.from({ length: randomInt(next, 5) }, () => pick(next, [...JSON_EDGES, '1', '2', '4', '32']));
        break;
      case 2:
        one[pick(next, ['begin', 'end'])] = pick(next, [...JSON_EDGES, '48', '54', '118']);
        break;
      case 3:
        one.name = pick(next, ['model.norm.weight', '', '__proto__', '__metadata__']);
        break;
      case 4:
        tensors.push({ ...one });
        break;
      default:
        bytes++;
    }
  }
  const entries = tensors.map(({ name, dtype, shape, begin, end }) =>
    entry(name as string, dtype as string, `[${shape}]`, begin as string, end as string),
  );
  let file = frame(`{"__metadata__":{"format":"pt"},${entries}}`, Math.max(0, size), length);
  for (; bytes > 0; bytes--) file = damaged(next, file);
  return { bytes: file, read: () => readSafetensors(bytesSource(file, 'model.safetensors')) };
}

function anyJson(next: Next): string {
  switch (randomInt(next, 6)) {
    case 0:
      return `{"rope_type":"${pick(next, ['default', 'linear', 'llama3', 'yarn', 'longrope', 'su', 'x'])}","factor":${pick(next, JSON_EDGES)},"rope_theta":${pick(next, JSON_EDGES)}}`;
    case 1:
      return `[${Array.from({ length: randomInt(next, 4) }, () => pick(next, [...JSON_EDGES, '"full_attention"', '"sliding_attention"']))}]`;
    case 2:
      return '['.repeat(randomInt(next, 300));
    case 3:
      return String(randomInt(next, 300));
    default:
      return pick(next, JSON_EDGES);
  }
}

function hostileConfig(next: Next): HostileInput {
  const fields = new Map(pick(next, CONFIGS));
  for (let changes = randomInt(next, 4); changes > 0; changes--) {
    const name = pick(next, randomInt(next, 2) === 0 ? [...fields.keys()] : FIELDS);
    if (randomInt(next, 5) === 0) fields.delete(name);
    else fields.set(name, anyJson(next));
  }
  let bytes = encoder.encode(`{${[...fields].map(([key, value]) => `${JSON.stringify(key)}:${value}`)}}`);
  if (randomInt(next, 10) === 0) bytes = damaged(next, bytes) as typeof bytes;
  return {
    bytes,
    async read() {
      planFor(await parseModelConfig(bytes), { context: 1, maxNodes: 1, memoryLimit: 2 ** 24 });
    },
  };
}
