/**
 * Options of a generation: every name and every value is checked before anything else happens.
 * @module
 */
import { outOfRange, wrongType } from '../check-options.ts';
import type { AnyDrafter, Drafter } from '../draft/drafter.ts';
import { ForetokenError, quote } from '../errors.ts';
import type { DraftSampling } from '../tree/draft-tree.ts';
import type { AcceptanceRule } from '../verify/verifier.ts';
import type { SamplingSettings } from './sampling.ts';
import type { StepReport } from './step-report.ts';

/**
 * What guesses: `auto` lets a scheduler decide when the drafters of AUTO_DRAFTERS pay, and those that stand beside it in a list; `none` decodes plainly;
 * else a drafter, or several merged.
 */
export type DraftOption<S extends DraftSampling = DraftSampling> =
  | 'auto'
  | 'none'
  | DrafterName
  | readonly ('auto' | DrafterName | Drafter<S>)[]
  | Drafter<S>;
type Source = 'auto' | DrafterName | AnyDrafter;

/** The built-in drafters; the code of those that `auto` does without is loaded when they are first named. */
export type DrafterName = (typeof DRAFTER_NAMES)[number];
export const AUTO_DRAFTERS = ['lookup', 'recycle'] as const;
export const DRAFTER_NAMES = [...AUTO_DRAFTERS, 'automaton', 'aded', 'lookahead'] as const;

/** A text that the output is expected to resemble, also in OpenAI's form, or its token ids. */
export type Prediction =
  | string
  | ArrayLike<number>
  | {
      readonly type: 'content';
      readonly content: string | readonly { readonly type: 'text'; readonly text: string }[];
    };

/** How far a call has come. */
export interface Progress {
  readonly phase: 'prefill' | 'decode';
  /** Prompt positions in the cache, or tokens generated. */
  readonly done: number;
  /** Prompt positions before the last one, or `maxTokens` (Infinity without a limit). */
  readonly total: number;
}

/** @typeParam S how those who draft sample: the rule that accepts must be valid for it */
export interface GenerateOptions<S extends DraftSampling = DraftSampling> {
  /** Most tokens to generate. Default: until end-of-text, a stop string, or the end of the context. */
  readonly maxTokens?: number;
  /** 0 (default) is greedy; else logits are divided by it and a token is drawn. 0..100. */
  readonly temperature?: number;
  /** Draw among the K most likely tokens; 0 (default) for all. */
  readonly topK?: number;
  /** Draw among the fewest most likely tokens that sum to this probability; 1 (default) for all. 0..1. */
  readonly topP?: number;
  /** Draw among tokens at least this times as likely as the most likely one; 0 (default) for all. 0..1. */
  readonly minP?: number;
  /** Over 1: less repetition of the prompt's and the output's tokens; 1 (default) for none. 0.01..100. */
  readonly repetitionPenalty?: number;
  /** Key of the random numbers: the same seed gives the same tokens. 0..2^53 - 1; default: a new one each call, reported in `stats.seed`. */
  readonly seed?: number;
  /** One or more strings that end the text; they are not part of it. */
  readonly stop?: string | readonly string[];
  /** Aborts the call: the iteration then throws the signal's reason, as `fetch` does. */
  readonly signal?: AbortSignal;
  /** Default `auto`. */
  readonly draft?: DraftOption<S>;
  /** Most nodes to draft in one pass; default: what the model's passes allow with `auto`, 15 with named drafters. */
  readonly draftTokens?: number;
  /**
   * What is accepted: a rule of `foretoken/verify`. Default: the target's own choice or draw, which gives the tokens of plain decoding. Rules
   * compare the probabilities of target and drafter, and promise no more than the same distribution.
   */
  readonly verifier?: AcceptanceRule<S>;
  /**
   * A fixed cost of a pass over n new tokens at index n, in any unit, instead of the measured one: decisions of `auto` then do not depend
   * on time. Index 0 is not used; beyond the end the last step goes on.
   */
  readonly costTable?: ArrayLike<number>;
  /** Log probabilities of each token, and of this many most likely ones at its position. 0..20. */
  readonly logprobs?: number;
  /** A text that the output is expected to resemble, such as the old text in an edit: it is drafted from, unless `draft` is `none`. */
  readonly prediction?: Prediction;
  readonly onProgress?: (progress: Progress) => void;
  /** Called after each pass: what was drafted, and the source, depth and rank of each accepted node. */
  readonly onStep?: (step: StepReport) => void;
}

/** Checked options, defaults filled in. */
export interface Settings {
  readonly maxTokens: number;
  readonly sampling: SamplingSettings;
  readonly seed: number;
  readonly stop: readonly string[];
  readonly signal: AbortSignal | undefined;
  /** Who drafts; an empty list decodes plainly. */
  readonly draft: readonly Source[];
  readonly draftTokens: number | undefined;
  readonly verifier: AcceptanceRule<DraftSampling> | undefined;
  readonly costTable: Float64Array | undefined;
  readonly logprobs: number | undefined;
  /** What it holds is checked where it is read. */
  readonly prediction: Prediction | undefined;
  readonly onProgress: ((progress: Progress) => void) | undefined;
  readonly onStep: ((step: StepReport) => void) | undefined;
}

const MAX_STOPS = 16;
const MAX_STOP_LENGTH = 1024;
const MAX_COSTS = 65536;
/** Proposers are told apart by a byte: so many drafters with so many sources. */
const MAX_DRAFTERS = 8;
const MAX_SOURCES = 16;
/** The limit of the model's passes is smaller. */
const MAX_DRAFT_TOKENS = 65535;

/**
 * @throws {ForetokenError} `option.unknown` for a name that is not an option, `option.type` and `option.range` for a value that it cannot take
 */
export function checkOptions<S extends DraftSampling>(options: GenerateOptions<S> = {}): Settings {
  if (typeof options !== 'object' || options === null) throw wrongType('options', 'an object', options);
  for (const name of Object.keys(options)) {
    if (!Object.hasOwn(READERS, name)) {
      throw new ForetokenError(
        'option.unknown',
        `unknown option ${quote(name)}: expected ${Object.keys(READERS).join(', ')}`,
      );
    }
  }
  const read = <K extends keyof typeof READERS>(name: K) =>
    READERS[name](name, options[name]) as ReturnType<(typeof READERS)[K]>;
  return {
    maxTokens: read('maxTokens') ?? Infinity,
    sampling: {
      temperature: read('temperature') ?? 0,
      topK: read('topK') ?? 0,
      topP: read('topP') ?? 1,
      minP: read('minP') ?? 0,
      repetitionPenalty: read('repetitionPenalty') ?? 1,
    },
    seed: read('seed') ?? randomSeed(),
    stop: read('stop'),
    signal: read('signal'),
    draft: read('draft'),
    draftTokens: read('draftTokens'),
    verifier: read('verifier'),
    costTable: read('costTable'),
    logprobs: read('logprobs'),
    prediction: read('prediction'),
    onProgress: read('onProgress'),
    onStep: read('onStep'),
  };
}

/** How each option is read: its name and value in, the checked value or undefined out. */
const READERS = {
  maxTokens: integer(1, Number.MAX_SAFE_INTEGER),
  temperature: number(0, 100),
  topK: integer(0, Number.MAX_SAFE_INTEGER),
  topP: number(0, 1),
  minP: number(0, 1),
  repetitionPenalty: number(0.01, 100),
  seed: integer(0, Number.MAX_SAFE_INTEGER),
  stop: readStop,
  signal: readSignal,
  draft: readDraft,
  draftTokens: integer(1, MAX_DRAFT_TOKENS),
  verifier: readVerifier,
  costTable: readCosts,
  logprobs: integer(0, 20),
  prediction: readPrediction,
  onProgress: readCallback<Progress>,
  onStep: readCallback<StepReport>,
};

type Reader<T> = (name: string, value: unknown) => T;

function number(from: number, to: number): Reader<number | undefined> {
  return (name, value) => {
    if (value === undefined) return undefined;
    if (typeof value !== 'number') throw wrongType(name, 'a number', value);
    if (!(value >= from && value <= to)) throw outOfRange(name, `${from}..${to}`, value);
    return value;
  };
}

function integer(from: number, to: number): Reader<number | undefined> {
  const check = number(from, to);
  return (name, value) => {
    const result = check(name, value);
    if (result !== undefined && !Number.isInteger(result)) throw outOfRange(name, `an integer, ${from}..${to}`, result);
    return result;
  };
}

function readStop(name: string, value: unknown): readonly string[] {
  if (value === undefined) return [];
  const stops: unknown[] = Array.isArray(value) ? value : [value];
  if (stops.length > MAX_STOPS) throw outOfRange(name, `at most ${MAX_STOPS} strings`, stops.length);
  for (const stop of stops) {
    if (typeof stop !== 'string') throw wrongType(name, 'a string or an array of strings', stop);
    if (stop.length < 1 || stop.length > MAX_STOP_LENGTH) {
      throw outOfRange(name, `strings of 1..${MAX_STOP_LENGTH} characters`, stop.length);
    }
    // Text comes in whole characters: half of one can never be found.
    if (/\p{Surrogate}/u.test(stop)) throw outOfRange(name, 'well-formed strings', 'a lone surrogate');
  }
  return stops as string[];
}

function readSignal(name: string, value: unknown): AbortSignal | undefined {
  const signal = value as Partial<AbortSignal> | null | undefined;
  if (signal === undefined) return undefined;
  if (typeof signal?.aborted !== 'boolean' || typeof signal.addEventListener !== 'function') {
    throw wrongType(name, 'an AbortSignal', value);
  }
  return signal as AbortSignal;
}

function readDraft(name: string, value: unknown): Settings['draft'] {
  if (value === 'none') return [];
  const drafters: unknown[] = Array.isArray(value) ? value : [value === undefined ? 'auto' : value];
  if (drafters.length < 1 || drafters.length > MAX_DRAFTERS) {
    throw outOfRange(name, `1..${MAX_DRAFTERS} drafters`, drafters.length);
  }
  for (const drafter of drafters) {
    if (typeof drafter === 'string') {
      if (drafter !== 'auto' && !(DRAFTER_NAMES as readonly string[]).includes(drafter)) {
        throw outOfRange(name, `'auto', 'none' or drafters (${DRAFTER_NAMES.join(', ')})`, quote(drafter));
      }
    } else if (!isDrafter(drafter)) {
      throw wrongType(name, 'a drafter: a name, or an object with name, begin, propose and observe', drafter);
    }
  }
  if (new Set(drafters).size < drafters.length) throw outOfRange(name, 'each drafter once', 'one twice');
  return drafters as Source[];
}

function isDrafter(value: unknown): value is AnyDrafter {
  const drafter = value as Partial<AnyDrafter> | null;
  return (
    typeof drafter === 'object' &&
    drafter !== null &&
    typeof drafter.name === 'string' &&
    typeof drafter.begin === 'function' &&
    typeof drafter.propose === 'function' &&
    typeof drafter.observe === 'function' &&
    (drafter.outlook === undefined || typeof drafter.outlook === 'function') &&
    (drafter.meet === undefined || typeof drafter.meet === 'function') &&
    (drafter.sources === undefined || isSources(drafter.sources))
  );
}

function isSources(value: unknown): value is readonly string[] {
  const names = Array.isArray(value) ? value : [];
  return names.length >= 1 && names.length <= MAX_SOURCES && names.every((name) => typeof name === 'string');
}

/** Whether it fits the drafters is the rule's to say. */
function readVerifier(name: string, value: unknown): Settings['verifier'] {
  const rule = value as Partial<AcceptanceRule<DraftSampling>> | null | undefined;
  if (rule !== undefined && typeof rule?.create !== 'function') throw wrongType(name, 'an acceptance rule', value);
  return rule as Settings['verifier'];
}

function readCosts(name: string, value: unknown): Float64Array | undefined {
  if (value === undefined) return undefined;
  const costs = value as ArrayLike<number> | null;
  if (typeof costs !== 'object' || costs === null || !Number.isInteger(costs.length)) {
    throw wrongType(name, 'an array of numbers', value);
  }
  if (costs.length < 2 || costs.length > MAX_COSTS) throw outOfRange(name, `2..${MAX_COSTS} entries`, costs.length);
  for (let n = 1; n < costs.length; n++) {
    if (typeof costs[n] !== 'number') throw wrongType(`${name}[${n}]`, 'a number', costs[n]);
    if (!(costs[n]! > 0 && costs[n]! < Infinity))
      throw outOfRange(`${name}[${n}]`, 'a positive finite number', costs[n]!);
  }
  return Float64Array.from(costs);
}

function readPrediction(name: string, value: unknown): Prediction | undefined {
  if (value === null || !/^(?:undefined|string|object)$/.test(typeof value))
    throw wrongType(name, 'text or token ids', value);
  return value as Prediction | undefined;
}

function readCallback<T>(name: string, value: unknown): ((what: T) => void) | undefined {
  if (value !== undefined && typeof value !== 'function') throw wrongType(name, 'a function', value);
  return value as ((what: T) => void) | undefined;
}

/** 53 bits from the host's source of randomness. */
function randomSeed(): number {
  const [low, high] = crypto.getRandomValues(new Uint32Array(2)) as unknown as [number, number];
  return (high >>> 11) * 4294967296 + low;
}
