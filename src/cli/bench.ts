/**
 * `foretoken bench`: plain against speculative decoding of one prompt, and what a pass costs.
 * @module
 */
import type { DraftOption, GenerateOptions } from '../decode/options.ts';
import type { GenerationStats } from '../decode/stats.ts';
import { ForetokenError, quote } from '../errors.ts';
import type { FolderInput } from '../formats/folder.ts';
import { BenchModel } from './bench-model.ts';
import { command } from './command.ts';
import { compare, medianPair } from './compare.ts';
import type { CostPoint } from './cost-curve.ts';
import { draftOption, GENERATE_OPTIONS } from './generate-options.ts';
import { HEAD_OPTIONS, headOption, withHead } from './head-options.ts';
import { DEFAULT_MODEL, loadOptions, MODEL_OPTIONS } from './model.ts';
import { PROMPT_OPTIONS, readPrompt } from './prompt.ts';
import { randomModel, SHAPES } from './random-model.ts';
import { bootstrap, type Interval, speedUpOfRounds } from './statistics.ts';
import { SyntheticDrafter } from './synthetic-drafter.ts';
import { figure, table } from './table.ts';

const DEFAULTS = { tokens: 128, rounds: 5, randomPrompt: 64 } as const;

const DEFAULT_PROMPT = `/** Euclid's algorithm. */
export function greatestCommonDivisor(a: number, b: number): number {
  while (b !== 0) [a, b] = [b, a % b];
  return a;
}

/** The least common multiple of two numbers. */
export function leastCommonMultiple(`;

/** What `--json` prints. */
interface BenchResult {
  readonly model: string;
  readonly dtype: string;
  /** Type of keys and values. */
  readonly kv: string;
  readonly threads: number;
  readonly promptTokens: number;
  readonly newTokens: number;
  readonly draft: string;
  /** Tokens to draft in a pass, where they were fixed. */
  readonly draftTokens: number | undefined;
  readonly rounds: number;
  /** Always true: a difference is an error. */
  readonly sameTokens: true;
  readonly plainTokensPerSecond: number;
  readonly tokensPerSecond: number;
  /** With a 95% interval over the rounds. */
  readonly speedUp: Interval;
  readonly costCurve: readonly CostPoint[];
  /** Of the last speculative run. */
  readonly stats: GenerationStats;
}

export const benchCommand = command({
  name: 'bench',
  summary: 'measures plain against speculative decoding, and what a pass costs',
  usage: '[PROMPT] [OPTIONS]',
  options: {
    ...MODEL_OPTIONS,
    shape: {
      kind: 'text',
      value: 'NAME',
      help: `random weights in memory instead of a model: ${Object.keys(SHAPES).join(', ')}`,
    },
    ...PROMPT_OPTIONS,
    draft: GENERATE_OPTIONS.draft,
    ...HEAD_OPTIONS,
    'draft-tokens': { kind: 'integer', value: 'N', help: 'most tokens to draft in a pass' },
    'synthetic-acceptance': {
      kind: 'number',
      value: 'R',
      help: 'draft tokens that are known to be right, each with probability R, 0..1',
    },
    'max-tokens': { kind: 'integer', value: 'N', help: `tokens to generate, at most; default ${DEFAULTS.tokens}` },
    rounds: { kind: 'integer', value: 'N', help: `timed rounds; default ${DEFAULTS.rounds}` },
    json: { kind: 'flag', help: 'print one JSON object' },
  },
  positionals: 1,
  notes: `Both ways of decoding must give the same tokens before anything is timed; then they take turns. Times are those after the prompt.
--synthetic-acceptance measures the system apart from any drafter's luck, also on random weights; without --draft-tokens it drafts as many
tokens as the measured cost of passes makes best at that rate.

  foretoken bench --file prompt.txt --draft lookup
  foretoken bench --shape 135m --synthetic-acceptance 0.8`,
  async run({ options, positionals: [argument] }, terminal) {
    const rate = options['synthetic-acceptance'];
    const rounds = options.rounds ?? DEFAULTS.rounds;
    checkRange('synthetic-acceptance', rate, 0, 1);
    checkRange('rounds', rounds, 1, 1000);
    if (options.shape !== undefined && options.model !== undefined)
      throw new ForetokenError('usage.option', 'give --model or --shape, not both');
    const given = await readPrompt(argument, options, { stdin: false });

    terminal.status('loading');
    const name = options.shape ?? options.model ?? DEFAULT_MODEL;
    const model = await BenchModel.load(
      options.shape === undefined ? name : shapeSource(options.shape),
      loadOptions(options, terminal),
    );
    const { config, plan } = model.parts.transformer;
    const ids = model.encode(given ?? (model.parts.tokenizer ? DEFAULT_PROMPT : randomPrompt(config.vocab)));

    terminal.status('measuring passes');
    const costCurve = model.costCurve({ prompt: ids, rounds });

    const generate: GenerateOptions = { maxTokens: options['max-tokens'] ?? DEFAULTS.tokens, signal: terminal.signal };
    const head = await headOption(options, model.parts);
    let draft = (): DraftOption => withHead(draftOption(options.draft), head);
    let draftTokens = options['draft-tokens'];
    if (rate !== undefined) {
      terminal.status('decoding once, to know the tokens');
      const { tokens } = await model.run(ids, { ...generate, draft: 'none' });
      draft = () => new SyntheticDrafter(tokens, rate, config.vocab);
      draftTokens ??= bestChain(rate, costCurve);
    }
    const prompt = { ids, draft, options: { ...generate, ...(draftTokens !== undefined && { draftTokens }) } };
    const onRun = (round: number) =>
      terminal.status(round === 0 ? 'checking that both give the same tokens' : `round ${round} of ${rounds}`);
    const [comparison] = await compare(model, [prompt], { rounds, onRun });

    const { plainMs, otherMs } = medianPair(comparison!);
    const newTokens = comparison!.plain.tokens.length;
    const result: BenchResult = {
      model: name,
      dtype: plan.options.dtype,
      kv: plan.options.kv,
      threads: plan.options.threads,
      promptTokens: ids.length,
      newTokens,
      draft: rate === undefined ? nameOf(draft()) : `synthetic ${rate}`,
      draftTokens,
      rounds,
      sameTokens: true,
      plainTokensPerSecond: (1000 * newTokens) / plainMs,
      tokensPerSecond: (1000 * newTokens) / otherMs,
      speedUp: bootstrap(comparison!.rounds, speedUpOfRounds),
      costCurve,
      stats: comparison!.other.stats,
    };
    await terminal.write(`${options.json ? JSON.stringify(result) : describe(result)}\n`);
  },
});

function nameOf(draft: DraftOption): string {
  return [draft]
    .flat()
    .map((source) => (typeof source === 'string' ? source : source.name))
    .join(',');
}

function checkRange(name: string, value: number | undefined, least: number, most: number): void {
  if (value !== undefined && !(value >= least && value <= most)) {
    throw new ForetokenError('usage.option', `--${name} ${value}: expected ${least}..${most}`);
  }
}

function shapeSource(name: string): FolderInput {
  if (!Object.hasOwn(SHAPES, name)) {
    throw new ForetokenError(
      'usage.option',
      `--shape ${quote(name)}: expected one of ${Object.keys(SHAPES).join(', ')}`,
    );
  }
  return randomModel(SHAPES[name]!);
}

/** Random weights do not care what they read. */
function randomPrompt(vocab: number): number[] {
  return Array.from({ length: DEFAULTS.randomPrompt }, (_, i) => (i * 31 + 7) % vocab);
}

/** Length of the chain that promises most tokens per time, when each of its tokens is right with probability `rate`; at least 1. */
function bestChain(rate: number, curve: readonly CostPoint[]): number {
  const tokens = (nodes: number) =>
    Array.from({ length: nodes }, (_, depth) => rate ** depth).reduce((sum, chance) => sum + chance, 0);
  const drafted = curve.filter(({ nodes }) => nodes > 1);
  return (
    drafted.reduce((best, point) => (tokens(point.nodes) / point.ms > tokens(best.nodes) / best.ms ? point : best))
      .nodes - 1
  );
}

function describe(result: BenchResult): string {
  const { speedUp, stats, costCurve } = result;
  const percent = (share: number) => `${Math.round(100 * share)}%`;
  const facts = [
    `${result.model}, ${result.dtype}, cache in ${result.kv}, threads: ${result.threads}, prompt of ${result.promptTokens} tokens, ${result.newTokens} new ones, ${result.rounds} rounds`,
    'same tokens both ways: yes',
  ];
  const speeds = table([
    ['decoding', 'tokens/s'],
    ['plain', figure(result.plainTokensPerSecond)],
    [
      result.draftTokens === undefined ? result.draft : `${result.draft}, ${result.draftTokens} drafted`,
      figure(result.tokensPerSecond),
    ],
  ]);
  const outcome = [
    `speed-up ${figure(speedUp.estimate)}, 95% interval ${figure(speedUp.low)} to ${figure(speedUp.high)}`,
    `${figure(stats.blockEfficiency)} tokens a pass; ${stats.num_accepted_tokens} of ${stats.num_draft_tokens} drafted tokens accepted`,
    `acceptance by depth: ${stats.acceptanceRate.map(percent).join(' ') || 'nothing drafted'}`,
    `schedule: ${stats.schedule}`,
  ];
  const curve = table([
    ['a pass over n tokens', ...costCurve.map(({ nodes }) => String(nodes))],
    ['ms', ...costCurve.map(({ ms }) => figure(ms))],
    ['T(n)/T(1)', ...costCurve.map(({ ratio }) => figure(ratio))],
  ]);
  return [facts.join('\n'), speeds, outcome.join('\n'), curve].join('\n\n');
}
