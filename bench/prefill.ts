/**
 * How fast is a prompt read?
 * Usage: node bench/prefill.ts [--models foretoken-code,135m] [--dtypes q8,f32] [--prompts 32,128,512] [--rounds 5] [--out FILE]
 *
 * A prompt is read in blocks of 64 tokens, without logits but for the last one; every length and type is measured once in each round.
 */
import { BenchModel } from '../src/cli/bench-model.ts';
import { median } from '../src/cli/statistics.ts';
import { figure } from '../src/cli/table.ts';
import type { WeightType } from '../src/model/memory-plan.ts';
import { modelSource } from './shared/models.ts';
import { benchOptions, Report } from './shared/report.ts';

const options = benchOptions({ models: 'foretoken-code,135m', dtypes: 'q8,f32', prompts: '32,128,512', rounds: '5' });
const report = new Report('prefill', 'How fast is a prompt read?');
const lengths = options.prompts.split(',').map(Number);
const dtypes = options.dtypes.split(',') as WeightType[];

for (const name of options.models.split(',')) {
  const models = await Promise.all(
    dtypes.map((dtype) => BenchModel.load(modelSource(name), { dtype, context: Math.max(...lengths) + 1 })),
  );
  const times = dtypes.map(() => lengths.map((): number[] => []));
  for (let round = 0; round <= Number(options.rounds); round++) {
    for (const [d, model] of models.entries()) {
      for (const [l, length] of lengths.entries()) {
        model.forget();
        const prompt = Array.from({ length }, (_, i) => (i * 31 + 7) % 500);
        const { stats } = await model.run(prompt, { maxTokens: 1, draft: 'none' });
        if (round > 0) times[d]![l]!.push(stats.prefillMs + stats.passMs); // the last token is read in the first pass
      }
    }
  }
  report.table(
    `${name}: from the prompt to its last logits, one thread; medians of ${options.rounds} interleaved rounds`,
    [
      ['weights', ...lengths.flatMap((length) => [`${length} tokens, ms`, 'tokens/s'])],
      ...dtypes.map((dtype, d) => [
        dtype,
        ...lengths.flatMap((length, l) => {
          const ms = median(times[d]![l]!);
          return [figure(ms), figure((1000 * length) / ms)];
        }),
      ]),
    ],
  );
}
report.close(options.out);
