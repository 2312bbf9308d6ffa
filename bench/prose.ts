/**
 * Does `auto` ever cost more than plain decoding on free prose and code?
 * Usage: node bench/prose.ts [--model foretoken-code] [--dtypes q8,f32] [--temperatures 0,0.8] [--max-tokens 192] [--rounds 7] [--draft auto]
 *   [--out FILE]
 *
 * `--draft none` measures plain decoding against itself: how far apart two sides are that do the same.
 *
 * The promise is tokens/s of at least 0.97 of plain decoding, with a 95% interval that does not go below it. Outputs that fall into a loop are
 * measured apart: they are what small models do, and what every drafter guesses best.
 */
import { BenchModel } from '../src/cli/bench-model.ts';
import { compare } from '../src/cli/compare.ts';
import type { WeightType } from '../src/model/memory-plan.ts';
import { proseCases } from './shared/cases.ts';
import { hasLoop } from './shared/loops.ts';
import { modelSource } from './shared/models.ts';
import { benchOptions, Report } from './shared/report.ts';
import { ratio, SPEED_HEAD, speedRows, speedUp } from './shared/speed-table.ts';

const PROMISED = 0.97;

const options = benchOptions({
  model: 'foretoken-code',
  dtypes: 'q8,f32',
  temperatures: '0,0.8',
  'max-tokens': '192',
  rounds: '7',
  draft: 'auto',
});
const draft = options.draft === 'none' ? 'none' : 'auto';
const report = new Report('prose', 'Does `auto` ever cost more than plain decoding on free prose and code?');
const rounds = Number(options.rounds);

for (const dtype of options.dtypes.split(',') as WeightType[]) {
  const model = await BenchModel.load(modelSource(options.model), { dtype });
  for (const temperature of options.temperatures.split(',').map(Number)) {
    const cases = proseCases(model, Number(options['max-tokens']), temperature);
    const comparisons = await compare(
      model,
      cases.map(({ ids, options }) => ({ ids, options, draft: () => draft })),
      { rounds },
    );
    const looping = comparisons.map(({ plain }) => hasLoop(plain.tokens));
    const kept = comparisons.filter((_, i) => !looping[i]);
    const kinds = cases.filter((_, i) => !looping[i]).map(({ kind }) => kind);
    const loops = comparisons.filter((_, i) => looping[i]);
    report.table(`${options.model}, ${dtype}, temperature ${temperature}: ${rounds} interleaved rounds`, [
      ['text', ...SPEED_HEAD],
      ...(kept.length > 0 ? speedRows('without loops', kept, kinds) : []),
      ...(loops.length > 0 ? speedRows('loops, reported apart', loops, []) : []),
    ]);
    if (kept.length > 0) {
      const { low } = speedUp(kept);
      const verdict = low >= PROMISED ? 'is kept' : 'is NOT shown by this run';
      report.note(
        `${dtype}, temperature ${temperature}: the lower end is ${ratio(low)}; the promise of ${PROMISED} ${verdict}.`,
      );
    }
  }
}
report.close(options.out);
