/**
 * Plain and speculative decoding of the same prompts, in turn.
 * @module
 */
import type { GenerateOptions } from '../decode/options.ts';
import { ForetokenError } from '../errors.ts';
import type { BenchModel, Run } from './bench-model.ts';
import { median, type Pair, speedUpOfRounds } from './statistics.ts';

/** One prompt, decoded both ways. */
export interface Comparison {
  /** Of the last round. */
  readonly plain: Run;
  readonly other: Run;
  /** One for each timed round. */
  readonly rounds: readonly Pair[];
}

export interface ComparePrompt {
  readonly ids: readonly number[];
  readonly options: GenerateOptions;
  /** What the model is made to say; default: what it says by itself. */
  readonly answer?: readonly number[];
  /** How the other side drafts; called anew for each run, as a drafter has a state. */
  readonly draft: () => NonNullable<GenerateOptions['draft']>;
}

/**
 * Round 0 is not timed. In each round the model begins without memory of earlier ones, and goes through all prompts in order, so it knows from
 * earlier prompts what a session of these prompts would. Each prompt is decoded both ways before the next one comes; who goes first alternates.
 *
 * @throws {ForetokenError} `bench.tokens` when the two ways give different tokens: then nothing was worth timing
 */
export async function compare(
  model: BenchModel,
  prompts: readonly ComparePrompt[],
  { rounds, onRun }: { rounds: number; onRun?: (round: number, prompt: number) => void },
): Promise<Comparison[]> {
  const results = prompts.map(() => ({
    plain: undefined as Run | undefined,
    other: undefined as Run | undefined,
    rounds: [] as Pair[],
  }));
  for (let round = 0; round <= rounds; round++) {
    model.forget();
    for (const [index, { ids, options, answer, draft }] of prompts.entries()) {
      onRun?.(round, index);
      const runPlain = () => model.run(ids, { ...options, draft: 'none' }, answer);
      const runOther = () => model.run(ids, { ...options, draft: draft() }, answer);
      let plain: Run;
      let other: Run;
      if ((round + index) % 2 === 0) {
        plain = await runPlain();
        other = await runOther();
      } else {
        other = await runOther();
        plain = await runPlain();
      }
      checkSame(plain, other, index);
      const result = results[index]!;
      Object.assign(result, { plain, other });
      if (round > 0) result.rounds.push({ plainMs: plain.decodeMs, otherMs: other.decodeMs });
    }
  }
  return results as Comparison[];
}

function checkSame(plain: Run, other: Run, prompt: number): void {
  const { tokens } = plain;
  const at = tokens.findIndex((token, i) => token !== other.tokens[i]);
  if (at < 0 && tokens.length === other.tokens.length) return;
  const where = at < 0 ? Math.min(tokens.length, other.tokens.length) : at;
  throw new ForetokenError(
    'bench.tokens',
    `prompt ${prompt}: plain and speculative decoding differ from token ${where} on`,
  );
}

/** The prompt's times: the median of plain ones, and by the speed-up of its rounds what the other way would have taken. */
export function medianPair({ rounds }: Comparison): Pair {
  const plainMs = median(rounds.map((round) => round.plainMs));
  return { plainMs, otherMs: plainMs / speedUpOfRounds(rounds) };
}
