/**
 * Measures entrants of one shape, precision and thread count: in every round each of them once, one after the other, another first each time.
 * @module
 */
import { checkSameModel, checkTokens } from './agreement.ts';
import { type Contestant, NotOffered } from './contestants/contestant.ts';
import { type Entrant, generates, type Stable } from './entrants.ts';
import type { Precision } from './formats/model-files.ts';
import type { Loaded } from './hosts/loaded.ts';
import { randomPrompts } from './prompts.ts';

export const MEASURES = ['decode', 'prefill', 'curve'] as const;
export type Measure = (typeof MEASURES)[number];

export interface Settings {
  readonly rounds: number;
  readonly measures: readonly Measure[];
  readonly context: number;
  /** Tokens of the prompt, and new ones, of a measurement of decoding. */
  readonly prompt: number;
  readonly tokens: number;
  /** Tokens whose time to the first new token is measured, and those before the passes of the cost curve. */
  readonly prefill: number;
  readonly sizes: readonly number[];
  /** Decoding of a slow contestant is cut to fewer tokens, 8 at least, that take about so long. */
  readonly limitMs: number;
  /** Rounds for what takes far longer all the same. */
  readonly slowRounds: number;
}

export interface Group {
  readonly shape: string;
  readonly precision: Precision;
  readonly threads: number;
}

/** What one entrant took, by round. */
export interface Result extends Group {
  /** Threads of the others in its group: more than its own for the reference. */
  readonly groupThreads: number;
  readonly entrant: Entrant;
  readonly details: string;
  /** What `checkTokens` gave. */
  readonly checked: readonly number[] | undefined;
  /** Milliseconds of a token. */
  readonly decode: readonly number[];
  /** Milliseconds to the first token. */
  readonly prefill: readonly number[];
  /** Milliseconds of a pass, for each size. */
  readonly curve: readonly (readonly number[])[];
}

/** A measurement that takes this many limits is slow. */
const SLOW = 2;
/** Threads that wait for work by spinning stop within this time. */
const SETTLE_MS = 60;
const WARM_TOKENS = 8;

interface Runner {
  readonly group: Group;
  readonly entrant: Entrant;
  readonly contestant: Loaded;
  readonly checked: readonly number[] | undefined;
  readonly times: { decode: number[]; prefill: number[]; curve: number[][] };
  /** What this one's measurements are, by what was seen of its speed. */
  tokens: number;
  rounds: Record<Measure, number>;
}

/** @param reference is measured in groups of more threads, too, with one */
export async function measureGroup(
  group: Group,
  entrants: readonly Entrant[],
  stable: Stable,
  settings: Settings,
  reference: Entrant | undefined,
  leftOut: (entrant: Entrant, group: Group, why: string) => void,
): Promise<Result[]> {
  const runners: Runner[] = [];
  try {
    const starters = entrants.map((entrant) => ({ entrant, group }));
    if (group.threads > 1 && reference) starters.unshift({ entrant: reference, group: { ...group, threads: 1 } });
    for (const { entrant, group } of starters) {
      const loaded = await stable.load(entrant, { ...group, context: settings.context });
      if (loaded instanceof NotOffered) {
        leftOut(entrant, group, loaded.message);
        continue;
      }
      runners.push(await prepare(entrant, group, loaded, settings));
    }
    if (group.precision === 'f32') checkSameModel(runners);
    for (let round = 0; round < settings.rounds; round++) {
      const first = round % Math.max(1, runners.length);
      for (const runner of [...runners.slice(first), ...runners.slice(0, first)])
        await measure(runner, round, settings);
    }
  } finally {
    for (const { contestant } of runners) await contestant.close();
  }
  const { threads: groupThreads } = group;
  return runners.map(({ entrant, contestant, checked, times, group }) => {
    return { ...group, groupThreads, entrant, details: contestant.details, checked, ...times };
  });
}

/** Warms up, and sees how much of a measurement is bearable. */
async function prepare(entrant: Entrant, group: Group, contestant: Loaded, settings: Settings): Promise<Runner> {
  const runner: Runner = {
    group,
    entrant,
    contestant,
    checked: await checkTokens(contestant, group.shape),
    times: { decode: [], prefill: [], curve: [] },
    tokens: settings.tokens,
    rounds: { decode: settings.rounds, prefill: settings.rounds, curve: settings.rounds },
  };
  const { limitMs, slowRounds } = settings;
  const bearable = (ms: number) => (ms > SLOW * limitMs ? Math.min(slowRounds, settings.rounds) : settings.rounds);
  if (generates(contestant) && settings.measures.includes('decode')) {
    const { passesMs, passes } = await contestant.generate(
      randomPrompts(group.shape, settings.prompt, 3)(),
      WARM_TOKENS,
    );
    const bearableTokens = Math.floor((limitMs * passes) / passesMs);
    runner.tokens = Math.max(WARM_TOKENS, Math.min(settings.tokens, bearableTokens));
    runner.rounds.decode = bearable((runner.tokens * passesMs) / passes);
  }
  if (generates(contestant) && settings.measures.includes('prefill')) {
    const { firstMs } = await contestant.generate(randomPrompts(group.shape, settings.prefill, 4)(), 1);
    runner.rounds.prefill = bearable(firstMs);
  }
  if (contestant.passes && settings.measures.includes('curve')) {
    const times = await curve(runner.contestant, group.shape, 5, settings);
    runner.rounds.curve = bearable(times.reduce((sum, ms) => sum + ms, 0));
  }
  return runner;
}

async function measure(runner: Runner, round: number, settings: Settings): Promise<void> {
  const { contestant, times, rounds, group } = runner;
  const wanted = (measure: Measure) => settings.measures.includes(measure) && round < rounds[measure];
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  const seed = 100 + round;
  if (generates(contestant)) {
    const { shape } = group;
    if (wanted('decode')) {
      const prompt = randomPrompts(shape, settings.prompt, seed)();
      const { passesMs, passes } = await contestant.generate(prompt, runner.tokens);
      times.decode.push(passesMs / passes);
    }
    if (wanted('prefill')) {
      times.prefill.push((await contestant.generate(randomPrompts(shape, settings.prefill, seed)(), 1)).firstMs);
    }
  }
  if (contestant.passes && wanted('curve')) {
    for (const [index, ms] of (await curve(contestant, group.shape, seed, settings)).entries()) {
      times.curve[index] = [...(times.curve[index] ?? []), ms];
    }
  }
}

/** The first pass of a call is not counted: the caches are then as a pass leaves them. */
async function curve(contestant: Contestant, shape: string, seed: number, settings: Settings): Promise<number[]> {
  const prompt = randomPrompts(shape, settings.prefill, seed)();
  return (await contestant.passes!(prompt, [1, ...settings.sizes])).slice(1);
}
