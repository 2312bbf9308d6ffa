/**
 * What samples come to: which of them count, speed-ups with intervals, acceptance lengths, shares of time.
 * @module
 */
import {
  bootstrap,
  bootstrapGroups,
  type Interval,
  median,
  type Pair,
  speedUpOfTotals,
} from '../../src/cli/statistics.ts';
import { PLAIN, type Sample } from './measure.ts';

/**
 * Why a prompt's speed says nothing: an output that repeats itself is what every drafter guesses best, and a wrong edit is no edit. Rounds are alike
 * in this, as the same seed gives the same tokens.
 */
export function leftOut(sample: Pick<Sample, 'loop' | 'right'>): 'loop' | 'wrong' | undefined {
  if (sample.right === false) return 'wrong';
  return sample.loop ? 'loop' : undefined;
}

/** A prompt both ways, all rounds. */
interface Both {
  readonly plain: readonly Sample[];
  readonly other: readonly Sample[];
}

/** Prompts that count both ways, by id. */
function counted(samples: readonly Sample[], method: string): Both[] {
  const byPrompt = new Map<string, { plain: Sample[]; other: Sample[] }>();
  for (const sample of samples) {
    const both = byPrompt.get(sample.prompt) ?? { plain: [], other: [] };
    byPrompt.set(sample.prompt, both);
    if (sample.method === PLAIN) both.plain.push(sample);
    if (sample.method === method) both.other.push(sample);
  }
  return [...byPrompt.values()].filter(
    ({ plain, other }) =>
      plain.length > 0 && other.length > 0 && [...plain, ...other].every((sample) => leftOut(sample) === undefined),
  );
}

/**
 * For each prompt that counts the medians over its rounds. Where a method's output has another length than plain decoding's, as sampled ones may, its
 * time is scaled to plain decoding's number of tokens.
 */
export function pairsOf(samples: readonly Sample[], method: string): Pair[] {
  return counted(samples, method).map(({ plain, other }) => {
    const tokens = plain[0]!.tokens;
    const perToken = median(other.map((sample) => sample.decodeMs / sample.tokens));
    return { plainMs: median(plain.map(({ decodeMs }) => decodeMs)), otherMs: perToken * tokens };
  });
}

/** Plain time over the method's, over prompts; undefined where none counts. */
export function speedUp(samples: readonly Sample[], method: string): Interval | undefined {
  const pairs = pairsOf(samples, method);
  return pairs.length > 0 ? bootstrap(pairs, speedUpOfTotals) : undefined;
}

/** The mean of the speed-ups of several kinds, each counting the same; kinds without a prompt that counts are left out. */
export function meanSpeedUp(kinds: readonly (readonly Sample[])[], method: string): Interval | undefined {
  const groups = kinds.map((samples) => pairsOf(samples, method)).filter((pairs) => pairs.length > 0);
  if (groups.length === 0) return undefined;
  return bootstrapGroups(groups, (drawn) => mean(drawn.map(speedUpOfTotals)));
}

/** What a method's samples come to, those of prompts that count, or all of them. */
export interface Totals {
  readonly prompts: number;
  readonly tokens: number;
  readonly passes: number;
  readonly decodeMs: number;
  readonly draftMs: number;
  readonly passMs: number;
  readonly drafts: number;
  /** Accepted nodes at depth i + 1. */
  readonly accepted: readonly number[];
}

export function totals(samples: readonly Sample[], method: string, which: 'counted' | 'all' = 'counted'): Totals {
  const own =
    which === 'all'
      ? samples.filter((sample) => sample.method === method)
      : counted(samples, method).flatMap(({ plain, other }) => (method === PLAIN ? plain : other));
  const sum = (of: (sample: Sample) => number) => own.reduce((total, sample) => total + of(sample), 0);
  const depth = Math.max(0, ...own.map(({ accepted }) => accepted.length));
  return {
    prompts: new Set(own.map(({ prompt }) => prompt)).size,
    tokens: sum(({ tokens }) => tokens),
    passes: sum(({ passes }) => passes),
    decodeMs: sum(({ decodeMs }) => decodeMs),
    draftMs: sum(({ draftMs }) => draftMs),
    passMs: sum(({ passMs }) => passMs),
    drafts: sum(({ drafts }) => drafts),
    accepted: Array.from({ length: depth }, (_, i) => sum(({ accepted }) => accepted[i] ?? 0)),
  };
}

/** Emitted tokens by passes: pooled, so that long outputs weigh more. Undefined without passes. */
export function acceptanceLength({ tokens, passes }: Pick<Totals, 'tokens' | 'passes'>): number | undefined {
  return passes > 0 ? tokens / passes : undefined;
}

/** The plain mean of what is known; undefined where nothing is. */
export function meanOfKnown(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter((value) => value !== undefined);
  return known.length > 0 ? mean(known) : undefined;
}

function mean(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0) / values.length;
}
