/**
 * How much of what the drafters' candidates could give does `auto` get?
 * Usage: node bench/ceiling.ts [--model foretoken-code] [--dtypes q8,f32] [--prompts 24] [--max-tokens 128] [--rounds 3] [--sets right,given,prose] [--out FILE]
 *
 * The ceiling is the cheapest way through the recorded output with the candidates offered at every position, each pass at its measured T(n) and
 * drafting free (shared/hindsight.ts). Edits count as in edits.ts, right ones and those whose answers are given; of prose and code, what does not loop.
 */
import { BenchModel } from '../src/cli/bench-model.ts';
import { type Comparison, compare, medianPair } from '../src/cli/compare.ts';
import { type Pair, speedUpOfTotals } from '../src/cli/statistics.ts';
import { figure } from '../src/cli/table.ts';
import { Lookup } from '../src/draft/lookup.ts';
import { Proposer } from '../src/draft/proposer.ts';
import { Recycle } from '../src/draft/recycle.ts';
import type { WeightType } from '../src/model/memory-plan.ts';
import { type Case, editCases, givenEditCases, isRightEdit, proseCases, sortCases } from './shared/cases.ts';
import { hindsight } from './shared/hindsight.ts';
import { modelSource } from './shared/models.ts';
import { benchOptions, Report } from './shared/report.ts';
import { ratio } from './shared/speed-table.ts';

const options = benchOptions({
  model: 'foretoken-code',
  dtypes: 'q8,f32',
  prompts: '24',
  'max-tokens': '128',
  rounds: '3',
  sets: 'right,given,prose',
});
const report = new Report('ceiling', "How much of what the drafters' candidates could give does `auto` get?");
const most = Number(options.prompts);

/** What could have been had: plain time over ceiling time, both at the measured T(n). */
async function ceilingSpeedUp(
  model: BenchModel,
  cases: readonly Case[],
  comparisons: readonly Comparison[],
): Promise<number> {
  const { vocab, context } = model.session;
  const curve = model.costCurve({ prompt: cases[0]!.ids, rounds: 9 });
  const drafters = new Proposer([new Lookup(context), new Recycle(vocab)]);
  const pairs: Pair[] = [];
  for (const [i, { ids }] of cases.entries()) {
    pairs.push(await hindsight(model.session, drafters, ids, comparisons[i]!.plain.tokens, curve));
  }
  model.forget();
  return speedUpOfTotals(pairs);
}

const rows: string[][] = [];
for (const dtype of options.dtypes.split(',') as WeightType[]) {
  const model = await BenchModel.load(modelSource(options.model), { dtype });
  const sets: Record<string, readonly [name: string, cases: () => Promise<readonly Case[]>]> = {
    right: ['right edits', async () => (await sortCases(model, editCases(model), isRightEdit)).good],
    given: ['edits, answers given', async () => givenEditCases(model)],
    prose: [
      'prose and code',
      async () => (await sortCases(model, proseCases(model, Number(options['max-tokens']), 0), () => true)).good,
    ],
  };
  for (const set of options.sets.split(',')) {
    const [name, casesOf] = sets[set]!;
    const all = await casesOf();
    const cases = all.slice(0, most);
    if (cases.length === 0) continue;
    const prompts = cases.map((instance) => ({ ...instance, draft: () => 'auto' as const }));
    const comparisons = await compare(model, prompts, { rounds: Number(options.rounds) });
    const measured = speedUpOfTotals(comparisons.map(medianPair));
    const ceiling = await ceilingSpeedUp(model, cases, comparisons);
    rows.push([
      `${dtype}, ${name}`,
      String(cases.length),
      ratio(measured),
      ratio(ceiling),
      `${figure((100 * measured) / ceiling)}%`,
    ]);
  }
}
report.table(`${options.model}: speed-up over plain decoding, ${options.rounds} interleaved rounds`, [
  ['prompts', 'count', 'auto', 'ceiling', 'reached'],
  ...rows,
]);
report.close(options.out);
