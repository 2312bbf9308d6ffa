/**
 * Plain decoding and all methods, in turn, over the prompts of a kind.
 * @module
 */
import type { BenchModel, Run } from '../../src/cli/bench-model.ts';
import { ForetokenError } from '../../src/errors.ts';
import { hasLoop } from '../shared/loops.ts';
import type { SetCase } from '../shared/prompt-set.ts';
import type { Method } from './methods.ts';

/** The name of plain decoding among methods. */
export const PLAIN = 'plain';

/** One prompt, decoded one way, once. */
export interface Sample {
  readonly method: string;
  /** Id of the prompt. */
  readonly prompt: string;
  readonly tokens: number;
  readonly passes: number;
  /** Wall time after the prompt, and what of it went into drafting and into passes, milliseconds. */
  readonly decodeMs: number;
  readonly draftMs: number;
  readonly passMs: number;
  /** Passes that verified drafted tokens, and drafted tokens. */
  readonly drafts: number;
  readonly drafted: number;
  /** Accepted nodes at depth i + 1. */
  readonly accepted: readonly number[];
  readonly loop: boolean;
  /** Of a prompt with one right answer: whether this is it. */
  readonly right?: boolean;
}

/**
 * Each prompt is decoded every way before the next one comes, and who begins changes from prompt to prompt and from round to round. Every method
 * begins without memory, keeps it from prompt to prompt, and shares it with no other. The first prompt is decoded once beforehand, untimed.
 *
 * @param onRun told before each run
 * @throws {ForetokenError} `bench.tokens` when a method that promises plain decoding's tokens gives others
 */
export async function measure(
  model: BenchModel,
  cases: readonly SetCase[],
  methods: readonly Method[],
  round: number,
  onRun?: (prompt: string, method: string) => unknown,
): Promise<Sample[]> {
  await session(model, cases.slice(0, 1), methods, round);
  return session(model, cases, methods, round, onRun);
}

async function session(
  model: BenchModel,
  cases: readonly SetCase[],
  methods: readonly Method[],
  round: number,
  onRun?: (prompt: string, method: string) => unknown,
): Promise<Sample[]> {
  model.forget();
  const plain: Method = { name: PLAIN, sameBits: true, start: () => () => ({ draft: 'none' }) };
  const entrants = [plain, ...methods].map((method) => ({ method, wayFor: method.start() }));
  const samples: Sample[] = [];
  for (const [index, instance] of cases.entries()) {
    const { ids, options, answer } = instance;
    const runs = new Map<Method, Run>();
    const taking = entrants.filter(({ method }) => method.appliesTo?.(instance) ?? true);
    const first = (round + index) % taking.length;
    for (const { method, wayFor } of [...taking.slice(first), ...taking.slice(0, first)]) {
      onRun?.(instance.id, method.name);
      const { end, ...way } = wayFor(instance);
      try {
        runs.set(method, await model.run(ids, { ...options, ...way }, answer, method.name));
      } finally {
        end?.();
      }
    }
    for (const [method, run] of runs) {
      if (method.sameBits) checkSame(runs.get(plain)!.tokens, run.tokens, `${instance.id}, ${method.name}`);
      samples.push(sampleOf(method, instance, run));
    }
  }
  return samples;
}

function sampleOf({ name }: Method, { id, expected, answer, options }: SetCase, run: Run): Sample {
  const { stats, tokens, decodeMs } = run;
  const greedy = (options.temperature ?? 0) === 0;
  return {
    method: name,
    prompt: id,
    tokens: tokens.length,
    passes: stats.passes,
    decodeMs,
    draftMs: stats.draftMs,
    passMs: stats.passMs,
    drafts: stats.num_drafts,
    drafted: stats.num_draft_tokens,
    accepted: stats.num_accepted_tokens_per_pos,
    loop: hasLoop(tokens),
    ...(expected !== undefined &&
      answer === undefined &&
      greedy && { right: run.finishReason === 'stop' && run.text === expected }),
  };
}

/** @throws {ForetokenError} `bench.tokens` */
export function checkSame(plain: readonly number[], other: readonly number[], what: string): void {
  const length = Math.max(plain.length, other.length);
  for (let i = 0; i < length; i++) {
    if (plain[i] !== other[i])
      throw new ForetokenError('bench.tokens', `${what}: other tokens than plain, from ${i} on`);
  }
}
