/**
 * The promises that hold on every runtime, in one module that runs on each of them: P1, a tree pass has the bits of plain decoding;
 * P2, those bits are the same everywhere, cold and warm.
 * @module
 */
import { createEngine, type GenerateOptions, type LoadOptions, load, type Model, type Prompt } from 'foretoken';
import { loadTransformer } from '../../src/inside.ts';
import { createTrainingEngine } from '../../src/train/engine.ts';
import type { Session } from '../../src/model/session.ts';
import { differingNodes, plainLogits, prefill } from '../model/plain-decoding.ts';
import { randomParents, withTokens } from '../model/trees.ts';
import { firstDifference, random, randomInt } from '../numbers.ts';
import { trainingDigest } from '../train/small-llama.ts';

/** What differs between runtimes. */
export interface Environment {
  /** Address of the test server, with a slash at its end; `fixtures/` and `weights/` of the repository lie below it. */
  readonly base: string;
  /** Folder of the repository, on hosts with files. */
  readonly folder?: string;
  /** Kernels that the host has compiled; otherwise those that the package finds. */
  readonly module?: WebAssembly.Module;
  /** The same for kernels of training. */
  readonly trainingModule?: WebAssembly.Module;
  /** Threads that every model is asked to run on. */
  readonly threads: number;
  /** Threads that models must get: fewer where the host shares no memory. */
  readonly granted: number;
}

/** What a runtime came to. */
export interface Outcome {
  /** SHA-256 of tokens and logits by part: P2 says that each is the same everywhere. */
  readonly digests: Readonly<Record<string, string>>;
  /** Whether it holds, by title. */
  readonly checks: Readonly<Record<string, boolean>>;
}

const TREES = 20;
const PROMPT = 40;
const DECODED = 24;
const GENERATED = 64;

/** Types of weights, and of the cache, by the name that their digest has. */
const TYPES: Readonly<Record<string, LoadOptions>> = {
  f32: { dtype: 'f32' },
  q8: { dtype: 'q8' },
  q4: { dtype: 'q4' },
  'q8, cache in f16': { dtype: 'q8', kv: 'f16' },
  'q8, cache in q8': { dtype: 'q8', kv: 'q8' },
};

/** Every way of drafting comes to the tokens of `none`; the cost table makes `auto` draft whatever the time a pass takes here. */
const DRAFTS: Readonly<Record<string, GenerateOptions>> = {
  none: { draft: 'none' },
  lookup: { draft: 'lookup' },
  recycle: { draft: 'recycle' },
  both: { draft: ['lookup', 'recycle'] },
  auto: { draft: 'auto', costTable: [0, 1, 1.05, 1.1, 1.15, 1.2] },
};

/** Prompts that drafters can draw from. */
const REPETITIVE_IDS = Array.from({ length: 80 }, (_, i) => ((i % 20) * 37) % 512);
const REPETITIVE_TEXT = `export function clamp(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), high);
}

export function wrap(value: number, low: number, high: number): number {
`;

const SAMPLINGS: Readonly<Record<string, GenerateOptions>> = {
  greedy: {},
  seeded: { temperature: 0.8, topK: 40, topP: 0.95, seed: 7, repetitionPenalty: 1.1 },
};

/** @throws {ForetokenError} and whatever else keeps a promise from being tried */
export async function runPromises(environment: Environment): Promise<Outcome> {
  const { base, folder, module, trainingModule, threads, granted } = environment;
  const engine = await createEngine({ ...(module && { module }) });
  const digests: Record<string, string> = {};
  const checks: Record<string, boolean> = {};

  for (const [name, types] of Object.entries(TYPES)) {
    const model = await loadTransformer(`${base}fixtures/models/test-300k/`, { engine, ...types, threads });
    const session = model.session();
    const cold = greedyDecode(session);
    digests[`test-300k ${name}`] = await digest(cold.tokens, ...cold.logits);
    checks[`${name}: ${TREES} random trees have the bits of plain decoding (seed 11)`] = treesEqualPlain(session);
    checks[`${name}: prefill in pieces of 1, 3, 16 or at once leaves the same bits`] = piecesAgree(session);
    checks[`${name}: warm, decoding has the bits it had cold`] = sameDecode(greedyDecode(session), cold);
    if (folder !== undefined) {
      const fromFiles = await loadTransformer(`${folder}test/fixtures/models/test-300k`, { engine, ...types, threads });
      checks[`${name}: a model read from files has the bits of one read over HTTP`] = sameDecode(
        greedyDecode(fromFiles.session()),
        cold,
      );
      fromFiles.dispose();
    }
    // One byte less than the model takes in one memory: it is split.
    const largestMemory = model.plan.bytes - 1;
    const split = await loadTransformer(`${base}fixtures/models/test-300k/`, {
      engine,
      ...types,
      threads,
      largestMemory,
    });
    checks[`${name}: a model over two memories has the bits of one over one`] =
      split.machines.length === 2 && sameDecode(greedyDecode(split.session()), cold);
    split.dispose();
    model.dispose();
  }

  // The embedded model by its name, where hosts find packages; elsewhere by its address.
  const models: Readonly<Record<string, readonly [place: string, prompt: Prompt]>> = {
    'test-300k': [`${base}fixtures/models/test-300k/`, REPETITIVE_IDS],
    'foretoken-code': [folder === undefined ? `${base}weights/foretoken-code/` : 'foretoken-code', REPETITIVE_TEXT],
  };
  for (const [name, [place, prompt]] of Object.entries(models)) {
    const model = await load(place, { threads, ...(module && { engine }) });
    checks[`${name}: asked for ${threads} threads, a model has ${granted}, and says why where they are fewer`] =
      model.threads === granted && (model.threadsNote === undefined) === (granted === threads);
    for (const [sampling, options] of Object.entries(SAMPLINGS)) {
      const plain = await generated(model, prompt, { ...options, ...DRAFTS.none });
      digests[`${name} generate ${sampling}`] = await digest(
        plain.tokens,
        plain.logprobs,
        new TextEncoder().encode(plain.text),
      );
      for (const [draft, drafting] of Object.entries(DRAFTS)) {
        const drafted = await generated(model, prompt, { ...options, ...drafting });
        checks[`${name}, ${sampling}: drafting with ${draft} changes no token and no bit of a probability`] =
          sameGeneration(drafted, plain);
      }
    }
    // Not disposed: a process must be able to end all the same.
  }

  const training = await createTrainingEngine({ ...(trainingModule && { module: trainingModule }) });
  digests.training = await trainingDigest({ engine: training, threads });
  return { digests, checks };
}

interface Generated {
  readonly tokens: Int32Array;
  readonly logprobs: Float64Array;
  readonly text: string;
}

/** At most GENERATED tokens, with their log probabilities. */
async function generated(model: Model, prompt: Prompt, options: GenerateOptions): Promise<Generated> {
  const tokens: number[] = [];
  const logprobs: number[] = [];
  let text = '';
  for await (const piece of model.generate(prompt, { ...options, maxTokens: GENERATED, logprobs: 0 })) {
    text += piece.text;
    tokens.push(...piece.tokens);
    logprobs.push(...(piece.logprobs ?? []).map(({ logprob }) => logprob));
  }
  return { tokens: Int32Array.from(tokens), logprobs: Float64Array.from(logprobs), text };
}

function sameGeneration(a: Generated, b: Generated): boolean {
  return a.text === b.text && a.tokens.join() === b.tokens.join() && a.logprobs.join() === b.logprobs.join();
}

interface Decode {
  readonly tokens: Int32Array;
  /** (V,) after the prompt and after each token. */
  readonly logits: readonly Float32Array[];
}

const promptOf = ({ vocab }: { readonly vocab: number }, seed: number): number[] => {
  const next = random(seed);
  return Array.from({ length: PROMPT }, () => randomInt(next, vocab));
};

/** Plain greedy decoding after a fixed prompt, from an empty cache. */
function greedyDecode(session: Session): Decode {
  session.truncate(0);
  const tokens: number[] = [];
  const logits = [prefill(session, promptOf(session, 10))];
  for (let step = 0; step < DECODED; step++) {
    const token = largest(logits[step]!);
    tokens.push(token);
    logits.push(...plainLogits(session, [token]));
  }
  return { tokens: Int32Array.from(tokens), logits };
}

/** Index of the largest value; ties go to the lowest. */
function largest(values: Float32Array): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i]! > values[best]!) best = i;
  return best;
}

function sameDecode(a: Decode, b: Decode): boolean {
  return a.tokens.join() === b.tokens.join() && a.logits.every((row, i) => firstDifference(row, b.logits[i]!) === -1);
}

/** P1 on random trees after random prompts. */
function treesEqualPlain(session: Session): boolean {
  const next = random(11);
  for (let round = 0; round < TREES; round++) {
    session.truncate(0);
    prefill(session, promptOf(session, 100 + round));
    const tree = withTokens(randomParents(next, 2 + randomInt(next, 23)), next, session.vocab);
    if (differingNodes(session, tree).length > 0) return false;
  }
  return true;
}

function piecesAgree(session: Session): boolean {
  const prompt = promptOf(session, 12);
  const [whole, ...others] = [PROMPT, 16, 3, 1].map((piece) => {
    session.truncate(0);
    return prefill(session, prompt, piece);
  });
  return others.every((logits) => firstDifference(logits, whole!) === -1);
}

/** SHA-256 of the bytes of arrays, little-endian as every WebAssembly host is; hexadecimal. */
async function digest(...arrays: readonly (Int32Array | Float32Array | Float64Array | Uint8Array)[]): Promise<string> {
  const bytes = await new Blob(arrays as readonly BlobPart[] as BlobPart[]).arrayBuffer();
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
