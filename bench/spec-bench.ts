/**
 * What is each way of drafting and accepting worth, by task, beside plain decoding of the same engine?
 * Usage: node bench/spec-bench.ts [--model foretoken-code] [--dtype fastest] [--threads fastest] [--draft-model MODEL] [--judge FILE]
 *   [--parts given,own,rules,sampled,questions] [--kinds code,edit,docstring,json,data,prose] [--methods all] [--draft-tokens 4] [--prompts 20] [--questions 10]
 *   [--max-tokens 128] [--rounds 3] [--minutes 120] [--cells FILE] [--resume] [--quick] [--out FILE]
 *
 *   given      temperature 0, every drafter with exact match, on the answers that follow in the sources, which the model is made to say
 *   own        the same on what the model says by itself; loops and wrong edits are counted, and left out
 *   rules      temperature 0.7, every acceptance rule with one drafter that it is valid for
 *   sampled    temperature 1, `auto`
 *   questions  temperature 0, so many of Spec-Bench's questions of each task: tokens a pass only where the model is the embedded one, which knows
 *              no such text; another model's speed is told as well (480 for the whole set)
 *
 * `fastest` takes the type of weights and the number of threads whose plain decoding is fastest. Each kind, part and round is a cell; what is finished is
 * in the file of cells, and `--resume` goes on from there. `--quick` is a run of some minutes, to see that everything works.
 */
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { BenchModel } from '../src/cli/bench-model.ts';
import type { CostPoint } from '../src/cli/cost-curve.ts';
import { type Pair, speedUpOfTotals } from '../src/cli/statistics.ts';
import { figure } from '../src/cli/table.ts';
import { Lookup } from '../src/draft/lookup.ts';
import { Proposer } from '../src/draft/proposer.ts';
import { Recycle } from '../src/draft/recycle.ts';
import { load } from '../src/load.ts';
import type { WeightType } from '../src/model/memory-plan.ts';
import { environment } from './shared/environment.ts';
import { hindsight } from './shared/hindsight.ts';
import { modelSource } from './shared/models.ts';
import { PROMPT_KINDS, type PromptKind, type SetCase, setCases } from './shared/prompt-set.ts';
import { repository } from './shared/prompts.ts';
import { benchOptions, Report } from './shared/report.ts';
import { sourceStore } from './shared/source-store.ts';
import { Cells } from './spec-bench/cells.ts';
import { measure, PLAIN, type Sample } from './spec-bench/measure.ts';
import { defaults, drafters, type Ingredients, type Method, verifiers } from './spec-bench/methods.ts';
import { questionCases, TASKS } from './spec-bench/questions.ts';
import { leftOut } from './spec-bench/summary.ts';
import { acceptanceTable, countsTable, type Group, reportTimed } from './spec-bench/tables.ts';

const EMBEDDED = 'foretoken-code';
const quick = process.argv.includes('--quick');
const options = benchOptions(
  {
    model: EMBEDDED,
    dtype: 'fastest',
    threads: 'fastest',
    'draft-model': '',
    judge: '',
    parts: 'given,own,rules,sampled,questions',
    kinds: PROMPT_KINDS.join(','),
    methods: 'all',
    'draft-tokens': '4',
    prompts: quick ? '2' : '20',
    questions: quick ? '1' : '10',
    'max-tokens': quick ? '24' : '128',
    rounds: quick ? '1' : '3',
    minutes: quick ? '9' : '120',
    cells: join(repository, '.cache/spec-bench/cells.json'),
  },
  ['resume', 'quick'],
);
const maxTokens = Number(options['max-tokens']);
const report = new Report(
  'spec-bench',
  'What is each way of drafting and accepting worth, by task, beside plain decoding of the same engine?',
  'benchmarks',
);

const cells = new Cells(options.cells, conditions(), options.resume);
const speeds = await cells.once('fastest', fastest);
const { dtype, threads } = speeds[0]!;
const model = await BenchModel.load(modelSource(options.model), { dtype, threads });
const { vocab, context } = model.session;
/** Without another one the model drafts for itself, in 4 bits: as good a draft model as there can be, and as slow. */
const draftModel = await load(modelSource(options['draft-model'] || options.model), {
  ...(!options['draft-model'] && { dtype: 'q4' }),
  threads,
});
const ingredients: Ingredients = {
  vocab,
  context,
  store: await sourceStore((text) => model.encode(text, { addSpecial: false }), vocab),
  draftModel,
  draftTokens: Number(options['draft-tokens']),
  ...(options.judge && { judge: JSON.parse(readFileSync(options.judge, 'utf8')) }),
};

/** What is measured alike. */
interface Part {
  readonly title: string;
  readonly methods: readonly Method[];
  readonly kinds: readonly string[];
  readonly cases: (kind: string) => SetCase[];
  readonly rounds: number;
  /** Whether time is told, and how much could have been had. */
  readonly timed: boolean;
  readonly ceiling: boolean;
}

const chosen = (methods: readonly Method[]) =>
  options.methods === 'all' ? methods : methods.filter(({ name }) => options.methods.split(',').includes(name));
const rounds = Number(options.rounds);
const own = {
  kinds: options.kinds.split(','),
  rounds,
  timed: true,
  ceiling: true,
};
const prompts = Number(options.prompts);
const ownCases = (text: 'own' | 'given', temperature: number) => (kind: string) =>
  setCases(model, kind as PromptKind, { text, maxTokens, temperature, prompts });
const foreign = options.model !== EMBEDDED;
const PARTS: Readonly<Record<string, Part>> = {
  given: {
    ...own,
    title: 'Greedy, answers given',
    methods: chosen(drafters(ingredients)),
    cases: ownCases('given', 0),
  },
  own: { ...own, title: 'Greedy', methods: chosen(drafters(ingredients)), cases: ownCases('own', 0) },
  rules: {
    ...own,
    title: 'Temperature 0.7',
    methods: chosen(verifiers(ingredients)),
    cases: ownCases('own', 0.7),
    ceiling: false,
  },
  sampled: { ...own, title: 'Temperature 1', methods: chosen(defaults()), cases: ownCases('own', 1) },
  questions: {
    title: foreign ? "Spec-Bench's questions, greedy" : "Spec-Bench's questions, greedy, out of domain",
    methods: chosen(drafters(ingredients).filter(({ appliesTo }) => !appliesTo)),
    kinds: TASKS,
    cases: (kind) => questionCases(model, kind as (typeof TASKS)[number], Number(options.questions), maxTokens),
    rounds: foreign ? rounds : 1,
    timed: foreign,
    ceiling: false,
  },
};

/** Samples of a kind in a round, or the times of its ceiling. */
type Result = readonly Sample[] | readonly Pair[];
const deadline = performance.now() + 60_000 * Number(options.minutes);

reportSpeeds();
const curve = await cells.once('curve', () =>
  model.costCurve({ prompt: ownCases('given', 0)('code')[0]!.ids, rounds: 9 }),
);
reportCurve(curve);
const wanted = options.parts.split(',').filter((name) => name in PARTS);
await measureAll();
if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
for (const name of wanted) reportPart(name);
report.close(options.out);
draftModel.dispose();

/** All that a sample depends on: the options but for those that say when to stop and where to write, and the place. */
function conditions(): Record<string, unknown> {
  const { minutes: _minutes, cells: _cells, resume: _resume, quick: _quick, ...settings } = options;
  const { date: _date, ...place } = environment();
  return { ...settings, out: undefined, ...place };
}

/** Round by round, so that a run that ends early has measured everything alike; ceilings come last. */
async function measureAll(): Promise<void> {
  const parts = wanted.map((name) => [name, PARTS[name]!] as const);
  for (let round = 1; round <= Math.max(...parts.map(([, part]) => part.rounds)); round++) {
    for (const [name, part] of parts) {
      if (round > part.rounds) continue;
      for (const kind of part.kinds) {
        await cell(`${name} ${kind} ${round}`, (tell) => measure(model, part.cases(kind), part.methods, round, tell));
      }
    }
  }
  for (const [name, part] of parts) {
    if (!part.ceiling) continue;
    for (const kind of part.kinds) await cell(ceilingCell(name, kind), () => ceilings(part.cases(kind), name, kind));
  }
}

/** Measures what is not finished yet, while there is time. */
async function cell(name: string, run: (tell: (...what: string[]) => unknown) => Promise<Result>): Promise<void> {
  if (performance.now() > deadline) return;
  const live = process.stderr.isTTY;
  await cells.once(name, () => {
    if (!live) process.stderr.write(`${name}\n`);
    return run((...what) => live && process.stderr.write(`\r\x1b[K${name}: ${what.join(', ')}`));
  });
}

function ceilingCell(name: string, kind: string): string {
  return `${name} ${kind} ceiling`;
}

/** Of each prompt that counts, along what plain decoding says. */
async function ceilings(cases: readonly SetCase[], name: string, kind: string): Promise<Pair[]> {
  const samples = samplesOf(name, kind);
  const counts = new Set(samples.filter((s) => s.method === PLAIN && !leftOut(s)).map(({ prompt }) => prompt));
  const proposer = new Proposer([new Lookup(context), new Recycle(vocab)]);
  const pairs: Pair[] = [];
  for (const { id, ids, options: generate, answer } of cases) {
    if (!counts.has(id)) continue;
    model.forget();
    const output = answer ?? (await model.run(ids, { ...generate, draft: 'none' })).tokens;
    pairs.push(await hindsight(model.session, proposer, ids, output, curve));
  }
  model.forget();
  return pairs;
}

function samplesOf(name: string, kind: string): Sample[] {
  const all = Array.from({ length: PARTS[name]!.rounds }, (_, i) =>
    cells.result<readonly Sample[]>(`${name} ${kind} ${i + 1}`),
  );
  return all.flatMap((samples) => samples ?? []);
}

function reportPart(name: string): void {
  const { title, methods, kinds, rounds: all, timed } = PARTS[name]!;
  const finished = kinds.flatMap((kind) =>
    Array.from({ length: all }, (_, i) => `${name} ${kind} ${i + 1}`).filter((cellName) => cells.result(cellName)),
  );
  const missing = kinds.length * all - finished.length;
  if (missing > 0) {
    report.note(
      `${title}: ${missing} of ${kinds.length * all} cells are missing, as time was up; \`--resume\` measures them.`,
    );
  }
  if (finished.length === 0) return;
  const group: Group = {
    name: title,
    setting: `${options.model}, ${dtype}, threads: ${threads}`,
    slug: `spec-bench-${name}`,
    methods: methods.map((method) => method.name),
    singles: methods.filter(({ single }) => single).map((method) => method.name),
    kinds: new Map(kinds.map((kind) => [kind, samplesOf(name, kind)])),
    ...(PARTS[name]!.ceiling && {
      ceilings: new Map(
        kinds.flatMap((kind) => {
          const pairs = cells.result<readonly Pair[]>(ceilingCell(name, kind)) ?? [];
          return pairs.length > 0 ? [[kind, speedUpOfTotals(pairs)] as const] : [];
        }),
      ),
    }),
  };
  if (timed) {
    reportTimed(report, group);
    return;
  }
  countsTable(report, group);
  acceptanceTable(report, group, 'all');
  report.note(
    `${title}: the embedded model knows no dialogue; every answer is in the table, loops too, and nothing is said of speed.`,
  );
}

function reportCurve(points: readonly CostPoint[]): void {
  report.table(`${options.model}, ${dtype}, threads: ${threads}: a pass over n tokens`, [
    ['n', ...points.map(({ nodes }) => String(nodes))],
    ['ms', ...points.map(({ ms }) => figure(ms))],
    ['T(n)/T(1)', ...points.map((point) => figure(point.ratio))],
  ]);
  report.chart({
    name: 'spec-bench-curve',
    title: `${options.model}, ${dtype}: cost of a pass over n tokens`,
    x: 'n',
    y: 'T(n)/T(1)',
    logarithmicX: true,
    series: [{ name: dtype, points: points.map(({ nodes, ratio }) => ({ x: nodes, y: ratio })) }],
  });
}

/** A way of loading the model, and tokens/s of plain decoding with it where there was a choice. */
interface Speed {
  readonly dtype: WeightType;
  readonly threads: number;
  readonly perSecond?: number;
}

/** The type of weights and the threads that were given; where the choice is ours, every pair, the one whose plain decoding is fastest first. */
async function fastest(): Promise<Speed[]> {
  const types = (options.dtype === 'fastest' ? ['f32', 'q8', 'q4'] : [options.dtype]) as WeightType[];
  const counts = options.threads === 'fastest' ? [...new Set([1, availableParallelism()])] : [Number(options.threads)];
  const pairs = types.flatMap((type) => counts.map((count): Speed => ({ dtype: type, threads: count })));
  if (pairs.length === 1) return pairs;
  const measured: Required<Speed>[] = [];
  for (const pair of pairs) {
    const candidate = await BenchModel.load(modelSource(options.model), pair);
    const [{ ids }] = setCases(candidate, 'code', { text: 'own', maxTokens, prompts: 1 }) as [SetCase];
    let perSecond = 0;
    for (let run = 0; run < 4; run++) {
      const { tokens, decodeMs } = await candidate.run(ids, { maxTokens, draft: 'none' });
      perSecond = Math.max(perSecond, (1000 * tokens.length) / decodeMs);
    }
    candidate.parts.transformer.dispose();
    measured.push({ ...pair, perSecond });
  }
  return measured.sort((a, b) => b.perSecond - a.perSecond);
}

function reportSpeeds(): void {
  if (speeds.length === 1) return;
  report.table(`${options.model}: plain decoding, the best of four runs; the first line is taken`, [
    ['weights', 'threads', 'tokens/s'],
    ...speeds.map((speed) => [speed.dtype, String(speed.threads), figure(speed.perSecond!)]),
  ]);
}
