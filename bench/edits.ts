/**
 * How much faster does `auto` apply an edit to a function than plain decoding?
 * Usage: node bench/edits.ts [--model foretoken-code] [--dtypes q8,f32] [--prompts 1000] [--given 48] [--rounds 3] [--out FILE]
 *
 * Prompts are functions of 20 to 60 lines from packages that the model was not trained on, with an instruction that changes them.
 * Only those count whose output is the right edit, and no loop. Beside them, all edits with the right answer given: each pass is computed,
 * and the answer's token is taken instead of the model's. That measures what a model that edits well would gain, at this one's size.
 */
import { BenchModel } from '../src/cli/bench-model.ts';
import { compare } from '../src/cli/compare.ts';
import type { WeightType } from '../src/model/memory-plan.ts';
import { type Case, editCases, givenEditCases, isRightEdit, sortCases } from './shared/cases.ts';
import { modelSource } from './shared/models.ts';
import { benchOptions, Report } from './shared/report.ts';
import { SPEED_HEAD, speedRows } from './shared/speed-table.ts';

const options = benchOptions({ model: 'foretoken-code', dtypes: 'q8,f32', prompts: '1000', given: '48', rounds: '3' });
const report = new Report('edits', 'How much faster does `auto` apply an edit to a function than plain decoding?');
const rounds = Number(options.rounds);

for (const dtype of options.dtypes.split(',') as WeightType[]) {
  const model = await BenchModel.load(modelSource(options.model), { dtype });
  const cases = editCases(model).slice(0, Number(options.prompts));
  const { good, wrong, loops } = await sortCases(model, cases, isRightEdit);
  report.note(
    `${dtype}: ${good.length} of ${cases.length} edits are right and counted; ${wrong} are wrong, ${loops} right ones hold a loop.`,
  );
  if (good.length > 0) await tableOf(model, 'right edits', dtype, good);
  await tableOf(model, 'right answers given', dtype, givenEditCases(model).slice(0, Number(options.given)));
}

async function tableOf(model: BenchModel, what: string, dtype: WeightType, cases: readonly Case[]): Promise<void> {
  const prompts = cases.map((instance) => ({ ...instance, draft: () => 'auto' as const }));
  const comparisons = await compare(model, prompts, { rounds });
  const kinds = cases.map(({ kind }) => kind);
  report.table(`${options.model}, ${dtype}: ${what}, ${rounds} interleaved rounds`, [
    ['edits', ...SPEED_HEAD],
    ...speedRows(dtype, comparisons, kinds),
  ]);
}
report.close(options.out);
